"""Gaps between groups: worked by hand, found where planted, silent where fair, and never told of few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from features.cohort import Cohort
from features.errors import StudyError
from features.synthetic import synthetic_cohort
from tests.training.tiny_blocks import tiny_study
from training.design import Design, build_design
from training.equity import equity_section, labels_of, without_attribute
from training.holdout import LEVELS, MODEL, HeldOut
from training.splits import Split
from training.study import Study, load_study, read_study
from training.study_equity import EquityAsked, features_of
from training.study_parts import Protocol

PROTOCOL = Protocol("folds", "folds", 1, 2)
ASKED = EquityAsked(("ward",))


def told(
    observed: np.ndarray,
    answered: np.ndarray,
    wards: list[str],
    covered: np.ndarray | None = None,
    *,
    binary: bool = False,
    parts: Sequence[np.ndarray] | None = None,
) -> dict:
    """The section on made-up answers of patients in wards, one protocol, two splits."""
    n = len(observed)
    cohort = Cohort(tuple(f"p{i}" for i in range(n)), groups={"ward": np.array(wards, dtype=object)})
    held = np.ones(n) if covered is None else covered
    splits = []
    for i, part in enumerate(np.array_split(np.arange(n), 2) if parts is None else parts):
        split = Split("folds", str(i), np.setdiff1d(np.arange(n), part), part)
        levels = np.tile(held[part][:, None], (1, len(LEVELS)))
        rest = np.full(len(part), np.nan), {}, levels, np.ones(len(part))
        splits.append(HeldOut(split, {MODEL: answered[part]}, held[part], *rest))
    study = replace(tiny_study("binary") if binary else load_study("warfarin"), equity=ASKED)
    found = equity_section(study, cohort, _Observed(observed), {PROTOCOL: splits})
    assert found is not None
    return found["ward"]["folds"]


class _Observed(Design):
    """As much of a design as the section reads."""

    def __init__(self, observed: np.ndarray) -> None:
        object.__setattr__(self, "observed", observed)


def test_forty_patients_by_hand() -> None:
    """Ward a is off by 1 each, ward b by 3 and always too high; half of b's intervals miss."""
    observed = np.arange(40.0)
    error = np.where(np.arange(40) % 2, 3.0, np.where(np.arange(40) % 4, -1.0, 1.0))
    wards = ["b" if i % 2 else "a" for i in range(40)]
    held = np.where((np.arange(40) % 2 == 1) & (np.arange(40) % 4 == 1), 0.0, 1.0)
    found = told(observed, observed + error, wards, held)
    assert found["groups"]["a"] == {"n": 20, "mae": 1.0, "bias": 0.0, "coverage90": 100.0}
    assert found["groups"]["b"] == {"n": 20, "mae": 3.0, "bias": 3.0, "coverage90": 50.0}
    assert found["gap"]["mae"]["difference"] == {"value": 2.0, "lower": 2.0, "upper": 2.0}
    assert found["gap"]["mae"]["ratio"] == pytest.approx(1 / 3, abs=1e-6)
    assert found["gap"]["coverage90"]["difference"]["value"] == 50.0


def test_who_is_held_out_often_counts_as_often() -> None:
    """Second computation: answer by answer over splits that overlap, one patient in all of them."""
    rng = np.random.default_rng(6)
    observed, wards = rng.normal(30, 8, 50), [("a", "b", "c")[i % 3] for i in range(50)]
    answered, held = observed + rng.normal(1, 4, 50), rng.integers(0, 2, 50).astype(float)
    parts = [np.append(rng.permutation(np.arange(1, 50))[:30], 0) for _ in range(5)]
    found = told(observed, answered, wards, held, parts=parts)["groups"]
    for ward, figures in found.items():
        rows = [i for part in parts for i in part.tolist() if wards[i] == ward]
        assert figures["mae"] == pytest.approx(
            np.mean([abs(answered[i] - observed[i]) for i in rows]), abs=1e-6
        )
        assert figures["bias"] == pytest.approx(np.mean([answered[i] - observed[i] for i in rows]), abs=1e-6)
        assert figures["coverage90"] == pytest.approx(np.mean([100 * held[i] for i in rows]), abs=1e-6)
    assert set(found) == {"a", "b", "c"}


