"""Results: what contradicts itself does not come to exist."""

from __future__ import annotations

import math

import numpy as np
import pytest

from features.errors import IntegrityError, StudyError
from features.matrix import Feature
from models.outcome import LINKS, ContinuousOutcome
from models.results import Explanation, Interval, Notice, Prediction

AGE = Feature("clinical.age.value", "clinical", None, "a", "Age")
STAR2 = Feature("genotype.CYP2C9.*2_count", "genotype", "CYP2C9", "1", "CYP2C9 *2")
WHO = ("p", "warfarin", "weekly_dose", "mg/wk")


def test_sums_by_gene_and_block_stay_additive() -> None:
    told = Explanation((AGE, STAR2), np.array([60.0, 1.0]), np.array([-0.5, -0.25]), 6.0, 5.25)
    assert told.by("gene") == {"clinical": -0.5, "CYP2C9": -0.25}
    assert told.by("block") == {"clinical": -0.5, "genotype": -0.25}
    assert told.by("feature") == {AGE.name: -0.5, STAR2.name: -0.25}


def test_contributions_must_add_up() -> None:
    with pytest.raises(IntegrityError, match="do not add up"):
        Explanation((AGE,), np.array([60.0]), np.array([-0.5]), 6.0, 5.6)


@pytest.mark.parametrize(
    ("value", "interval"),
    [(math.nan, Interval(0.9, 1, 2)), (3.0, Interval(0.9, 1, 2)), (1.0, None), (None, None)],
)
def test_a_prediction_that_contradicts_itself_is_withheld(
    value: float | None, interval: Interval | None
) -> None:
    with pytest.raises(IntegrityError):
        Prediction(*WHO, value, interval)


def test_a_decline_needs_its_reason() -> None:
    assert Prediction(*WHO, None, None, (Notice("required_missing", "No age.", "decline"),)).declined


def test_an_interval_runs_upwards() -> None:
    with pytest.raises(IntegrityError):
        Interval(0.9, 2.0, 1.0)


@pytest.mark.parametrize("link", LINKS)
def test_links_go_there_and_back_and_keep_the_order(link: str) -> None:
    dose = ContinuousOutcome("warfarin", "weekly_dose", "mg/wk", link, 1.0, 300.0)
    doses = np.array([1.5, 20.0, 35.0, 299.0])
    assert np.allclose(dose.from_margin(dose.to_margin(doses)), doses)
    assert (np.diff(dose.from_margin(np.linspace(-2, 20, 50))) >= 0).all()


def test_an_unknown_link_is_refused() -> None:
    with pytest.raises(StudyError, match="use one of"):
        ContinuousOutcome("d", "o", "u", "logit", 0.0, 1.0)
