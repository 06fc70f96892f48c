"""Permuted labels leave nothing, a permuted block costs what it is worth, and the report says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from features.cohort import Cohort
from features.errors import StudyError
from tests.training.tiny_blocks import tiny_cohort, tiny_study
from training.design import build_design
from training.evaluate import Evaluation, evaluate
from training.gates import judge
from training.randomisation import (
    light_splits,
    p_value,
    permuted_block,
    permuted_labels,
    randomisation,
    randomisation_remarks,
)
from training.study import Gate, Study
from training.study_validation import RandomisationAsked
from training.workers import working_on


class Here:
    """Workers of this one process: with so little to do, starting others takes longer."""

    def spread(
        self,
        answer: Callable[..., Any],
        shared: tuple,
        items: Sequence[object],
        report: Callable[[int], None],
    ) -> list[Any]:
        """Each item's answer."""
        return [answer(*shared, item) for item in items]


ASKED = RandomisationAsked(permutations=6, blocks=("expression",), draws=2)


@pytest.fixture(scope="module")
def study() -> Study:
    """The tiny binary study, permuted."""
    tiny = tiny_study("binary")
    model = replace(tiny.model, mask_blocks=(), without="filled", inner_folds=2)
    comparators = ("cohort_mean", "everything_linear")
    return replace(tiny, model=model, randomisation=ASKED, comparators=comparators)


@pytest.fixture(scope="module")
def evaluation(study: Study) -> Evaluation:
    """Its evaluation on 200 patients."""
    cohort, _ = tiny_cohort("binary", 200, missing=0.0)
    with working_on(Here()):
        return evaluate(study, cohort, build_design(study, cohort), "f" * 64, lambda done, total: None)


@pytest.mark.slow
def test_with_permuted_labels_the_auc_falls_to_a_half(evaluation: Evaluation) -> None:
    found = evaluation.document["randomisation"]
    assert isinstance(found, dict)
    assert found["real"] > 0.75
    assert found["permuted"]["mean"] == pytest.approx(0.5, abs=0.06)
    assert found["permuted"]["highest"] < found["real"]
    assert found["p_value"] == pytest.approx(1 / 7, abs=1e-6)
    assert found["loss_without_block"]["expression"]["lowest"] > 0.03


@pytest.mark.slow
def test_the_real_figure_is_that_of_the_same_folds(study: Study, evaluation: Evaluation) -> None:
    told = evaluation.document["protocols"]["folds"]["model"]["auc"]["value"]  # type: ignore[index]
    assert evaluation.document["randomisation"]["real"] == pytest.approx(told, abs=1e-6)  # type: ignore[index]


@pytest.mark.slow
def test_a_gate_may_look_at_it(study: Study, evaluation: Evaluation) -> None:
    gates = (
        Gate("chance", "randomisation.p_value", at_most=0.05),
        Gate("any", "randomisation.p_value", at_most=0.2),
    )
    assert [own.passed for own in judge(replace(study, gates=gates), evaluation)] == [False, True]


@pytest.mark.slow
def test_a_model_that_is_as_good_as_a_linear_one_is_told_so(evaluation: Evaluation) -> None:
    gains = evaluation.document["differences"]["folds"]  # type: ignore[index]
    remarks = evaluation.document["remarks"]
    assert gains["cohort_mean"]["lower"] > 0
    assert isinstance(remarks, list)
    said = [own for own in remarks if own.startswith("folds: the model has not been shown to be better than")]
    assert any("everything_linear" in own for own in said) == (gains["everything_linear"]["lower"] <= 0)
    assert not any("cohort_mean" in own for own in said)


def test_labels_are_permuted_within_arms_alone(study: Study) -> None:
    asked = replace(tiny_study("question"), within="arm", randomisation=ASKED)
    cohort, _ = tiny_cohort("question", 120)
    design = build_design(asked, cohort)
    permuted = permuted_labels(asked, design, 3)
    assert (permuted != design.observed).any()
    for arm in set(design.within.tolist()):
        own = design.within == arm
        assert permuted[own].sum() == design.observed[own].sum()
    np.testing.assert_array_equal(permuted, permuted_labels(asked, design, 3))
    assert (permuted != permuted_labels(asked, design, 4)).any()


def test_a_block_is_dealt_among_those_who_have_it_with_its_columns_together() -> None:
    study, (cohort, _) = tiny_study("binary"), tiny_cohort("binary", 120, missing=0.2)
    design = build_design(study, cohort)
    own = np.array([feature.block == "expression" for feature in design.matrix.features])
    values = permuted_block(study, design, "expression", 0)
    np.testing.assert_array_equal(values[:, ~own], design.matrix.values[:, ~own])
    before, after = design.matrix.values[:, own], values[:, own]
    np.testing.assert_array_equal(np.isnan(before).all(axis=1), np.isnan(after).all(axis=1))
    rows = {row.tobytes() for row in before}
    assert all(row.tobytes() in rows for row in after)
    assert (np.nan_to_num(before) != np.nan_to_num(after)).any()


def test_p_value_counts_the_real_one_among_the_permuted() -> None:
    assert p_value(0.9, [0.5] * 19, True) == pytest.approx(0.05)
    assert p_value(3.0, [2.0, 3.0, 4.0], False) == pytest.approx(0.75)


@pytest.mark.slow
def test_a_dose_is_judged_by_its_error(tiny_study: Study, cohort: Cohort) -> None:
    asked = replace(tiny_study, randomisation=RandomisationAsked(permutations=2))
    design = build_design(asked, cohort)
    with working_on(Here()):
        found = randomisation(asked, cohort, design, lambda done: None)
    assert found["metric"] == "mae"
    assert found["real"] < found["permuted"]["lowest"]  # type: ignore[index, operator]
    (said,) = randomisation_remarks(asked, found)
    assert "p = 0.333" in said
    assert "not been shown to be better than chance" in said
    assert light_splits(asked, cohort, design)[0].folds == 5


def test_a_block_that_is_not_there_is_refused(study: Study) -> None:
    cohort, _ = tiny_cohort("binary", 120)
    asked = replace(study, randomisation=RandomisationAsked(1, ("proteome",)))
    with pytest.raises(StudyError, match="proteome"):
        randomisation(asked, cohort, build_design(asked, cohort), lambda done: None)
