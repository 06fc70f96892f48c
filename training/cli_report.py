"""`rxplain report`: the page of a run, written again from its kept evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from training.cli_arguments import AsJson, DataDir
from training.home import data_folder, home_folder


@dataclass(frozen=True)
class Reported:
    """Where a study's report was written."""

    study: str
    path: Path

    def document(self) -> object:
        """The study and the file."""
        return {"study": self.study, "report": str(self.path)}

    def table(self) -> RenderableType:
        """One sentence."""
        return Text(f"{self.study}: the report is in {self.path}")


def report(
    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="A study's name, or the path of its TOML file.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the page goes, else beside the run's figures.")
    ] = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write a study's report as one HTML file, from its kept evaluation; nothing is fitted."""
    from training.cli_progress import at_work
    from training.cli_views import tell
    from training.evaluation_store import write_whole
    from training.run import report_study
    from training.study import load_study

    asked = load_study(study)
    with at_work() as progress:
        usual, page = report_study(asked, data or data_folder(), home_folder(), progress)
    path = out or usual
    write_whole(path, page)
    tell(Reported(asked.name, path), as_json)
