"""The study again on old and new patients: a challenger, and an honest comparison on the new ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from features.errors import CohortError
from models import bundle
from models.registry import Registry
from tests.training.conftest import iwpc_rows, write_iwpc
from training.monitoring.retrain import Retrained, retrain
from training.run import RunResult, run_study
from training.study import Study

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patients of the study, and 80 who came later."""
    folder = tmp_path_factory.mktemp("retrain")
    write_iwpc(folder / "data" / "iwpc", iwpc_rows(240, seed=3))
    write_iwpc(folder / "since", _later(80))
    return folder


@pytest.fixture(scope="module")
def study(tiny_study: Study) -> Study:
    """The tiny study, judged by its sites alone."""
    return replace(tiny_study, protocols=tiny_study.protocols[-1:], gates=())


@pytest.fixture(scope="module")
def first(study: Study, root: Path) -> RunResult:
    """The champion."""
    made = run_study(study, root / "data", root / "home")
    Registry(root / "home").promote(study.name, made.version, reason="first", who="test")
    return made


@pytest.fixture(scope="module")
def again(first: RunResult, study: Study, root: Path) -> Retrained:
    """The study on everybody."""
    return retrain(study, [root / "since"], root / "data", root / "home")


def test_the_candidate_learned_from_everybody(first: RunResult, again: Retrained) -> None:
    before, after = (bundle.load(own.bundle).manifest.provenance for own in (first, again.result))
    assert again.n_new == 80
    assert after.n_patients == before.n_patients + 80
    assert after.cohort_fingerprint != before.cohort_fingerprint


def test_it_is_a_challenger_and_the_champion_stays(
    first: RunResult, again: Retrained, study: Study, root: Path
) -> None:
    aliases = Registry(root / "home").show(study.name).aliases
    assert aliases == {"champion": first.version, "challenger": again.result.version}
    assert again.result.version == first.version + 1


def test_the_champion_is_judged_on_patients_it_never_saw(
    first: RunResult, again: Retrained, root: Path
) -> None:
    told = again.comparison
    assert told is not None
    assert (told.metric, told.n) == ("mae", 80)
    assert told.gain == pytest.approx(told.champion - told.retrained, abs=2e-6)
    assert told.lower < told.gain < told.upper


def test_a_patient_of_both_is_refused_without_being_named(study: Study, root: Path, tmp_path: Path) -> None:
    write_iwpc(tmp_path / "twice", iwpc_rows(3, seed=3))
    with pytest.raises(CohortError, match="3 patients stand in more than one") as told:
        retrain(study, [tmp_path / "twice"], root / "data", tmp_path / "home")
    assert "made-up" not in str(told.value)


def _later(n: int) -> list[dict[str, str]]:
    key = "PharmGKB Subject ID"
    return [{**row, key: f"later-{row[key]}"} for row in iwpc_rows(n, seed=11)]
