"""What `rxplain biomarkers` shows: features, how they were found, and what CPIC says of their genes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from training.cli_views import grid

_SHOWN = 15


@dataclass(frozen=True)
class Biomarkers:
    """The section `biomarkers` of a study."""

    section: Mapping[str, Any]  # Any: a JSON document, whose rows are shown as they are

    def document(self) -> object:
        """The section, unchanged."""
        return self.section

    def table(self) -> RenderableType:
        """The most important features with what else was found of them, and the evidence of their genes."""
        selection, tests = self.section["selection"], self.section["associations"]
        frequency = {row["feature"]: row for row in selection["features"]}
        tested = {row["feature"]: row for row in tests["features"]}
        table = grid("feature", ">mean |contribution|", ">chosen", ">effect", ">adjusted p")
        for row in self.section["importance"][:_SHOWN]:
            chosen, test = frequency.get(row["feature"]), tested.get(row["feature"])
            share = "" if chosen is None else f"{chosen['frequency']:.0%}{' *' if chosen['selected'] else ''}"
            found = ("", "") if test is None else (f"{test['effect']:+.2f}", f"{test['adjusted']:.2g}")
            told = f"{row['value']:.3f}\n{row['lower']:.3f} to {row['upper']:.3f}"
            table.add_row(Text(row["feature"]), told, share, *found)
        selected = (
            f"* chosen on more than {selection['threshold']:.0%} of {selection['n_halves']} halves; "
            f"at most {selection['false_selections_at_most']:.2g} falsely, on average."
        )
        tests_told = (
            f"{tests['n_found']} of {tests['n_tested']} tests hold at a false discovery rate of "
            f"{tests['false_discovery_rate']:.0%}."
        )
        return Group(table, Text(selected), Text(tests_told), self._evidence())

    def _evidence(self) -> RenderableType:
        table = grid("gene", "drug", "CPIC level", "guideline")
        for gene, pairs in self.section["evidence"].items():
            for pair in pairs:
                table.add_row(gene, Text(pair["drug"]), pair["level"], Text(pair["guideline"]))
        return table
