"""Reference: aggregates only, and none of fewer than ten patients."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.reference import SMALLEST_CELL, build_reference, histogram, quantiles
from tests.models.conftest import Trained


@given(st.lists(st.floats(-5, 5) | st.sampled_from([0.0, 1.0, float("nan")]), min_size=1, max_size=300))
def test_no_cell_holds_fewer_than_ten_patients(numbers: list[float]) -> None:
    values = np.array(numbers)
    found = histogram(values)
    recorded = values[~np.isnan(values)]
    cells = np.searchsorted(np.array(found["edges"]), recorded, side="left")
    counts = np.bincount(cells, minlength=len(found["edges"]) + 1)
    if found["shares"]:
        assert counts.min() >= SMALLEST_CELL
        assert np.allclose(counts / len(recorded), found["shares"], atol=1e-4)
    else:
        assert len(recorded) < SMALLEST_CELL


def test_a_flag_has_one_bin_a_value_even_when_it_is_rare() -> None:
    found = histogram(np.repeat([0.0, 1.0], [980, 20]))
    assert found == {"edges": [0.5], "shares": [0.98, 0.02], "missing_share": 0.0}


def test_few_missing_are_not_told() -> None:
    assert histogram(np.repeat([1.0, np.nan], [95, 5]))["missing_share"] == 0.0
    assert histogram(np.repeat([1.0, np.nan], [80, 20]))["missing_share"] == 0.2


def test_a_quantile_is_told_only_with_ten_patients_beyond_it() -> None:
    assert set(quantiles(np.arange(100.0))["quantiles"]) == {"0.1", "0.25", "0.5", "0.75", "0.9"}
    assert quantiles(np.arange(9.0)) == {"n": None, "mean": None, "quantiles": {}}


def test_reference_describes_the_cohort_in_plain_json(trained: Trained) -> None:
    reference = build_reference(trained.matrix, trained.cohort, "weekly_dose", "race")
    assert json.loads(json.dumps(reference, allow_nan=False)) == reference
    assert tuple(reference["features"]) == trained.matrix.names
    assert {"white", "asian", "black", "not_recorded"} == set(reference["strata"]["groups"])
