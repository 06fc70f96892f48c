"""Calibration, decisions, coverage by level, and abstention, held against hand counts and known truths."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from features.encode import FeatureSpec
from features.matrix import FeatureMatrix
from models.summaries import wilson
from training.abstention import abstention_section
from training.answers import best_comparator
from training.coverage import coverage_section
from training.decision import THRESHOLDS, decision_section, dose_section, net_benefit
from training.design import Design
from training.holdout import LEVELS, MODEL, HeldOut
from training.measures import QuantityMeasures
from training.redraw import Rows, draws
from training.reliability import calibration_section
from training.splits import Split
from training.study_parts import Protocol

RNG = np.random.default_rng(7)
FOLDS = Protocol("folds", "folds", splits=1, folds=2)


def rows_of(observed: np.ndarray, answered: np.ndarray, **others: np.ndarray) -> Rows:
    """Everybody answered once; each interval held with its level's chance."""
    covered = (RNG.random((len(observed), len(LEVELS))) < np.array(LEVELS)) * 1.0
    return Rows(len(observed), np.arange(len(observed)), observed, {MODEL: answered, **others}, covered)


def test_net_benefit_is_the_one_worked_by_hand() -> None:
    """Ten patients, four events; five acted on, three rightly: 3/10 - 2/10 * 0.25 / 0.75."""
    observed = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=float)
    acted = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0], dtype=bool)
    assert net_benefit(observed, acted, 0.25) == pytest.approx(0.3 - 0.2 / 3)


def test_decision_curve_counts_those_above_each_threshold() -> None:
    observed = (RNG.random(300) < 0.3) * 1.0
    answered = np.clip(0.3 + 0.3 * (observed - 0.3) + RNG.normal(0, 0.15, 300), 0.01, 0.99)
    told = decision_section(rows_of(observed, answered, naive=np.full(300, 0.3)), (0.2, 0.5), "naive")
    for point in told["curve"]:
        t = point["threshold"]
        acted = answered >= t
        true, false = (acted & (observed == 1)).sum(), (acted & (observed == 0)).sum()
        assert point["model"]["value"] == pytest.approx(true / 300 - false / 300 * t / (1 - t), abs=1e-6)
        rate = observed.mean()
        assert point["all"] == pytest.approx(rate - (1 - rate) * t / (1 - t), abs=1e-6)
        assert point["comparator"] == pytest.approx(point["all"] if t <= 0.3 else 0.0, abs=1e-6)
        assert point["model"]["lower"] <= point["model"]["value"] <= point["model"]["upper"]
    assert [p["threshold"] for p in told["consequences"]] == [0.2, 0.5]
    first = told["consequences"][0]
    parts = sum(first[kind]["value"] for kind in ("rightly", "wrongly", "missed", "rightly_spared"))
    assert parts == pytest.approx(100.0, abs=1e-5)
    assert len(told["curve"]) == len(THRESHOLDS)


def test_consequences_stand_at_the_rate_of_the_event_where_no_threshold_is_named() -> None:
    observed = np.repeat([1.0, 0.0], [30, 70])
    told = decision_section(rows_of(observed, np.linspace(0.9, 0.1, 100)), (), None)
    assert [p["threshold"] for p in told["consequences"]] == [0.3]
    assert told["named_by_study"] is False


def test_doses_are_near_too_low_or_too_high() -> None:
    """Of ten patients on 50, two are answered 39, three 61 and five within 20%."""
    observed = np.full(10, 50.0)
    answered = np.array([39.0] * 2 + [61.0] * 3 + [40.0, 45.0, 50.0, 55.0, 60.0])
    told = dose_section(rows_of(observed, answered))["by"][MODEL]
    assert {kind: own["value"] for kind, own in told.items()} == {
        "within": 50.0,
        "too_low": 20.0,
        "too_high": 30.0,
    }


def test_calibration_slope_and_intercept_are_those_of_a_logistic_regression() -> None:
    """The slope from scikit-learn without a penalty; the intercept makes the mean answer the rate."""
    margin = RNG.normal(-0.5, 1.5, 2000)
    observed = (RNG.random(2000) < 1 / (1 + np.exp(-(0.3 + 0.6 * margin)))) * 1.0
    told = calibration_section(rows_of(observed, 1 / (1 + np.exp(-margin))), {}, is_binary=True)
    naive = LogisticRegression(C=np.inf, tol=1e-10).fit(margin[:, None], observed)
    assert told["slope"]["value"] == pytest.approx(float(naive.coef_[0, 0]), abs=1e-4)
    assert told["slope"]["lower"] < 0.6 < told["slope"]["upper"]
    shifted = 1 / (1 + np.exp(-(margin + told["intercept"]["value"])))
    assert shifted.mean() == pytest.approx(observed.mean(), abs=1e-5)
    assert told["brier"]["value"] == pytest.approx(
        float(np.square(observed - 1 / (1 + np.exp(-margin))).mean()), abs=1e-6
    )


