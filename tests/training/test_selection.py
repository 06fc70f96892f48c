"""A choice needs more than noise to depart from the simplest."""

from __future__ import annotations

import numpy as np

from models.outcome import ContinuousOutcome
from training.selection import clustered_error, steady_choice, steady_weights

RNG = np.random.default_rng(11)
GROUPS = np.repeat([f"site-{k}" for k in range(10)], 40).astype(object)
DOSE = ContinuousOutcome("warfarin", "weekly_dose", "mg/wk", "identity", -1000.0, 1000.0)


def test_first_link_stands_unless_another_is_clearly_better() -> None:
    errors = np.abs(RNG.normal(8, 3, 400))
    assert steady_choice({"root": errors, "log": errors + RNG.normal(-0.001, 1, 400)}, GROUPS) == "root"
    assert steady_choice({"root": errors, "log": errors - 1.0}, GROUPS) == "log"


def test_weights_are_even_between_equals_and_follow_a_clearly_better_member() -> None:
    truth = RNG.normal(30, 10, 400)
    alike = np.column_stack([truth + RNG.normal(0, 5, 400), truth + RNG.normal(0, 5, 400)])
    assert steady_weights(alike, truth, DOSE, GROUPS) == (0.5, 0.5)
    uneven = np.column_stack([truth + RNG.normal(0, 1, 400), truth + RNG.normal(0, 20, 400)])
    assert steady_weights(uneven, truth, DOSE, GROUPS) == (1.0, 0.0)


def test_clustered_error_of_single_patients_is_the_plain_standard_error() -> None:
    values = RNG.normal(0, 2, 400)
    alone = np.arange(400).astype(object)
    assert np.isclose(clustered_error(values, alone), values.std() / 20)
    assert clustered_error(np.repeat(RNG.normal(0, 2, 10), 40), GROUPS) > 5 * values.std() / 20 / 5
