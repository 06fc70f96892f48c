"""From a folder to a published candidate, and from its champion to a file of answers."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.errors import RegistryError, SettingsError, StudyError
from models import bundle
from models.registry import Registry, open_client
from tests.training.conftest import iwpc_rows, write_iwpc
from training.datasets.iwpc_columns import to_cohort
from training.evaluation_store import keep_evaluation, read_evaluation
from training.model_card.registered import write_registered_card
from training.model_card.validity import schema_faults
from training.predict_folder import COLUMNS, predict_folder
from training.prepared import check_study
from training.promotion import promote
from training.run import RunResult, evaluate_study, report_study, run_study
from training.study import Study


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that the module's tests share."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of made-up patients."""
    folder = tmp_path_factory.mktemp("data")
    write_iwpc(folder / "iwpc", iwpc_rows(240, seed=3))
    return folder


@pytest.fixture(scope="module")
def result(tiny_study: Study, data: Path, home: Path) -> RunResult:
    """The first run, promoted."""
    made = run_study(tiny_study, data, home)
    Registry(home).promote(tiny_study.name, int(made.version), reason="test", who="test")
    return made


def test_check_tells_whom_the_study_finds(tiny_study: Study, iwpc_folder: Path, home: Path) -> None:
    found = check_study(tiny_study, iwpc_folder, home)
    assert (found.n_source, found.n_population) == (240, 240)
    assert found.n_features == len(found.missing) == len(tiny_study.features)


def test_unknown_study_or_level_is_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="rxplain fit"):
        predict_folder("warfarin", tmp_path, tmp_path, tmp_path / "out.csv")
    with pytest.raises(SettingsError, match="between 0 and 1"):
        predict_folder("warfarin", tmp_path, tmp_path, tmp_path / "out.csv", level=90.0)


@pytest.mark.slow
def test_run_leaves_a_bundle_figures_a_run_and_a_version(
    result: RunResult, home: Path, tiny_study: Study
) -> None:
    loaded = bundle.load(result.bundle, result.digest)
    assert loaded.manifest.provenance.study_sha256 == tiny_study.sha256
    assert {gate["name"] for gate in loaded.manifest.provenance.metrics["gates"]} == {
        g.name for g in tiny_study.gates
    }
    assert {path.suffix for path in result.figures.iterdir()} == {".png", ".svg", ".html", ".json", ".xml"}
    run = open_client(home).get_run(result.run_id)
    assert run.info.status == "FINISHED"
    assert run.inputs.dataset_inputs[0].dataset.digest == loaded.manifest.provenance.cohort_fingerprint[:36]
    assert "random_80_20.model.mae" in run.data.metrics
    near = loaded.neighbourhood
    assert near is not None
    assert sum(near.told[leaf]["n"] for leaf in near.partition.leaves) == loaded.reference["n"]


@pytest.mark.slow
def test_card_of_a_version_tells_its_runs_figures_and_of_a_stranger_its_bundles(
    result: RunResult, home: Path, tiny_study: Study, tmp_path: Path
) -> None:
    mae = result.evaluation.document["protocols"]["leave_one_site_out"]["model"]["mae"]
    logged = {path.path for path in open_client(home).list_artifacts(result.run_id, "figures")}
    assert {"figures/card.html", "figures/card.json", "figures/card.xml"} <= logged
    Registry(tmp_path / "other").publish(tiny_study.name, result.bundle)
    for place in (home, tmp_path / "other"):
        version, paths = write_registered_card(place, tiny_study.name, None, tmp_path / "out")
        told = json.loads(paths[1].read_text(encoding="utf-8"))
        assert (told["version"], told["bundle_digest"]) == (version, result.digest)
        assert told["performance"]["leave_one_site_out"]["model"]["mae"] == mae
        assert f"{mae['value']:.2f}" in paths[0].read_text(encoding="utf-8")
        assert schema_faults(paths[2].read_text(encoding="utf-8")) == []
    with pytest.raises(RegistryError, match="no version 99"):
        write_registered_card(home, tiny_study.name, 99, tmp_path / "out")


@pytest.mark.slow
def test_second_run_finds_everything_there(
    result: RunResult, tiny_study: Study, data: Path, home: Path
) -> None:
    steps: list[str] = []
    again = run_study(tiny_study, data, home, lambda step, done, total: steps.append(step))
    assert again.cached
    assert (again.digest, again.run_id, again.version) == (result.digest, result.run_id, result.version)
    assert "evaluate" not in steps


