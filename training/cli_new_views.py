"""What `rxplain new` shows."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from training.cli_views import grid, next_step
from training.new_study import NewStudy


@dataclass(frozen=True)
class Written:
    """A study that was written for a cohort."""

    study: NewStudy

    def document(self) -> object:
        """Patients, outcome, columns offered and in doubt, and the lines to settle."""
        own = self.study
        return {
            "out": str(own.out),
            "n_patients": own.n_patients,
            "outcome": own.outcome,
            "offered": list(own.offered),
            "suspicious": [{"column": name, "reason": why} for name, why in own.suspicious],
            "to_settle": list(own.to_settle),
        }

    def table(self) -> RenderableType:
        """The columns in doubt with their reasons, and what is to be settled."""
        own = self.study
        table = grid("left out", "why")
        for name, why in own.suspicious:
            table.add_row(Text(name), Text(why))
        lines = ", ".join(map(str, own.to_settle)) or "none"
        offered = f"{len(own.offered)} columns offered to the model"
        head = f"{own.n_patients:,} patients; outcome {own.outcome}; {offered}"
        return Group(
            Text(head),
            table,
            Text(f"\nLines to settle in {own.out}: {lines}"),
            next_step(f"rxplain check {own.out}"),
        )
