"""Runs as MLflow's users expect them, in SQLite and in PostgreSQL: nested, with steps, always closed."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from models.registry import Registry, open_client
from tests.training.conftest import iwpc_rows, write_iwpc
from training import run as steps
from training.run import RunResult, run_study
from training.study import Study
from training.tracking import close_interrupted, recording

pytestmark = pytest.mark.slow
STORES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="module", params=STORES)
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose runs are kept in its own SQLite, or in PostgreSQL."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "postgres":
            patch.setenv("RXPLAIN_MLFLOW", request.getfixturevalue("postgres_url"))
        yield tmp_path_factory.mktemp(request.param)


@pytest.fixture(scope="module")
def data(home: Path) -> Path:
    """A data folder of made-up patients."""
    write_iwpc(home / "data" / "iwpc", iwpc_rows(240, seed=3))
    return home / "data"


@pytest.fixture(scope="module")
def study(tiny_study: Study) -> Study:
    """The tiny study with its formulas as comparators, judged by its sites alone."""
    protocols = tuple(p for p in tiny_study.protocols if p.kind == "group")
    return replace(tiny_study, protocols=protocols, gates=())


@pytest.fixture(scope="module")
def result(study: Study, data: Path, home: Path) -> RunResult:
    """The first run."""
    return run_study(study, data, home)


def test_every_split_is_a_run_within_the_run(result: RunResult, home: Path) -> None:
    nested = _nested(open_client(home), result.run_id)
    assert {run.info.status for run in nested} == {"FINISHED"}
    assert {run.info.run_name for run in nested} == {f"leave_one_site_out {site}" for site in (1, 2, 3, 4)}
    assert sum(int(run.data.params["n_test"]) for run in nested) == result.evaluation.document["n"]


def test_the_run_s_figure_is_the_mean_of_its_splits_weighed_by_their_patients(
    result: RunResult, home: Path
) -> None:
    client = open_client(home)
    nested = _nested(client, result.run_id)
    weighed = sum(run.data.metrics["model.mae"] * int(run.data.params["n_test"]) for run in nested)
    whole = client.get_run(result.run_id).data.metrics["leave_one_site_out.model.mae"]
    assert whole == pytest.approx(weighed / result.evaluation.document["n"], abs=1e-5)


def test_splits_are_steps_of_a_metric(result: RunResult, home: Path) -> None:
    steps_of = open_client(home).get_metric_history(result.run_id, "leave_one_site_out.model.mae.split")
    told = result.evaluation.document["splits"]["leave_one_site_out"]
    assert [own.step for own in steps_of] == [0, 1, 2, 3]
    assert [own.value for own in steps_of] == [split["figures"]["model"]["mae"] for split in told]


def test_versions_and_their_history_are_kept(result: RunResult, study: Study, home: Path) -> None:
    registry = Registry(home)
    registry.promote(study.name, result.version, reason="first", who="test")
    record = Registry(home).show(study.name)
    assert (record.aliases["champion"], record.history[-1].reason) == (1, "first")
    assert registry.studies() == (study.name,)


def test_a_run_that_fails_says_so(
    result: RunResult, study: Study, data: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(steps, "evaluate", broken)
    with pytest.raises(RuntimeError, match="power cut"):
        run_study(replace(study, text=study.text + "\n"), data, home)
    client = open_client(home)
    latest = _runs(client, result.run_id, "tags.`rxplain.level` = 'study'")[0]
    assert latest.info.status == "FAILED"
    assert latest.info.run_id != result.run_id


def test_a_run_that_is_interrupted_says_so(study: Study, home: Path) -> None:
    seen: dict[str, str] = {}

    def cut_short() -> None:
        with recording(home, study) as run:
            seen[run.begin()] = open_client(home).get_run(run.begin()).info.status
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_short()
    assert list(seen.values()) == ["RUNNING"]
    assert open_client(home).get_run(next(iter(seen))).info.status == "KILLED"


def test_runs_cut_short_are_closed_unless_another_machine_may_go_on_with_them(
    result: RunResult, home: Path
) -> None:
    client = open_client(home)
    experiment = client.get_run(result.run_id).info.experiment_id
    cut, elsewhere = (
        client.create_run(experiment, tags={"rxplain.process": f"{machine}:999999999"}).info.run_id
        for machine in (platform.node(), "another-machine.invalid")
    )
    assert close_interrupted(client, experiment) == 1
    assert client.get_run(cut).info.status == "KILLED"
    assert client.get_run(elsewhere).info.status == "RUNNING"


def _nested(client: MlflowClient, parent: str) -> list[Run]:
    return _runs(client, parent, f"tags.`mlflow.parentRunId` = '{parent}'")


def _runs(client: MlflowClient, of: str, asked: str) -> list[Run]:
    return list(client.search_runs([client.get_run(of).info.experiment_id], asked))
