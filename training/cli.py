"""The command line, `rxplain`: each command asks one room of the house and tells its answer.

Heavy packages are imported inside the commands only, so that `rxplain --help` answers at once.
"""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from features.errors import RxplainError
from training.cli_answers import encode, predict, rank, score
from training.cli_arguments import AnyStudyName, AsJson, DataDir, OnCluster, StudyName, StudyOrFile
from training.cli_biomarkers import biomarkers
from training.cli_card import card
from training.cli_cohort import check, import_files
from training.cli_keys import keys
from training.cli_log import PASSED_ON, log
from training.cli_monitor import logged, monitor, retrain
from training.cli_new import new
from training.cli_recalibrate import recalibrate
from training.cli_report import report
from training.cli_tuning import tune
from training.cli_versions import compare, history, shadow
from training.home import data_folder, home_folder

app = typer.Typer(
    name="rxplain",
    help="Predict how a patient responds to a drug, and explain every answer exactly.",
    epilog="RXPLAIN_HOME says where results are kept (./var), RXPLAIN_DATA where cohorts lie (./data).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Sources of cohorts: list, obtain, verify.", no_args_is_help=True)

_LOOK, _TRAIN, _CHOOSE, _ANSWER = "Look", "Train", "Choose which version answers", "Answer"

Reason = Annotated[str, typer.Option(help="Why, for the history.")]
Who = Annotated[str, typer.Option(help="Who decided, for the history.", default_factory=getpass.getuser)]


def main(arguments: list[str] | None = None) -> None:
    """Run `rxplain`; an error of ours is told in words on standard error, with exit code 1."""
    try:
        app(arguments, prog_name="rxplain")
    except RxplainError as error:
        typer.echo(f"rxplain: {error}", err=True)
        raise SystemExit(1) from None


app.add_typer(data_app, name="data", rich_help_panel=_LOOK)


@app.command(rich_help_panel=_LOOK)
def studies(as_json: AsJson = False) -> None:
    """List the studies that come with Rxplain."""
    from training.cli_views import Studies, tell
    from training.study import load_study, study_names

    tell(Studies([load_study(name) for name in study_names()]), as_json)


@data_app.command("list")
def data_list(data: DataDir = None, as_json: AsJson = False) -> None:
    """List the sources, their terms, and whether each is here."""
    from training.cli_views import Sources, tell
    from training.datasets.catalog import SOURCES

    folder = data or data_folder()
    tell(Sources([(source, folder / source.folder) for source in SOURCES]), as_json)


@data_app.command("obtain")
def data_obtain(
    source: Annotated[str, typer.Argument(metavar="SOURCE")], data: DataDir = None, as_json: AsJson = False
) -> None:
    """Put a source into its folder, or say what to get, from where, on which terms, and where to put it."""
    from training.cli_views import States, tell
    from training.datasets.catalog import obtain, verify

    folder = data or data_folder()
    obtain(source, folder)
    tell(States([verify(source, folder)]), as_json)


