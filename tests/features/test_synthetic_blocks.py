"""Synthetic cohorts of any mix of blocks: what was put in as a cause comes out on top."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.cohort import Cohort, Outcomes
from features.encode import encode
from features.errors import FeatureError
from features.readers.document import read_documents, to_document
from features.synthetic_blocks import OUTCOME, Truth, synthetic_blocks

MIX = {"genes": 4, "expression": 60, "tumour": 10, "clinical": 6}


def strongest(cohort: Cohort, truth: Truth, outcome: str = OUTCOME) -> list[str]:
    """Features by their correlation with the outcome, where both are known."""
    matrix, y = encode(cohort, truth.spec), cohort.outcome(outcome)
    found = {}
    for name, x in zip(matrix.names, matrix.values.T, strict=True):
        known = ~np.isnan(x) & ~np.isnan(y)
        found[name] = abs(np.corrcoef(x[known], y[known])[0, 1])
    return sorted(found, key=found.__getitem__, reverse=True)


@pytest.mark.parametrize("kind", ["continuous", "binary"])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_the_causes_come_out_on_top(kind: str, missing: float) -> None:
    cohort, truth = synthetic_blocks(4_000, seed=1, outcome=kind, missing=missing, **MIX)
    assert len(truth.effects[OUTCOME]) == 12
    assert set(strongest(cohort, truth)[:12]) == set(truth.effects[OUTCOME])


def test_a_regression_finds_the_effects() -> None:
    cohort, truth = synthetic_blocks(5_000, seed=2, noise=0.5, **MIX)
    matrix = encode(cohort, truth.spec)
    x = (matrix.values - matrix.values.mean(axis=0)) / matrix.values.std(axis=0)
    slopes = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), cohort.outcome(OUTCOME), rcond=None)[0]
    expected = [truth.effects[OUTCOME].get(name, 0.0) for name in matrix.names]
    np.testing.assert_allclose(slopes[:-1], expected, atol=0.1)


def test_every_drug_of_a_panel_has_causes_of_its_own() -> None:
    cohort, truth = synthetic_blocks(3_000, seed=3, expression=200, drugs=3)
    assert list(truth.effects) == ["auc:drug1", "auc:drug2", "auc:drug3"]
    assert len({truth.causal(outcome) for outcome in truth.effects}) == 3
    for outcome in truth.effects:
        assert tuple(strongest(cohort, truth, outcome)[:3]) == truth.causal(outcome)


def test_what_is_missing_is_missing_by_block() -> None:
    cohort, truth = synthetic_blocks(2_000, seed=4, missing=0.25, drugs=2, **MIX)
    values = encode(cohort, truth.spec).values
    assert 0.2 < np.isnan(values).mean() < 0.3
    expressed = np.isnan(values[:, 4:64]).mean(axis=1)
    assert set(expressed.tolist()) == {0.0, 1.0}
    assert 0.2 < np.isnan(cohort.outcome("auc:drug1")).mean() < 0.3


def test_one_seed_is_one_cohort() -> None:
    prints = [synthetic_blocks(50, seed, missing=0.2, **MIX)[0].fingerprint() for seed in (5, 5, 6)]
    assert prints[0] == prints[1] != prints[2]


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(FeatureError, match="binary, continuous"):
        synthetic_blocks(5, 0, expression=3, outcome="survival")
    with pytest.raises(FeatureError, match="at most"):
        synthetic_blocks(5, 0, genes=10_000)


def test_a_hundred_thousand_patients_take_seconds() -> None:
    began = time.perf_counter()
    cohort, truth = synthetic_blocks(100_000, seed=7, expression=50, tumour=3, clinical=3, missing=0.1)
    assert time.perf_counter() - began < 10.0
    assert len(cohort) == 100_000
    assert len(truth.features) == 59


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**16),
    missing=st.sampled_from([0.0, 0.5, 1.0]),
    sizes=st.tuples(*(st.integers(0, 5) for _ in range(4))),
)
def test_their_documents_encode_as_they_do(seed: int, missing: float, sizes: tuple[int, ...]) -> None:
    blocks = dict(zip(("genes", "expression", "tumour", "clinical"), sizes, strict=True))
    cohort, truth = synthetic_blocks(4, seed, missing=missing, **blocks)
    if not truth.features:
        return
    documents = [to_document(cohort, patient, truth.spec) for patient in cohort.patient_ids]
    again = read_documents(documents, truth.spec)
    assert encode(again, truth.spec).values.tobytes() == encode(cohort, truth.spec).values.tobytes()
    if missing == 0.0:
        told = replace(cohort, outcomes=Outcomes.from_rows([]), groups={})
        assert again.fingerprint() == told.fingerprint()