@pytest.mark.slow
def test_promotion_needs_the_published_bundle_and_not_the_shelf(
    result: RunResult, tiny_study: Study, home: Path
) -> None:
    """Its gates are told from the published bundle, and promoting puts that back on the shelf."""
    shutil.rmtree(home / "bundles")
    with pytest.raises(RegistryError, match="is not promoted"):
        promote(home, tiny_study.name, result.version, "shelf gone", "test")
    promote(home, tiny_study.name, result.version, "shelf gone", "test", despite_gates=True)
    assert (home / "bundles" / result.digest).is_dir()


@pytest.mark.slow
def test_kept_evaluation_is_read_again(result: RunResult, tiny_study: Study, data: Path, home: Path) -> None:
    assert evaluate_study(tiny_study, data, home).document == result.evaluation.document
    keep_evaluation(home, "cut-short", result.evaluation).write_text("{")
    assert read_evaluation(home, "cut-short") is None


@pytest.mark.slow
def test_report_is_an_artifact_and_is_written_again_alike(
    result: RunResult, tiny_study: Study, data: Path, home: Path
) -> None:
    path, page = report_study(tiny_study, data, home)
    assert path == result.figures / "report.html"
    assert page == path.read_text(encoding="utf-8")
    assert result.digest in page
    artifacts = {found.path for found in open_client(home).list_artifacts(result.run_id, "figures")}
    assert "figures/report.html" in artifacts


def test_report_of_what_was_never_evaluated_says_what_to_do(
    tiny_study: Study, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match="rxplain evaluate"):
        report_study(tiny_study, data, tmp_path)


@pytest.mark.slow
def test_broken_candidate_is_fitted_again(
    result: RunResult, tiny_study: Study, data: Path, home: Path
) -> None:
    before = bundle.load(result.bundle).model.blend.members
    (result.bundle / "boosters.json").write_text("tree")
    after = bundle.load(run_study(tiny_study, data, home).bundle).model.blend.members
    assert after[0].to_json() == before[0].to_json()
    assert after[1].model_text == before[1].model_text


@pytest.mark.slow
def test_folder_is_answered_without_outcomes(result: RunResult, home: Path, tmp_path: Path) -> None:
    rows = iwpc_rows(30, seed=9)
    bare = [{k: v for k, v in row.items() if "Dose of Warfarin" not in k} for row in rows]
    bare[3]["Age"] = ""
    write_iwpc(tmp_path / "new", bare)
    out, long = tmp_path / "out.csv", tmp_path / "out.parquet"
    done = predict_folder(result.study, tmp_path / "new", home, out, long)
    answers = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert tuple(answers[0]) == COLUMNS
    assert [a["patient_id"] for a in answers] == [r["PharmGKB Subject ID"] for r in rows]
    assert (done.n_patients, done.n_declined) == (30, 1)
    assert answers[3]["value"] == ""
    assert "required_missing" in answers[3]["notices"]
    alone = bundle.load(result.bundle).model.predict(to_cohort(pd.DataFrame(bare[:1])))
    assert repr(float(alone.value[0])) == answers[0]["value"]
    told = pq.read_table(long).to_pandas()
    sums = told.groupby("patient_id")["contribution"].sum() + told.groupby("patient_id")["base"].first()
    assert (sums - told.groupby("patient_id")["margin"].first()).abs().max() < 1e-9


@pytest.mark.slow
def test_level_widens_the_interval(result: RunResult, home: Path, data: Path, tmp_path: Path) -> None:
    widths = []
    for level in (0.5, 0.9):
        predict_folder(result.study, data / "iwpc", home, tmp_path / "out.csv", level=level)
        rows = list(csv.DictReader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()))
        widths.append(sum(float(r["upper"] or math.inf) - float(r["lower"] or 0) for r in rows))
    assert widths[0] < widths[1]


@pytest.mark.slow
def test_nothing_is_left_where_a_folder_cannot_be_read(result: RunResult, home: Path, tmp_path: Path) -> None:
    rows = iwpc_rows(3, seed=9)
    rows[0]["Age"] = "old"
    write_iwpc(tmp_path / "new", rows)
    with pytest.raises(Exception, match="faults in the IWPC table"):
        predict_folder(result.study, tmp_path / "new", home, tmp_path / "out.csv")
    assert not list(tmp_path.glob("*out.csv"))
