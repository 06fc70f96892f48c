"""`rxplain monitor`, `logged` and `retrain`: the champion in the field, and what is learned there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from training.cli_arguments import AsJson, DataDir, OnCluster, StudyName, StudyOrFile
from training.home import data_folder, home_folder

if TYPE_CHECKING:
    from rich.console import RenderableType

    from training.monitoring.monitor import Watched
    from training.monitoring.retrain import Retrained

Patients = Annotated[
    Path | None, typer.Argument(metavar="[FOLDER]", help="New patients; without it the prediction log's.")
]
OutcomesFile = Annotated[
    Path | None,
    typer.Option("--outcomes", metavar="FILE.csv", help="What became of them: patient_id and value."),
]
_MOST = 12


def monitor(
    study: StudyName,
    folder: Patients = None,
    outcomes: OutcomesFile = None,
    metrics: Annotated[
        Path | None, typer.Option(metavar="FILE.prom", help="Figures for Prometheus too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold new patients, and what became of them, against what the champion promised.

    Exit code 1 when something wants a look.
    """
    from training.cli_views import tell
    from training.evaluation_store import write_whole
    from training.monitoring.monitor import metrics_text
    from training.monitoring.monitor import monitor as watch

    found = watch(study, home_folder(), folder, outcomes)
    if metrics is not None:
        write_whole(metrics, metrics_text(found))
    tell(_Watched(found), as_json)
    if found.alarms:
        raise typer.Exit(1)


def logged(
    study: StudyName,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The cohort folder to write.")],
    outcomes: OutcomesFile = None,
    as_json: AsJson = False,
) -> None:
    """Write the patients whom the service answered as a cohort folder, with what became of them."""
    from features.readers.folder import write_folder
    from models.shelf import CHAMPION
    from training.cli_views import tell
    from training.monitoring.monitor import LEVEL, patients
    from training.predict_folder import model_of
    from training.study import read_study

    chosen = model_of(study, home_folder(), CHAMPION, LEVEL)
    asked = read_study(chosen.loaded.manifest.provenance.study_text)
    cohort = patients(asked, chosen.loaded, home_folder(), None, outcomes)
    write_folder(cohort, out)
    tell(_Logged(len(cohort), len(cohort.outcomes), out), as_json)


def retrain(
    study: StudyOrFile,
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="New patients with outcomes; see logged.")
    ],
    data: DataDir = None,
    on: OnCluster = None,
    as_json: AsJson = False,
) -> None:
    """Run the study again on its own and new patients; beside the champion on the new ones.

    Exit code 1 when a gate is missed; the candidate is registered all the same, as with fit.
    """
    from training.cli_progress import at_work
    from training.cli_views import tell
    from training.cli_workers import workers_at
    from training.monitoring.retrain import retrain as fit_again
    from training.study import load_study

    with workers_at(on), at_work() as progress:
        done = fit_again(load_study(study), folders, data or data_folder(), home_folder(), progress)
    tell(_Retrained(done), as_json)
    if not done.result.gates_passed:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Retrained:
    done: Retrained

    def document(self) -> object:
        """What fit tells, how many patients are new, and the comparison on them."""
        from training.cli_results import Fitted

        told = self.done.comparison
        fitted: Any = Fitted(self.done.result).document()
        return {**fitted, "n_new": self.done.n_new, "comparison": None if told is None else asdict(told)}

    def table(self) -> RenderableType:
        """What fit tells, then champion and candidate on the new patients."""
        from rich.console import Group
        from rich.text import Text

        from training.cli_results import Fitted

        told = self.done.comparison
        said = "No comparison: there is no champion, or too few new patients have outcomes."
        if told is not None:
            ends = f"{told.gain:+.3f} ({told.lower:+.3f} to {told.upper:+.3f})"
            said = (
                f"On {told.n} new patients, {told.metric}: champion {told.champion:.3f}, "
                f"retrained {told.retrained:.3f} (held out in turn), better by {ends}."
            )
        return Group(Fitted(self.done.result).table(), Text(), Text(said))


@dataclass(frozen=True)
class _Logged:
    n_patients: int
    n_outcomes: int
    out: Path

    def document(self) -> object:
        """How many patients and outcomes, and where."""
        return {"n_patients": self.n_patients, "n_outcomes": self.n_outcomes, "out": str(self.out)}

    def table(self) -> RenderableType:
        """One sentence."""
        return f"{self.n_patients:,} patients and {self.n_outcomes:,} outcomes: {self.out}"


@dataclass(frozen=True)
class _Watched:
    found: Watched

    def document(self) -> object:
        """All figures, the alarms in words, and which bundle was looked at."""
        found = self.found
        told = {"version": found.version, "digest": found.digest, "alarms": list(found.alarms)}
        return {**found.document, **told}

    def table(self) -> RenderableType:
        """What wants a look, then the features that moved most, then how each drug fares."""
        from rich.console import Group
        from rich.text import Text

        from training.cli_views import grid

        document = self.found.document
        features = grid("feature", ">stability index", ">largest difference", ">missing", ">before")
        for own in document["drift"][:_MOST]:
            numbers = [_number(own[name]) for name in ("psi", "ks")]
            shares = [f"{own[name]:.1%}" for name in ("missing", "missing_before")]
            features.add_row(Text(own["feature"]), *numbers, *shares, style="bold" if own["drifted"] else "")
        fares = grid("drug", ">patients", ">declined", ">outcomes", ">held", ">promised")
        for drug, told in list(document["drugs"].items())[:_MOST]:
            coverage, sure = told["field"].get("coverage", {}), told["answers"]
            shares = [_share(own) for own in (coverage.get("value"), coverage.get("promised"))]
            counts = f"{sure['n']:,}", _share(sure["declined"]), str(told["field"]["n"] or "")
            fares.add_row(Text(drug), *counts, *shares)
        alarms = [Text(alarm, style="bold red") for alarm in self.found.alarms]
        said = alarms or [Text("Nothing wants a look.")]
        return Group(features, Text(), fares, Text(), *said)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
