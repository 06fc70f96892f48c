"""Blends: weighted sums on the margin, and weights chosen by error in the outcome's unit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from features.errors import StudyError
from models.blend import Blend, best_weights
from models.outcome import ContinuousOutcome
from tests.models.conftest import Trained

DOSE = ContinuousOutcome("warfarin", "weekly_dose", "mg/wk", "root", 1.0, 300.0)


def test_blend_is_the_weighted_sum_and_stays_additive(trained: Trained) -> None:
    values, blend = trained.matrix.values, trained.model.blend
    by_hand = 0.6 * blend.members[0].margin(values) + 0.4 * blend.members[1].margin(values)
    contributions, base = blend.contributions(values)
    assert np.allclose(blend.margin(values), by_hand)
    assert np.allclose(contributions.sum(axis=1) + base, by_hand, atol=1e-10)


def test_one_pass_has_the_bits_of_two(trained: Trained) -> None:
    blend = trained.model.blend
    for values in (trained.matrix.values, trained.matrix.values[:1], trained.matrix.values[:0]):
        margin, contributions, base = blend.explain(values)
        alone, alone_base = blend.contributions(values)
        assert np.array_equal(margin, blend.margin(values))
        assert np.array_equal(contributions, alone)
        assert base == alone_base


def test_answers_given_before_are_joined_to_the_same_bits(trained: Trained) -> None:
    values, blend = trained.matrix.values, trained.model.blend.calibrated(0.3, 1.1)
    for own in (blend, Blend(blend.members, (0.0, 1.0))):
        margins = np.column_stack([member.margin(values) for member in own.members])
        assert np.array_equal(own.joined(margins), own.margin(values))


def test_a_weight_of_nothing_takes_nothing_from_a_member(trained: Trained) -> None:
    values, members = trained.matrix.values, trained.model.blend.members
    assert np.array_equal(Blend(members, (1.0, 0.0)).margin(values), members[0].margin(values))


@pytest.mark.parametrize("weights", [(math.inf, 0.5), (1.5, -0.5), (1.0,)])
def test_weights_that_are_no_shares_are_refused(trained: Trained, weights: tuple[float, ...]) -> None:
    with pytest.raises(StudyError, match="one finite weight a member"):
        Blend(trained.model.blend.members, weights)


def test_best_weights_find_the_mixture_that_made_the_outcome() -> None:
    margins = np.random.default_rng(1).uniform(3.0, 9.0, (500, 2))
    observed = DOSE.from_margin(margins @ np.array([0.3, 0.7]))
    assert best_weights(margins, observed, DOSE) == (0.3, 0.7)


def test_best_weights_lean_on_the_first_of_equals() -> None:
    margin = np.random.default_rng(1).uniform(3.0, 9.0, (50, 1))
    assert best_weights(np.hstack([margin, margin]), DOSE.from_margin(margin[:, 0]), DOSE)[0] == 1.0
