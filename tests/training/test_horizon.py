"""An event by a horizon: who had it, who was seen without it until then, and who is left out and counted."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from features.cohort import Cohort, Outcomes
from features.errors import CohortError, StudyError
from tests.training.own_study import changed, own_study
from training.horizon import event_by, with_event
from training.population import select_population
from training.study import read_study
from training.study_cohort import study_cohort

HEADER = "Nr;Size;Crea;Smokes;Stage;Lab date;Start;Site;Years;Died"
OUTCOME = """[outcome]
kind = "time-to-event"
drug = "A"
name = "death_by_a_year"
event = "death"
time = "followed"
happened = "died"
horizon = 12
horizon_unit = "mo"
"""
FACTS = """[table.facts.Years]
fact = "outcomes/followed"
unit = "a"

[table.facts.Died]
fact = "outcomes/died"
"""
TEXT = changed(('fact = "outcomes/dose"\nunit = "mg/d"\n', ""), ("[table.facts.Dose]\n", FACTS))
TEXT = TEXT[: TEXT.index("[outcome]")] + OUTCOME + TEXT[TEXT.index("[population]") :]
FOLLOWED = [(0.25, 1), (1.0, 1), (1.0, 0), (2.0, 1), (0.25, 0), (3.0, 0)]


def rows() -> tuple[str, ...]:
    """Six patients with a time in years and whether they died."""
    return tuple(
        f"P{i};65,5;80;ja;I;2020-03-01;2020-03-02;S1;{str(years).replace('.', ',')};{died}"
        for i, (years, died) in enumerate(FOLLOWED)
    )


def test_event_by_a_horizon_is_told_from_time_and_event_in_the_horizons_unit(tmp_path: Path) -> None:
    study = own_study(tmp_path, TEXT, rows(), HEADER)
    cohort = study_cohort(study, tmp_path, tmp_path)
    np.testing.assert_allclose(cohort.outcome("followed"), [12 * years for years, _ in FOLLOWED])
    np.testing.assert_array_equal(cohort.outcome("death_by_a_year"), [1, 1, 0, 0, np.nan, 0])
    assert study.outcome.outcome("logit").event == "death by 12 mo"


def test_patients_censored_before_the_horizon_are_left_out_and_counted(tmp_path: Path) -> None:
    study = own_study(tmp_path, TEXT, rows(), HEADER)
    selection = select_population(study, study_cohort(study, tmp_path, tmp_path))
    assert selection.cohort.patient_ids == ("P0", "P1", "P2", "P3", "P5")
    assert selection.exclusions == (("not censored before 12 mo", 1), ("death_by_a_year is known", 0))


def test_events_are_those_of_a_naive_telling() -> None:
    rng = np.random.default_rng(1)
    time, happened = rng.integers(0, 20, 300).astype(float), rng.choice([0.0, 1.0, np.nan], 300)

    def told(when: float, came: float) -> float:
        if when > 10:
            return 0.0
        if came == 1:
            return 1.0
        return 0.0 if when == 10 and came == 0 else math.nan

    expected = [told(when, came) for when, came in zip(time.tolist(), happened.tolist(), strict=True)]
    np.testing.assert_array_equal(event_by(10.0, time, happened), expected)


def test_times_and_events_that_cannot_be_are_refused_together(tmp_path: Path) -> None:
    asked = read_study(TEXT).outcome
    wrong = Cohort(
        ("a", "b"), outcomes=Outcomes.from_rows([(0, "followed", -1.0, 0.0), (1, "died", 2.0, 0.0)])
    )
    with pytest.raises(CohortError, match="2 faults") as refused:
        with_event(asked, wrong)
    assert [fault.where for fault in refused.value.faults] == ["outcome 'followed'", "outcome 'died'"]


def test_horizon_that_says_too_little_is_told_whole() -> None:
    bare = (
        OUTCOME.replace('time = "followed"\n', "")
        .replace("horizon = 12\n", "")
        .replace('horizon_unit = "mo"\n', "")
    )
    with pytest.raises(StudyError) as refused:
        read_study(TEXT.replace(OUTCOME, bare))
    told = {fault.where for fault in refused.value.faults}
    assert {"outcome.time", "outcome.horizon", "outcome.horizon_unit"} <= told
