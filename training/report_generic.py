"""Sections of the evaluation that have no figure of their own, as headings, sentences and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.report_parts import Panel, Section, Table
from training.report_words import heading, is_figure, number, said, small_number, spoken

Tree = Any  # Any: a tree of JSON
# The sections that other analyses add, in the order they are read, and what each is about.
SECTIONS: Mapping[str, tuple[str, str]] = {
    "importance": (
        "Importance, with refitting",
        "How steady the weight of each feature is when data are redrawn.",
    ),
    "biomarkers": ("Biomarkers", "Associations of single features, held against many tests at once."),
    "randomisation": (
        "When the truth is shuffled",
        "With labels or a block permuted, what was learned must vanish.",
    ),
    "suspicions": ("Suspicions", "Columns that do too well, and patients who may be in two parts."),
    "equity": ("Equity", "Figures by protected attribute, and what leaving one out would cost."),
    "transport": ("Transport to a new site", "What adapting the model to a few local patients brings."),
}
_DEEPEST, _LONG = 4, 40
_HOW = ("protocol", "n_resamples")
"""Keys that tell how a section was found; a reader of the page is told that elsewhere."""


def generic_sections(document: Mapping[str, Tree]) -> list[Section]:
    """Those of `SECTIONS` that the document has."""
    found = []
    for key, (title, lead) in SECTIONS.items():
        section = document.get(key)
        told = (
            {k: v for k, v in section.items() if k not in _HOW} if isinstance(section, Mapping) else section
        )
        panels = panels_of(told)
        if panels:
            found.append(Section(key, title, lead, panels))
    return found


def panels_of(found: Tree, title: str = "", depth: int = 0) -> list[Panel]:
    """A tree as panels: plain values as one table, a table of like things as another, the rest below."""
    if found is None or found in ({}, [], ""):
        return []
    if isinstance(found, Mapping):
        return _of_mapping(found, title, depth)
    if isinstance(found, list | tuple):
        return _of_list(found, title, depth)
    return [Panel(title, words=(_cell(found),))]


def _of_mapping(found: Mapping[str, Tree], title: str, depth: int) -> list[Panel]:
    if is_figure(found):
        return [Panel(title, words=(_cell(found),))]
    plain = {key: own for key, own in found.items() if _is_plain(own)}
    deep = {key: own for key, own in found.items() if not _is_plain(own) and own not in ({}, [])}
    panels = []
    sentences = [own for own in plain.values() if isinstance(own, str) and len(own) > _LONG]
    if sentences:
        panels.append(Panel(title, words=sentences))
        plain = {key: own for key, own in plain.items() if own not in sentences}
        title = "" if not plain else title
    if plain:
        rows = [[heading(key), _cell(own)] for key, own in plain.items()]
        panels.append(Panel("" if panels else title, tables=(Table("", ["", "Found"], rows),)))
    if deep and all(isinstance(own, Mapping) and _is_flat(own) for own in deep.values()):
        return [*panels, Panel("" if panels else title, tables=(_table(list(deep.items())),))]
    for key, own in deep.items():
        below = " · ".join(part for part in (title, heading(key)) if part)
        panels += panels_of(own, below, depth + 1) if depth < _DEEPEST else []
    return panels


def _of_list(found: Sequence[Tree], title: str, depth: int) -> list[Panel]:
    if all(isinstance(own, Mapping) and _is_flat(own) for own in found):
        return [Panel(title, tables=(_table([("", own) for own in found]),))]
    if all(_is_plain(own) for own in found):
        return [Panel(title, words=tuple(_cell(own) for own in found))]
    panels: list[Panel] = []
    for own in found:
        panels += panels_of(own, title, depth + 1) if depth < _DEEPEST else []
    return panels


def _table(rows: Sequence[tuple[str, Mapping[str, Tree]]]) -> Table:
    keys = list(dict.fromkeys(key for _, own in rows for key in own))
    named = any(label for label, _ in rows)
    head = [*([""] if named else []), *(heading(key) for key in keys)]
    body = [
        [*([spoken(label)] if named else []), *(_cell(own.get(key)) for key in keys)] for label, own in rows
    ]
    return Table("", head, body)


def _is_flat(found: Mapping[str, Tree]) -> bool:
    return bool(found) and not is_figure(found) and all(_is_plain(own) for own in found.values())


def _is_plain(found: Tree) -> bool:
    if is_figure(found) or not isinstance(found, Mapping | list | tuple):
        return True
    return isinstance(found, list | tuple) and all(
        not isinstance(own, Mapping | list | tuple) for own in found
    )


def _cell(found: Tree) -> str:
    if found is None:
        return ""
    if is_figure(found):
        return said(found, 3)
    if isinstance(found, list | tuple):
        return ", ".join(_cell(own) for own in found)
    if isinstance(found, float):
        return small_number(found)
    return number(found) if isinstance(found, int) else str(found)