def test_a_group_that_is_answered_worse_shows_and_a_fair_one_does_not() -> None:
    rng = np.random.default_rng(4)
    wards = ["a" if i % 3 else "b" for i in range(600)]
    observed, noise = rng.normal(30, 8, 600), rng.normal(0, 3, 600)
    fair = told(observed, observed + noise, wards)["gap"]["mae"]["difference"]
    worse = np.where(np.array(wards) == "b", 2.0, 1.0)
    unfair = told(observed, observed + noise * worse, wards)["gap"]["mae"]["difference"]
    assert fair["value"] < 0.6
    assert unfair["lower"] > 1.0


def test_rates_at_the_threshold_by_hand() -> None:
    """Ward a: 15 with the event, 12 of them found; 15 without, 3 taken for it. Ward b: 9 and 6."""
    observed = np.array(([1.0] * 15 + [0.0] * 15) * 2)
    high = [1] * 12 + [0] * 3 + [1] * 3 + [0] * 12 + [1] * 9 + [0] * 6 + [1] * 6 + [0] * 9
    answered = np.where(np.array(high) == 1, 0.8, 0.2)
    found = told(observed, answered, ["a"] * 30 + ["b"] * 30, binary=True)
    a, b = found["groups"]["a"], found["groups"]["b"]
    assert (a["true_positive_rate"], a["false_positive_rate"], a["selection_rate"]) == (0.8, 0.2, 0.5)
    assert (b["true_positive_rate"], b["false_positive_rate"], b["selection_rate"]) == (0.6, 0.4, 0.5)
    assert found["gap"]["true_positive_rate"]["difference"]["value"] == pytest.approx(0.2)
    assert found["gap"]["selection_rate"]["difference"]["value"] == 0.0
    pairs = (0.8 * 0.8) + 0.5 * (0.8 * 0.2 + 0.2 * 0.8)
    assert a["auc"] == pytest.approx(pairs)


def test_small_groups_are_counted_and_not_told() -> None:
    wards = ["a"] * 25 + ["b"] * 9 + ["c"] * 26
    found = told(np.arange(60.0), np.arange(60.0), wards)
    assert set(found["groups"]) == {"a", "c"}
    assert found["suppressed_groups"] == 1
    few_events = np.array([1.0] * 9 + [0.0] * 21 + [1.0] * 15 + [0.0] * 15)
    binary = told(few_events, np.full(60, 0.5), ["a"] * 30 + ["b"] * 30, binary=True)
    assert set(binary["groups"]) == {"b"}
    assert binary["gap"] == {}


def test_a_protected_input_wants_a_reason() -> None:
    study = load_study("warfarin")
    with pytest.raises(StudyError) as refused:
        read_study(study.text.replace('race = "Stable', 'reason = "Stable'))
    assert "equity.reasons.race" in str(refused.value)
    assert "equity 'reason'" in str(refused.value)


@pytest.mark.parametrize("name", ["warfarin", "urothelial-atezolizumab", "breast-neoadjuvant"])
def test_shipped_studies_say_why_an_attribute_is_an_input(name: str) -> None:
    study = load_study(name)
    assert study.equity is not None
    assert all(features_of(a, study.features) and study.equity.reasons[a] for a in study.equity.protected)


def test_products_and_stars_are_inputs_too() -> None:
    served = (
        "interaction.clinical.arm.is_x:clinical.race.is_asian",
        "log2.clinical.age.value",
        "mrna.x.value",
    )
    assert features_of("race", served) == served[:1]
    assert features_of("age", served) == served[1:2]
    assert features_of("anything", ("clinical.*.value",)) == ("clinical.*.value",)


def test_bands_of_age_are_closed_below() -> None:
    cohort = synthetic_cohort(300, seed=2)
    asked = EquityAsked(("age",), bands={"age": (50.0, 70.0)})
    labels, ages = labels_of(asked, cohort, "age"), cohort.values("age")
    for label, low, high in (("below 50", -1, 50), ("50 to 70", 50, 70), ("70 or more", 70, 999)):
        np.testing.assert_array_equal(labels == label, (ages >= low) & (ages < high))
    np.testing.assert_array_equal(labels == "not_recorded", np.isnan(ages))


def test_leaving_out_takes_the_attribute_everywhere(tiny_study: Study, cohort: Cohort) -> None:
    bare = without_attribute(tiny_study, "race")
    assert features_of("race", (*bare.spec.names, *bare.spec.absent)) == ()
    assert set(tiny_study.spec.names) - set(bare.spec.names) == set(features_of("race", tiny_study.features))
    assert (
        build_design(bare, cohort).matrix.values.shape[1]
        < build_design(tiny_study, cohort).matrix.values.shape[1]
    )
