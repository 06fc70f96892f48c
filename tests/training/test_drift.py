"""Drift is told where it was planted, by how much, and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp

from models.reference import histogram
from training.monitoring.drift import Drift, drifts, stability_index

N = 2000


def _reference(columns: dict[str, np.ndarray]) -> dict:
    return {"n": N, "features": {name: histogram(values) for name, values in columns.items()}}


def _drawn(seed: int, n: int = N, missing: float = 0.1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    columns = {f"f{i}": rng.normal(size=n) for i in range(20)} | {"flag": (rng.random(n) < 0.3) * 1.0}
    for own in columns.values():
        own[rng.random(n) < missing] = np.nan
    return columns


def test_index_of_two_cells_by_hand() -> None:
    by_hand = (0.6 - 0.5) * math.log(0.6 / 0.5) + (0.4 - 0.5) * math.log(0.4 / 0.5)
    assert stability_index(np.array([0.5, 0.5]), np.array([0.6, 0.4])) == pytest.approx(by_hand)
    assert stability_index(np.array([0.2, 0.8]), np.array([0.2, 0.8])) == 0.0


def test_patients_of_the_same_kind_do_not_drift() -> None:
    reference = _reference(_drawn(1))
    flagged = 0
    for seed in range(2, 22):
        new = _drawn(seed, 400)
        flagged += sum(
            own.drifted for own in drifts(tuple(new), np.column_stack(list(new.values())), reference)
        )
    assert flagged == 0


def test_what_moved_what_is_lost_and_what_turned_is_found() -> None:
    reference, new = _reference(_drawn(1)), _drawn(2, 500)
    new["f3"] = new["f3"] + 0.8
    new["f5"][:200] = np.nan
    new["flag"] = 1.0 - new["flag"]
    found = _found(new, reference)
    assert {own.feature for own in found if own.drifted} == {"f3", "f5", "flag"}
    assert {own.feature for own in found[:3]} == {"f3", "f5", "flag"}


def test_largest_difference_is_never_above_that_of_all_values() -> None:
    before, new = _drawn(1), _drawn(2, 500)
    new["f3"] = new["f3"] * 1.7
    found = {
        own.feature: own
        for own in drifts(tuple(new), np.column_stack(list(new.values())), _reference(before))
    }
    for name, values in new.items():
        whole = ks_2samp(before[name][~np.isnan(before[name])], values[~np.isnan(values)]).statistic
        assert found[name].ks <= whole + 1e-3


def test_few_patients_are_told_nothing_of() -> None:
    assert _found(_drawn(2, 29), _reference(_drawn(1))) == []


def _found(new: dict[str, np.ndarray], reference: dict) -> list[Drift]:
    return drifts(tuple(new), np.column_stack(list(new.values())), reference)
