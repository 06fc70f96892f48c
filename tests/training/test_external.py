"""Patients of another dataset are answered by the study's own, and nobody is on both sides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.cohort import Cohort
from features.errors import CohortError
from features.join import join
from features.readers.folder import write_folder
from features.synthetic import synthetic_cohort
from training.design import build_design
from training.evaluate import evaluate
from training.external import surrounded
from training.prepared import check_study, prepare, quiet
from training.study import Protocol, Study

ABROAD = Protocol("abroad", "external", dataset="abroad")


def strangers(n: int, seed: int) -> Cohort:
    drawn = synthetic_cohort(n, seed=seed, sites=2, missing=0.0)
    return replace(drawn, patient_ids=tuple(f"abroad-{seed}-{i}" for i in range(n)))


@pytest.fixture
def study(tiny_study: Study) -> Study:
    """The tiny study with a site protocol and an external one."""
    protocols = (tiny_study.protocols[1], ABROAD)
    bare = replace(tiny_study, transport=None, equity=None)
    return replace(bare, protocols=protocols, comparators=("cohort_mean",))


def test_external_patients_are_answered_and_never_trained_on(study: Study, cohort: Cohort) -> None:
    design = build_design(study, cohort)
    abroad = strangers(60, seed=9)
    quietly = lambda done, total: None  # noqa: E731
    found = evaluate(study, cohort, design, "f" * 64, quietly, {"abroad": abroad}).document
    (split,) = found["splits"]["abroad"]  # type: ignore[index]
    assert (split["n_train"], split["n_test"]) == (len(cohort), 60)
    assert found["n"] == len(cohort)
    told = found["protocols"]["abroad"]["model"]["mae"]  # type: ignore[index]
    assert told["lower"] < told["value"] < told["upper"]
    mean = np.abs(abroad.outcome("weekly_dose") - design.observed.mean()).mean()
    assert found["protocols"]["abroad"]["cohort_mean"]["mae"]["value"] == pytest.approx(mean)  # type: ignore[index]
    alone = replace(study, protocols=study.protocols[:1])
    before = evaluate(alone, cohort, design, "f" * 64, quietly).document
    site = "leave_one_site_out"
    assert before["protocols"][site] == found["protocols"][site]  # type: ignore[index]


def test_patients_of_both_are_left_out_and_counted(study: Study, cohort: Cohort) -> None:
    again = cohort.take(cohort.patient_ids[:15])
    hidden = replace(cohort.take(cohort.patient_ids[15:30]), patient_ids=tuple(f"x{i}" for i in range(15)))
    others = {"abroad": join([again, strangers(40, seed=9), hidden])}
    around = surrounded(study, cohort, build_design(study, cohort), others)
    assert around.left_out == {"abroad": 30}
    assert around.cohorts[1].patient_ids == strangers(40, seed=9).patient_ids
    np.testing.assert_array_equal(around.splits[0].test, len(cohort) + np.arange(40))
    with pytest.raises(CohortError, match="every patient of its dataset is one of the study's own"):
        surrounded(study, cohort, build_design(study, cohort), {"abroad": again})


def test_the_other_dataset_is_read_beside_the_study(study: Study, cohort: Cohort, tmp_path: Path) -> None:
    for name, own in (("here", cohort), ("abroad", strangers(40, seed=9))):
        write_folder(own, tmp_path / name)
    population = replace(study.population, require_outcomes=("weekly_dose",))
    asked = replace(study, dataset="here", folder=tmp_path, population=population)
    found = prepare(asked, tmp_path, tmp_path / "home", quiet)
    assert len(found.others["abroad"]) == 40
    alone = prepare(replace(asked, protocols=asked.protocols[:1]), tmp_path, tmp_path / "home", quiet)
    assert found.key != alone.key
    assert check_study(asked, tmp_path, tmp_path / "home").suspicions == ()
