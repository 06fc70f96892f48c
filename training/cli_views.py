"""What commands show: each view is a table for people and a JSON document for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from training.datasets.catalog import Source, SourceState
from training.study import Study


class View(Protocol):
    """Something that can be shown to people and to machines."""

    def document(self) -> object:
        """The same as plain data, ready for JSON."""

    def table(self) -> RenderableType:
        """The same for a terminal."""


def tell(view: View, as_json: bool) -> None:
    """Print a view on standard output, as JSON or as a table."""
    if as_json:
        typer.echo(json.dumps(view.document(), indent=2, ensure_ascii=False, allow_nan=False, default=str))
    else:
        Console().print(view.table())


def grid(*columns: str, title: str = "") -> Table:
    """An empty table in the one style we use; a heading that begins with `>` is set to the right."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left")
    return table


def next_step(command: str) -> Text:
    """The line that names what to type next."""
    return Text.assemble("Next: ", (command, "bold"))


@dataclass(frozen=True)
class Studies:
    """The studies that come with the package."""

    studies: Sequence[Study]

    def document(self) -> object:
        """One entry a study."""
        return [
            {
                "name": study.name,
                "title": study.title,
                "drug": study.outcome.drug,
                "outcome": study.outcome.name,
                "unit": study.outcome.unit,
                "source": study.dataset,
                "features": list(study.features),
                "protocols": [protocol.name for protocol in study.protocols],
                "sha256": study.sha256,
            }
            for study in self.studies
        ]

    def table(self) -> RenderableType:
        """One row a study."""
        table = grid("study", "what it answers", "drug", "unit", "source", ">features")
        for study in self.studies:
            asked = study.outcome
            table.add_row(
                study.name, study.title, asked.drug, asked.unit, study.dataset, str(len(study.features))
            )
        return table


@dataclass(frozen=True)
class Sources:
    """The known sources and where each belongs."""

    sources: Sequence[tuple[Source, Path]]

    def document(self) -> object:
        """One entry a source."""
        return [
            {**asdict(source), "folder": folder, "present": folder.is_dir()}
            for source, folder in self.sources
        ]

    def table(self) -> RenderableType:
        """What each source is, its terms, and how to get it."""
        table = grid("", "", title="Sources")
        for source, folder in self.sources:
            here = "present" if folder.is_dir() else f"not here; {source.how}"
            rows = {
                "what": source.title,
                "cite": source.citation,
                "terms": source.terms,
                "folder": folder,
                "now": here,
            }
            table.add_row(Text(source.name, style="bold"), "")
            for name, value in rows.items():
                table.add_row(f"  {name}", Text(str(value)))
        return table


@dataclass(frozen=True)
class States:
    """What was found of some sources."""

    states: Sequence[SourceState]

    def document(self) -> object:
        """One entry a source."""
        return [asdict(state) for state in self.states]

    def table(self) -> RenderableType:
        """One row a source, and its problem below."""
        table = grid("source", "state", ">patients", "folder")
        problems = []
        for state in self.states:
            word = "verified" if state.verified else "not verified" if state.present else "not here"
            n_patients = "" if state.n_patients is None else f"{state.n_patients:,}"
            table.add_row(state.name, word, n_patients, str(state.folder))
            problems += [Text(state.problem)] if state.problem else []
        return Group(table, *problems)