def test_groups_of_like_answers_tell_their_own_rate() -> None:
    answered = np.repeat([0.1, 0.5, 0.8], [40, 30, 30])
    observed = np.concatenate([np.repeat([1.0, 0.0], [4, 36]), np.repeat([1.0, 0.0], [15, 15]), np.ones(30)])
    told = calibration_section(rows_of(observed, answered), {}, is_binary=True)
    found = [(own["n"], own["answered"], own["observed"]["value"]) for own in told["groups"]]
    assert found == [(40, 0.1, 0.1), (30, 0.5, 0.5), (30, 0.8, 1.0)]
    assert (told["groups"][0]["observed"]["lower"], told["groups"][0]["observed"]["upper"]) == wilson(0.1, 40)
    assert told["ece"]["value"] == pytest.approx(0.3 * 0.2)


def test_line_of_quantities_is_the_one_of_least_squares() -> None:
    answered = RNG.gamma(9, 4, 800)
    observed = 3.0 + 1.1 * answered + RNG.normal(0, 6, 800)
    told = calibration_section(rows_of(observed, answered), {}, is_binary=False)
    slope, intercept = np.polyfit(answered, observed, 1)
    assert (told["slope"]["value"], told["intercept"]["value"]) == pytest.approx((slope, intercept), abs=1e-5)
    assert len(told["groups"]) == 10
    assert all(own["n"] == 80 for own in told["groups"])


def test_coverage_is_told_by_level_and_subgroup_and_never_of_nine() -> None:
    observed = np.zeros(2000)
    rows = rows_of(observed, observed)
    labels = np.array(["large"] * 1500 + ["ten"] * 10 + ["nine"] * 9 + ["rest"] * 481)
    told = coverage_section(rows, {"size": labels}, draws(2000))
    for level, name in zip(LEVELS, told["levels"], strict=True):
        assert told["overall"][name]["lower"] <= 100 * level <= told["overall"][name]["upper"]
    assert set(told["by"]["size"]) == {"large", "ten", "rest"}
    alone = rows.covered[:1500].mean(axis=0) * 100
    assert [told["by"]["size"]["large"][name]["value"] for name in told["levels"]] == pytest.approx(alone)


def test_a_patient_held_out_twice_counts_once_among_patients() -> None:
    observed = (np.arange(40) % 2) * 1.0
    twice = np.tile(np.arange(40), 2)
    rows = Rows(40, twice, observed[twice], {MODEL: np.tile(np.linspace(0.1, 0.9, 40), 2)}, np.ones((80, 4)))
    told = calibration_section(rows, {}, is_binary=True)
    assert (told["n"], sum(own["n"] for own in told["groups"])) == (40, 40)


def _held(width: np.ndarray, error: np.ndarray, observed: np.ndarray) -> list[HeldOut]:
    parts = np.array_split(np.arange(len(observed)), 2)
    nothing = np.full(len(observed), np.nan)
    return [
        HeldOut(
            Split("folds", f"0.{i}", np.setdiff1d(np.arange(len(observed)), test), test),
            {MODEL: (observed + error)[test]},
            np.ones(len(test)),
            nothing[test],
            {},
            np.ones((len(test), len(LEVELS))),
            width[test],
        )
        for i, test in enumerate(parts)
    ]


def _measures(observed: np.ndarray) -> QuantityMeasures:
    """Errors of these patients; the design holds nothing else."""
    ids = tuple(str(i) for i in range(len(observed)))
    bare = FeatureMatrix(ids, (), np.empty((len(observed), 0)))
    alone = np.full(len(observed), "", dtype=object)
    return QuantityMeasures(
        Design(FeatureSpec(("clinical.age.value",)), {}, bare, observed, alone, alone, alone)
    )


def test_leaving_the_least_sure_out_helps_where_width_tells_the_error() -> None:
    """The error of each patient is a tenth of the width, so every cut lowers the mean."""
    observed, width = np.full(60, 30.0), RNG.permutation(np.linspace(1, 60, 60))
    measures = _measures(observed)
    held = _held(width, width / 10, observed)
    points = abstention_section(FOLDS, held, measures, observed, is_binary=False)
    shares, errors = [p["share"] for p in points], [p["mae"]["value"] for p in points]
    assert shares == sorted(shares, reverse=True)
    assert errors == sorted(errors, reverse=True)
    assert [p["n"] for p in points] == [round(60 * share) for share in shares]


def test_answers_of_the_same_width_go_together() -> None:
    observed = np.full(60, 30.0)
    measures = _measures(observed)
    held = _held(np.repeat([1.0, 2.0], [36, 24]), np.ones(60), observed)
    points = abstention_section(FOLDS, held, measures, observed, is_binary=False)
    assert [p["share"] for p in points] == [1.0, 0.6]


def test_best_comparator_has_the_lowest_error_or_the_highest_auc() -> None:
    figures = {"model": 1.0, "a": 3.0, "b": 2.0}
    assert best_comparator({w: {"mae": {"value": v}} for w, v in figures.items()}, "mae") == "b"
    assert best_comparator({w: {"auc": {"value": v}} for w, v in figures.items()}, "auc") == "a"
    assert best_comparator({"model": {"auc": {"value": 0.7}}}, "auc") is None
