"""What `rxplain tune` shows: the trials, the best settings, and the lines to put into the study."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from training.cli_views import grid
from training.tuning import BY_MINUTES, Tuned


@dataclass(frozen=True)
class Search:
    """A finished search."""

    found: Tuned

    def document(self) -> object:
        """Best settings and loss, the same as TOML, every trial, and what ended the search."""
        best = self.found.trials[self.found.best]
        return {
            "settings": dict(best.settings),
            "loss": best.loss,
            "best_trial": self.found.best + 1,
            "toml": toml_of(best.settings),
            "ended_by": self.found.ended_by,
            "repeatable": self.found.ended_by != BY_MINUTES,
            "trials": [asdict(trial) for trial in self.found.trials],
        }

    def table(self) -> RenderableType:
        """Every trial, the best marked, and the lines for the study."""
        best = self.found.trials[self.found.best]
        table = grid(">trial", *(f">{name}" for name in best.settings), ">loss", "")
        for i, trial in enumerate(self.found.trials):
            mark = "best" if i == self.found.best else "" if trial.state == "complete" else trial.state
            told = (f"{v:.5g}" if isinstance(v, float) else str(v) for v in trial.settings.values())
            table.add_row(str(i + 1), *told, f"{trial.loss:.6g}", mark)
        ended = f"Ended by {self.found.ended_by} after {len(self.found.trials)} trials."
        if self.found.ended_by == BY_MINUTES:
            ended += " A search that minutes ended cannot be repeated exactly: keep the settings below."
        lines = Text(f"Set these in the study, and take [tuning] out:\n\n{toml_of(best.settings)}")
        return Group(table, Text(), Text(ended), lines)


def toml_of(settings: Mapping[str, object]) -> str:
    """Settings as TOML sections, which read back as exactly the same numbers.

    >>> print(toml_of({"trees.num_leaves": 5, "trees.objective": "huber"}))
    [trees]
    num_leaves = 5
    objective = "huber"
    """
    sections: dict[str, list[str]] = {}
    for name, value in settings.items():
        section, _, setting = name.partition(".")
        sections.setdefault(section, []).append(f"{setting} = {json.dumps(value)}")
    return "\n\n".join("\n".join([f"[{section}]", *lines]) for section, lines in sections.items())
