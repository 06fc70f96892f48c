"""Scales: how they are spelled, and the way of each to log2(TPM + 1)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import CohortError
from features.expression_scale import Scale, row_facts, to_log2_tpm

TPM = np.array([[999_000.0, 1_000.0, 0.0], [250_000.0, 250_000.0, 500_000.0]])
NO_REFERENCE = np.array([], dtype=np.int64)


@pytest.mark.parametrize(
    "text", ["log2(TPM + 1)", "ln(fpkm+0.001)", "log10(rpkm+.5)", "counts", "umi", "log2(tpm)"]
)
def test_scale_is_read_as_the_field_writes_it(text: str) -> None:
    scale = Scale.parse(text)
    assert Scale.parse(str(scale)) == scale


@pytest.mark.parametrize(
    "text", ["", "log2", "tpm+1", "log2(tpm+1", "tpm)", "log3(tpm+1)", "log2(cpm+1)", "x" * 9_999]
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(CohortError, match=r"log2\(tpm\+1\)"):
        Scale.parse(text)


@pytest.mark.parametrize("text", ["tpm", "log2(tpm+1)", "log2(tpm+0.001)", "ln(tpm+1)", "log10(tpm+0.1)"])
def test_every_spelling_of_the_same_tpm_gives_the_same(text: str) -> None:
    scale = Scale.parse(text)
    log = {"log2": np.log2, "ln": np.log, "log10": np.log10, None: None}[scale.log]
    values = TPM.copy() if log is None else log(TPM + scale.offset)
    facts = to_log2_tpm(values, scale, NO_REFERENCE)
    assert values == pytest.approx(np.log2(TPM + 1.0), abs=1e-9)
    assert facts.total == pytest.approx([1e6, 1e6])


def test_log2_of_tpm_and_one_stays_as_it_is_bit_for_bit() -> None:
    given_values = np.log2(TPM + 1.0)
    values = given_values.copy()
    to_log2_tpm(values, Scale.parse("log2(tpm+1)"), NO_REFERENCE)
    assert np.array_equal(values, given_values)


def test_fpkm_and_umi_are_scaled_to_a_million() -> None:
    for unit in ("fpkm", "umi"):
        values = TPM / 7.0
        to_log2_tpm(values, Scale(unit), NO_REFERENCE)
        assert values == pytest.approx(np.log2(TPM + 1.0), abs=1e-12)


def test_counts_are_divided_by_length_first() -> None:
    """By hand: 10 reads over 1 kb and 10 over 4 kb are 10 and 2.5 a kilobase, so 800,000 and 200,000 TPM."""
    values = np.array([[10.0, 10.0]])
    to_log2_tpm(values, Scale("counts"), NO_REFERENCE, np.array([1.0, 4.0]))
    assert values == pytest.approx(np.log2([[800_001.0, 200_001.0]]))


def test_what_was_not_measured_stays_so() -> None:
    values = np.array([[1.0, np.nan, 3.0]])
    facts = to_log2_tpm(values, Scale("umi"), NO_REFERENCE)
    assert facts.n.tolist() == [2]
    assert values == pytest.approx(np.log2([[250_001.0, np.nan, 750_001.0]]), nan_ok=True)


@given(st.integers(1, 40), st.sampled_from(["tpm", "fpkm", "umi", "log2(tpm+0.01)", "ln(fpkm+1)"]))
def test_patient_alone_is_the_patient_in_a_batch_bit_for_bit(n: int, text: str) -> None:
    together = np.random.default_rng(n).gamma(0.5, 10.0, (n, 37))
    alone = together[[n // 2]].copy()
    to_log2_tpm(together, Scale.parse(text), NO_REFERENCE)
    to_log2_tpm(alone, Scale.parse(text), NO_REFERENCE)
    assert np.array_equal(together[n // 2], alone[0])


def test_facts_are_told_without_changing_anything() -> None:
    values = np.log2(TPM + 1.0)
    before = values.copy()
    facts = row_facts(values, Scale.parse("log2(tpm+1)"))
    assert np.array_equal(values, before)
    assert facts.highest == pytest.approx(before.max(axis=1))
    assert facts.total == pytest.approx([1e6, 1e6])
