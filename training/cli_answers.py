"""`rxplain predict`, `rank`, `encode` and `score`: answers for folders of patients, and for tables."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.cli_arguments import AsJson, OnCluster, StudyName
from training.home import home_folder

Alias = Annotated[str, typer.Option(help="Which version answers: champion or challenger.")]
Level = Annotated[float, typer.Option(help="Level of the intervals, above 0 and below 1.")]

if TYPE_CHECKING:
    from rich.console import RenderableType

    from training.score_table import Scored


def predict(
    study: StudyName,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Laid out like the study's own; outcomes not needed.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.csv", help="Where the answers go.")],
    explain: Annotated[
        Path | None, typer.Option(metavar="FILE.parquet", help="Contributions in long form.")
    ] = None,
    level: Level = 0.9,
    alias: Alias = "champion",
    as_json: AsJson = False,
) -> None:
    """Answer every patient of a folder: value, interval and notices as CSV."""
    from training.cli_progress import at_work
    from training.cli_results import Predicted
    from training.cli_views import tell
    from training.predict_folder import predict_folder

    with at_work() as progress:
        done = predict_folder(study, folder, home_folder(), out, explain, level, alias, progress)
    tell(Predicted(done), as_json)


def rank(
    study: StudyName,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Laid out like the study's own.")],
    out: Annotated[Path, typer.Option(metavar="FILE.csv", help="Where the rankings go.")],
    level: Level = 0.9,
    alias: Alias = "champion",
    as_json: AsJson = False,
) -> None:
    """Rank every drug or treatment for every patient of a folder, with intervals of the differences."""
    from training.cli_progress import at_work
    from training.cli_results import Predicted
    from training.cli_views import tell
    from training.predict_folder import rank_folder

    with at_work() as progress:
        done = rank_folder(study, folder, home_folder(), out, level, alias, progress)
    tell(Predicted(done), as_json)


def encode(
    study: StudyName,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Laid out like the study's own.")],
    out: Annotated[Path, typer.Option(metavar="FILE.parquet", help="Where the table of features goes.")],
    as_json: AsJson = False,
) -> None:
    """Write the features of every patient of a folder as the champion reads them, for `rxplain score`."""
    from training.cli_progress import at_work
    from training.cli_views import tell
    from training.score_table import encode_folder

    with at_work() as progress:
        n_patients = encode_folder(study, folder, home_folder(), out, progress)
    tell(_Encoded(n_patients, out), as_json)


def score(
    study: StudyName,
    table: Annotated[
        Path, typer.Argument(metavar="TABLE.parquet|FOLDER", help="Features by name; see encode.")
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the scores go, a part a row group.")],
    explain: Annotated[bool, typer.Option("--explain", help="Contributions of every feature too.")] = False,
    level: Level = 0.9,
    alias: Alias = "champion",
    on: OnCluster = None,
    as_json: AsJson = False,
) -> None:
    """Score a table of features of any size, row group by row group, on every core or a cluster."""
    from training.cli_progress import at_work
    from training.cli_views import tell
    from training.cli_workers import workers_at
    from training.score_table import score_table

    with workers_at(on), at_work() as progress:
        done = score_table(study, table, home_folder(), out, explain, level, alias, progress)
    tell(_Told(done), as_json)


@dataclass(frozen=True)
class _Encoded:
    n_patients: int
    out: Path

    def document(self) -> object:
        """How many patients, and where."""
        return {"n_patients": self.n_patients, "out": str(self.out)}

    def table(self) -> RenderableType:
        """One sentence."""
        return f"{self.n_patients:,} patients encoded: {self.out}"


@dataclass(frozen=True)
class _Told:
    done: Scored

    def document(self) -> object:
        """Counts, the folder, and which bundle scored."""
        return {**asdict(self.done), "out": str(self.done.out)}

    def table(self) -> RenderableType:
        """One sentence."""
        done = self.done
        by = f"by version {done.version}, bundle {done.digest[:12]}"
        counts = f"{done.n_patients:,} patients scored {by}, {done.n_declined:,} declined"
        return f"{counts}: {done.n_parts} parts in {done.out}"
