"""The applied model card as XML, and text as XML may hold it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

_FORBIDDEN = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_xml(card: Mapping[str, object], namespace: str) -> str:
    """The tree under `AppliedModelCard`; the same tree gives the same bytes."""
    ET.register_namespace("", namespace)
    root = ET.Element(f"{{{namespace}}}AppliedModelCard")
    _add(root, card, namespace)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def printable(found: object) -> object:
    """The same tree with every character that XML forbids replaced by U+FFFD."""
    if isinstance(found, str):
        return _FORBIDDEN.sub("\ufffd", found)
    if isinstance(found, Mapping):
        return {str(printable(key)): printable(own) for key, own in found.items()}
    if isinstance(found, list | tuple):
        return [printable(own) for own in found]
    return found


def _add(parent: ET.Element, card: Mapping[str, object], namespace: str) -> None:
    for name, told in card.items():
        for own in told if isinstance(told, list) else [told]:
            child = ET.SubElement(parent, f"{{{namespace}}}{name}")
            if isinstance(own, Mapping):
                _add(child, own, namespace)
            else:
                child.text = str(own)
