"""panels.json of a cohort folder: what each assay reads."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from features.cohort import Panel
from features.errors import CohortError, Fault
from features.panel import READINGS
from features.readers.checks import is_number, is_text
from features.readers.file_faults import FileFaults
from features.readers.strict_json import read_json

PANELS = "panels.json"

_FIELDS = frozenset({"name", "genes", "size_mb", "reads"})


def read_panels(path: Path, faults: FileFaults) -> dict[str, Panel]:
    """The panels of a file, none where there is no file; what is wrong with one is a fault."""
    if not path.exists():
        return {}
    document = read_json(path)
    if not isinstance(document, list):
        fault = Fault(PANELS, "a list of panels is needed", "write [{...}, {...}]")
        raise CohortError(f"{PANELS} cannot be read", [fault])
    found: dict[str, Panel] = {}
    for place, entry in enumerate(document):
        where = f"{PANELS} /{place}"
        try:
            panel = _panel(entry, where)
        except CohortError as error:
            for fault in error.faults:
                faults.at(fault.where, None, None, fault.what, fault.remedy)
            continue
        if panel.name in found:
            faults.at(where, None, None, "the name of an earlier panel", "give each panel one name")
        found[panel.name] = panel
    return found


def write_panels(panels: Mapping[str, Panel], path: Path) -> None:
    """One file of the panels; none is written where there are none."""
    if panels:
        entries = [_entry(panel) for panel in panels.values()]
        path.write_text(json.dumps(entries, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _panel(entry: object, where: str) -> Panel:
    if not isinstance(entry, dict) or set(entry) != _FIELDS:
        raise CohortError(where, [Fault(where, "not a panel", f"give exactly {', '.join(sorted(_FIELDS))}")])
    name, genes, size, reads = (entry[key] for key in ("name", "genes", "size_mb", "reads"))
    lists = (genes is None or _is_names(genes)) and _is_names(reads) and set(reads) <= set(READINGS)
    if not (is_text(name, 200) and lists and (size is None or is_number(size))):
        what, remedy = "a field of a panel has the wrong kind", "see the folder's description"
        raise CohortError(where, [Fault(where, what, remedy)])
    listed = None if genes is None else frozenset(genes)
    return Panel(name, listed, math.nan if size is None else float(size), frozenset(reads))


def _entry(panel: Panel) -> dict[str, object]:
    genes = None if panel.genes is None else sorted(panel.genes)
    size = None if math.isnan(panel.size_mb) else panel.size_mb
    return {"name": panel.name, "genes": genes, "size_mb": size, "reads": sorted(panel.reads)}


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(is_text(item, 200) for item in value)
