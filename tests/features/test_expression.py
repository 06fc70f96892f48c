"""Expression features: single genes and single-sample scores, the same alone and in a batch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.cohort import Cohort, Expression
from features.expression import column_for, fill_genes, gene_of, score, signature_columns, ssgsea
from features.knowledge.signatures import signatures
from tests.features.transcriptome import genes, tpm

SYMBOLS = genes()
LEVELS = np.log2(tpm(6, SYMBOLS) + 1.0)


def cohort(levels: NDArray[np.float64] = LEVELS, symbols: tuple[str, ...] = SYMBOLS) -> Cohort:
    rows = np.arange(len(levels))
    return Cohort(tuple(f"p{i}" for i in rows), expression=Expression(rows, symbols, levels))


def numbers(name: str, of: Cohort) -> NDArray[np.float64]:
    column = column_for(name)
    assert column is not None
    return np.array(column.numbers(of))


def test_gene_is_read_as_it_was_measured() -> None:
    assert np.array_equal(numbers("expression.CD8A.log2_tpm", cohort()), LEVELS[:, SYMBOLS.index("CD8A")])


def test_gene_and_patient_not_measured_are_missing_not_zero() -> None:
    both = Cohort(("a", "b"), expression=Expression(np.array([1]), ("CD8A",), np.array([[3.0]])))
    assert np.array_equal(numbers("expression.CD8A.log2_tpm", both), [np.nan, 3.0], equal_nan=True)
    assert np.isnan(numbers("expression.GZMA.log2_tpm", both)).all()
    assert np.isnan(numbers("signature.treg.score", Cohort(("a",)))).all()
    assert np.isnan(numbers("signature.treg.ssgsea", Cohort(("a",)))).all()


@pytest.mark.parametrize(
    "name", ["expression.CD8A.tpm", "expression..log2_tpm", "expression.a b.log2_tpm", "clinical.age.value"]
)
def test_other_names_are_left_to_other_blocks(name: str) -> None:
    assert column_for(name) is None


def test_gene_names_may_hold_dots_and_dashes() -> None:
    assert gene_of("expression.AC093375.1.log2_tpm") == "AC093375.1"
    assert gene_of("expression.HLA-DRA.log2_tpm") == "HLA-DRA"


def test_mean_score_is_the_mean_of_its_genes() -> None:
    genes_of = signatures()["t_cell_inflamed"].genes
    by_hand = np.mean([LEVELS[:, SYMBOLS.index(gene)] for gene in genes_of], axis=0)
    assert score(cohort(), signatures()["t_cell_inflamed"]) == pytest.approx(by_hand, abs=1e-12)


def test_cytolytic_activity_is_a_geometric_mean() -> None:
    two = cohort(np.log2(np.array([[8.0, 2.0], [np.nan, 2.0]]) + 1.0), ("GZMA", "PRF1"))
    found = score(two, signatures()["cytolytic_activity"])
    assert found[0] == pytest.approx(np.log2(np.sqrt(8.01 * 2.01)))
    assert np.isnan(found[1])


def test_score_needs_most_of_its_genes() -> None:
    listed = signatures()["cytotoxic_cells"].genes
    levels = np.ones((1, 10))
    levels[0, :2] = np.nan
    assert score(cohort(levels, listed), signatures()["cytotoxic_cells"])[0] == 1.0
    levels[0, 2] = np.nan
    assert np.isnan(score(cohort(levels, listed), signatures()["cytotoxic_cells"])[0])


def test_every_score_is_the_same_alone_and_in_a_batch_bit_for_bit() -> None:
    levels = LEVELS.copy()
    levels[1, ::7] = np.nan
    many = cohort(levels)
    for column in signature_columns().values():
        together = np.array(column.numbers(many))
        alone = [column.numbers(many.take([patient]))[0] for patient in many.patient_ids]
        assert np.array_equal(together, alone, equal_nan=True), column.feature.name


def test_ssgsea_is_what_a_naive_running_sum_gives() -> None:
    rng = np.random.default_rng(0)
    levels, members = rng.permutation(400).astype(float), rng.choice(400, 20, replace=False)
    order = np.argsort(-levels)
    is_member = np.isin(order, members)
    weight = np.where(is_member, (400.0 - np.arange(400)) ** 0.25, 0.0)
    inside, outside = np.cumsum(weight) / weight.sum(), np.cumsum(~is_member) / 380
    assert ssgsea(levels, members) == pytest.approx((inside - outside).sum() / 400, abs=1e-12)


@pytest.mark.slow
def test_ssgsea_is_what_gseapy_gives_before_it_looks_at_other_samples() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import gseapy  # its own imports warn

        rng = np.random.default_rng(1)
        levels, members = rng.permutation(2_000).astype(float), rng.choice(2_000, 30, replace=False)
        table = pd.DataFrame({"a": levels}, index=[f"G{i}" for i in range(2_000)])
        lists = {"ours": [f"G{i}" for i in members]}
        done = gseapy.ssgsea(
            table, lists, sample_norm_method="rank", min_size=1, outdir=None, no_plot=True, threads=1
        )
    assert ssgsea(levels, members) * 2_000 == pytest.approx(float(done.res2d["ES"].iloc[0]), rel=1e-9)


@given(st.permutations(range(12)), st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_ssgsea_does_not_mind_the_order_of_genes_even_among_ties(order: list[int], levels: list[int]) -> None:
    given_levels, members = np.array(levels, dtype=float), np.array([0, 3, 5])
    moved = np.empty(12)
    moved[order] = given_levels
    assert ssgsea(given_levels, members) == pytest.approx(ssgsea(moved, np.array(order)[members]), abs=1e-12)


def test_ranks_need_a_transcriptome() -> None:
    few = cohort(LEVELS[:, :4_000], SYMBOLS[:4_000])
    assert all(np.isnan(numbers(f"signature.{name}.ssgsea", few)).all() for name in signatures())


def test_remembered_ranks_are_those_of_the_matrix_asked_about() -> None:
    first, second = cohort(), cohort(LEVELS[::-1].copy())
    name = "signature.t_cells.ssgsea"
    assert np.array_equal(numbers(name, first), numbers(name, second)[::-1])
    assert np.array_equal(numbers(name, first), numbers(name, cohort()))


@pytest.mark.parametrize("shuffled", [False, True])
def test_many_genes_at_once_are_what_their_columns_say(shuffled: bool) -> None:
    asked = [*SYMBOLS[:100], "NOTMEASURED"]
    if shuffled:
        asked = list(np.random.default_rng(0).permutation(asked))
    of = Cohort(("x", "a", "b"), expression=Expression(np.array([2, 1]), SYMBOLS, LEVELS[:2]))
    out, places = np.zeros((3, 102)), np.arange(1, 102)
    fill_genes(of, asked, places, out)
    for place, gene in zip(places, asked, strict=True):
        assert np.array_equal(out[:, place], numbers(f"expression.{gene}.log2_tpm", of), equal_nan=True)
    assert not out[:, 0].any()


def test_many_genes_of_nobody_are_missing() -> None:
    out = np.zeros((1, 2))
    fill_genes(Cohort(("x",)), ["CD8A", "GZMA"], np.array([0, 1]), out)
    assert np.isnan(out).all()


def test_where_genes_stand_is_looked_up_anew_for_another_table_and_another_question() -> None:
    """The lookup is remembered by identity, so neither an equal list nor a list that changed may mislead."""
    asked, places = SYMBOLS[:50], np.arange(50)
    tables = (SYMBOLS, SYMBOLS[::-1], SYMBOLS[25:], (*SYMBOLS[:9], *SYMBOLS[9:]))
    for symbols in (*tables, *tables):
        of = cohort(LEVELS[:2, : len(symbols)], symbols)
        by_column = np.array([of.expression_of(gene) for gene in asked]).T
        assert np.array_equal(_filled(of, asked, places), by_column, equal_nan=True)
    listed = list(asked)
    before = _filled(cohort(), listed, places)
    listed.reverse()
    assert np.array_equal(_filled(cohort(), listed, places), before[:, ::-1])
    moved = np.roll(places, 7)
    assert np.array_equal(_filled(cohort(), asked, moved)[:, moved], before)


def _filled(of: Cohort, asked: Sequence[str], places: NDArray[np.int64]) -> NDArray[np.float64]:
    out = np.zeros((len(of), len(asked)))
    fill_genes(of, asked, places, out)
    return out
