"""The card as one self-contained HTML page: no script, no other request, light, dark and on paper."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from models.card import METRICS, spoken
from training.model_card.facts import MODEL, figure_text, metric_name

Json = Mapping[str, Any]  # Any: a card, keyed by names the study chose
_TEMPLATES = Path(__file__).parent / "templates"
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


def card_page(document: Json) -> str:
    """The page of a card's document; every text of the study is escaped."""
    css = Markup((_TEMPLATES / "card.css").read_text(encoding="utf-8"))
    return _template().render(
        card=document,
        css=css,
        tables=list(_tables(document)),
        sections=_sections(document["applied_model_card"]),
        lists=[document["source_attributes"], document["tripod_ai"]],
        spoken=spoken,
    )


@cache
def _template() -> Template:
    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("card.html")


def _tables(document: Json) -> Iterator[Json]:
    """Title, headings and rows of figures: one table a protocol, and one a variable of its groups."""
    unit = document["unit"]
    for protocol, whos in document["performance"].items():
        yield _table(spoken(protocol), {spoken(who): own for who, own in whos.items()}, unit)
    for protocol, variables in document["subgroups"].items():
        for variable, levels in variables.items():
            rows = {
                f"{spoken(level)} ({own['n']:,})" if "n" in own else spoken(level): own[MODEL]
                for level, own in levels.items()
                if MODEL in own
            }
            if rows:
                yield _table(f"{spoken(protocol)}, by {spoken(variable)}", rows, unit)


def _table(title: str, rows: Mapping[str, Json], unit: str) -> Json:
    shown = [metric for metric in METRICS if any(metric in own for own in rows.values())]
    return {
        "title": title,
        "heads": [metric_name(metric, unit) for metric in shown],
        "rows": [(who, [figure_text(own.get(m), m) for m in shown]) for who, own in rows.items()],
    }


def _sections(applied: Json) -> list[tuple[str, list[tuple[str, str]]]]:
    """The applied card's sections as (title, rows of term and text); results of metrics are in the tables."""
    return [(_words(name), list(_terms(own, ""))) for name, own in applied.items() if name != "KeyMetrics"]


def _terms(found: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(found, Mapping):
        for key, own in found.items():
            yield from _terms(own, key)
    elif isinstance(found, list):
        yield _words(name), ", ".join(own if isinstance(own, str) else json.dumps(own) for own in found)
    else:
        yield _words(name), str(found)


def _words(name: str) -> str:
    first, *others = _WORD.split(name)
    return " ".join([first, *(word if word.isupper() else word.lower() for word in others)])