@data_app.command("verify")
def data_verify(
    source: Annotated[str | None, typer.Argument(metavar="[SOURCE]")] = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a source (or all that are here) is what it claims to be."""
    from training.cli_views import States, tell
    from training.datasets.catalog import SOURCES, verify

    asked = [source] if source else [known.name for known in SOURCES]
    states = [verify(name, data or data_folder()) for name in asked]
    tell(States(states), as_json)
    if any(not state.verified and (source or state.present) for state in states):
        raise typer.Exit(1)


app.command(rich_help_panel=_LOOK)(check)
app.command("import", rich_help_panel=_LOOK)(import_files)
app.command(rich_help_panel=_TRAIN)(new)
app.command(rich_help_panel=_LOOK)(card)


@app.command(rich_help_panel=_LOOK)
def doctor(data: DataDir = None, as_json: AsJson = False) -> None:
    """Look over this installation: Python, packages, folders, data, registry, served models, port."""
    from training.cli_doctor import Findings
    from training.cli_views import tell
    from training.doctor import examine

    findings = examine(home_folder(), data or data_folder())
    tell(Findings(findings), as_json)
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)


@app.command(rich_help_panel=_TRAIN)
def fit(study: StudyOrFile, data: DataDir = None, on: OnCluster = None, as_json: AsJson = False) -> None:
    """Evaluate by the study's protocols, train on everyone, track, and register a candidate.

    Exit code 1 when a gate is missed; the candidate is registered all the same, for you to look at.
    """
    from training.cli_progress import at_work
    from training.cli_results import Fitted
    from training.cli_views import tell
    from training.cli_workers import workers_at
    from training.run import run_study
    from training.study import load_study

    with workers_at(on), at_work() as progress:
        result = run_study(load_study(study), data or data_folder(), home_folder(), progress)
    tell(Fitted(result), as_json)
    if not result.gates_passed:
        raise typer.Exit(1)


@app.command(rich_help_panel=_TRAIN)
def evaluate(study: StudyOrFile, data: DataDir = None, on: OnCluster = None, as_json: AsJson = False) -> None:
    """Judge a study's model beside its comparators under the study's protocols."""
    from training.cli_progress import at_work
    from training.cli_results import Evaluated
    from training.cli_views import tell
    from training.cli_workers import workers_at
    from training.run import evaluate_study
    from training.study import load_study

    with workers_at(on), at_work() as progress:
        evaluation = evaluate_study(load_study(study), data or data_folder(), home_folder(), progress)
    tell(Evaluated(evaluation.document), as_json)


app.command(rich_help_panel=_TRAIN)(tune)
app.command(rich_help_panel=_TRAIN)(recalibrate)
app.command(rich_help_panel=_TRAIN)(biomarkers)
app.command(rich_help_panel=_TRAIN)(report)


@app.command(rich_help_panel=_CHOOSE)
def publish(
    study: StudyName,
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle's folder.")],
    as_json: AsJson = False,
) -> None:
    """Register a bundle that was trained elsewhere as the study's challenger; `fit` does this by itself."""
    from models.registry import Registry
    from training.cli_registry import Registered
    from training.cli_views import tell

    registry = Registry(home_folder())
    version = registry.publish(study, bundle)
    tell(Registered("published", version, registry.show(study)), as_json)


@app.command(rich_help_panel=_CHOOSE)
def promote(
    study: StudyName,
    version: Annotated[int | None, typer.Option(help="A version, else the challenger.")] = None,
    *,
    reason: Reason = "promoted from the command line",
    who: Who,
    despite_gates: Annotated[bool, typer.Option(help="Promote although a clause is broken.")] = False,
    explain_change: Annotated[str, typer.Option(help="Why golden patients are answered otherwise.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a version the champion: the one that answers. A running server takes it up by itself."""
    from training.cli_registry import Registered
    from training.cli_views import tell
    from training.promotion import promote as promote_version

    record, chosen = promote_version(
        home_folder(), study, version, reason, who, despite_gates=despite_gates, explain_change=explain_change
    )
    tell(Registered("promoted", chosen, record), as_json)


@app.command(rich_help_panel=_CHOOSE)
def rollback(
    study: StudyName,
    *,
    reason: Reason = "rolled back from the command line",
    who: Who,
    as_json: AsJson = False,
) -> None:
    """Give the place back to the champion before."""
    from models.registry import Registry
    from training.cli_registry import Registered
    from training.cli_views import tell

    registry = Registry(home_folder())
    version = registry.rollback(study, reason=reason, who=who)
    tell(Registered("rolled back to", version, registry.show(study)), as_json)


@app.command(rich_help_panel=_CHOOSE)
def show(
    study: AnyStudyName = None,
    as_json: AsJson = False,
) -> None:
    """Show registered versions, which one answers, and how that came to be."""
    from models.registry import Registry
    from training.cli_registry import Records
    from training.cli_views import tell

    registry = Registry(home_folder())
    records = [registry.show(name) for name in ([study] if study else registry.studies())]
    tell(Records(records), as_json)


app.command(rich_help_panel=_CHOOSE)(history)
app.command(rich_help_panel=_CHOOSE)(compare)
app.command(rich_help_panel=_CHOOSE)(shadow)
app.command(rich_help_panel=_LOOK)(monitor)
app.command(rich_help_panel=_LOOK)(logged)
app.command(rich_help_panel=_LOOK, context_settings=PASSED_ON)(log)
app.command(rich_help_panel=_TRAIN)(retrain)
app.command(rich_help_panel=_ANSWER)(predict)
app.command(rich_help_panel=_ANSWER)(rank)
app.command(rich_help_panel=_ANSWER)(encode)
app.command(rich_help_panel=_ANSWER)(score)
app.command(rich_help_panel=_ANSWER, context_settings=PASSED_ON)(keys)


@app.command(rich_help_panel=_ANSWER)
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's needs RXPLAIN_ACCESS.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1)] = 1,
) -> None:
    """Answer over HTTP with the promoted models, until stopped (Ctrl-C)."""
    options = ["--host", host, "--port", str(port), "--workers", str(workers)]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "serving", *options])


@app.command(rich_help_panel=_ANSWER)
def demo(data: DataDir = None) -> None:
    """From real patients to an explained warfarin dose: data, training, gates, a live server, a page."""
    from training.cli_progress import at_work
    from training.demo import run_demo

    run_demo(home_folder(), data or data_folder(), at_work)


if __name__ == "__main__":
    main()
