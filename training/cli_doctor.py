"""What `rxplain doctor` shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import RenderableType
from rich.text import Text

from training.cli_views import grid
from training.doctor import Finding

_STYLES = {"ok": "green", "note": "yellow", "fail": "bold red"}


@dataclass(frozen=True)
class Findings:
    """Everything that was looked at."""

    findings: Sequence[Finding]

    def document(self) -> object:
        """One entry a finding."""
        return [asdict(finding) for finding in self.findings]

    def table(self) -> RenderableType:
        """One row a finding, with its remedy."""
        table = grid("", "what", "found", "remedy")
        for finding in self.findings:
            state = Text(finding.state, style=_STYLES[finding.state])
            table.add_row(state, finding.what, Text(finding.found), Text(finding.remedy))
        return table
