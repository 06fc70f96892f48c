"""A cohort tells tumours that were read from those that were not, and refuses contradictions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.cohort import Cohort, Expression, Panel, Variants
from features.errors import CohortError

NAN = math.nan
SMALL = Panel("small", frozenset({"TP53", "KRAS"}), 1.0, frozenset({"mutations", "copy_number"}))
EXOME = Panel("exome", None, 38.0)


def tumours(*rows: tuple, sequenced: tuple = ("small", "exome", None)) -> Cohort:
    """Patients a (small panel), b (exome) and c (not sequenced)."""
    panels = {"small": SMALL, "exome": EXOME}
    return Cohort(("a", "b", "c"), variants=Variants.from_rows(rows), sequenced=sequenced, panels=panels)


def test_a_gene_is_read_only_where_the_patients_panel_holds_it() -> None:
    assert tumours().is_sequenced("TP53").tolist() == [True, True, None]
    assert tumours().is_sequenced("BRAF").tolist() == [False, True, None]


def test_what_a_panel_does_not_look_for_was_not_read() -> None:
    assert tumours().is_sequenced("TP53", "copy_number").tolist() == [True, False, None]


def test_a_gene_of_low_coverage_was_not_read_in_that_patient() -> None:
    low = (0, "TP53", "mutations_not_read", None, NAN, NAN)
    assert tumours(low).is_sequenced("TP53").tolist() == [False, True, None]


def test_findings_of_a_gene_are_found_by_their_rows() -> None:
    cohort = tumours((1, "BRAF", "missense", "p.V600E", 0.4, NAN), (0, "TP53", "deletion", None, NAN, 0.0))
    assert cohort.variant_rows("BRAF").tolist() == [0]
    assert cohort.variant_rows("KRAS").tolist() == []


def test_assays_of_unknown_size_are_alike_when_all_else_is() -> None:
    one, other = (Panel("p", frozenset({"TP53"}), float("nan")) for _ in range(2))
    assert one == other
    assert len({one, other}) == 1
    assert one != Panel("p", frozenset({"TP53"}), 1.0)
    assert one != "p"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ((2, "TP53", "missense", None, NAN, NAN), "patients who have no panel"),
        ((0, "BRAF", "missense", None, NAN, NAN), "does not read"),
        ((1, "BRAF", "amplification", None, NAN, 9.0), "does not read"),
        ((0, "TP53", "odd", None, NAN, NAN), "'kind'"),
        ((0, "", "missense", None, NAN, NAN), "'gene'"),
        ((0, "TP53", "missense", 7, NAN, NAN), "'protein_change'"),
        ((0, "TP53", "missense", None, 40.0, NAN), "'vaf'"),
        ((0, "TP53", "deletion", None, NAN, -1.0), "'copy_number'"),
        ((0, "TP53", "amplification", None, NAN, math.inf), "'copy_number'"),
        ((9, "TP53", "missense", None, NAN, NAN), "no patient"),
    ],
)
def test_a_finding_that_cannot_be_is_refused(row: tuple, says: str) -> None:
    with pytest.raises(CohortError, match=says):
        tumours(row)


def test_all_that_is_wrong_is_told_together_without_a_value() -> None:
    rows = [(0, "TP53", "odd", "p.SECRET", 40.0, NAN), (2, "TP53", "missense", None, NAN, NAN)]
    with pytest.raises(CohortError, match="3 faults") as refused:
        tumours(*rows)
    assert [fault.where for fault in refused.value.faults] == [
        "variants 'kind'",
        "variants 'vaf'",
        "sequenced",
    ]
    assert "SECRET" not in str(refused.value)


def test_sequencing_must_name_a_known_panel_for_every_patient() -> None:
    with pytest.raises(CohortError, match="'panels' does not hold"):
        tumours(sequenced=("small", "big", None))
    with pytest.raises(CohortError, match="2 entries for 3 patients"):
        tumours(sequenced=("small", None))
    with pytest.raises(CohortError, match="calls itself"):
        Cohort(("a",), panels={"other": SMALL})


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"genes": frozenset()},
        {"genes": frozenset({""})},
        {"size_mb": 0.0},
        {"size_mb": math.inf},
        {"reads": frozenset()},
        {"reads": frozenset({"tea leaves"})},
    ],
)
def test_a_panel_that_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(CohortError, match="1 faults in the panel"):
        Panel(**({"name": "p", "genes": None, "size_mb": 1.0} | wrong))


def measured(*, genes: tuple[str, ...] = ("TP53", "KRAS")) -> Expression:
    return Expression(np.array([2, 0]), genes, np.array([[1.0, NAN], [3.0, 4.0]]))


def test_expression_is_known_only_of_who_was_measured() -> None:
    cohort = Cohort(("a", "b", "c"), expression=measured())
    np.testing.assert_array_equal(cohort.expression_of("TP53"), [3.0, NAN, 1.0])
    np.testing.assert_array_equal(cohort.expression_of("KRAS"), [4.0, NAN, NAN])
    assert np.isnan(cohort.expression_of("BRAF")).all()
    assert cohort.has_expression().tolist() == [True, False, True]
    assert not Cohort(("a",)).has_expression().any()


@pytest.mark.parametrize(
    ("patient", "genes", "values", "says"),
    [
        ([0], ("A", "A"), [[1.0, 2.0]], "repeated"),
        ([0, 0], ("A",), [[1.0], [2.0]], "more than one row"),
        ([0], ("A",), [[1.0, 2.0]], "under 1 rows and 1 genes"),
        ([0], ("A",), [[math.inf]], "infinite"),
        ([0], ("",), [[1.0]], "no name"),
    ],
)
def test_expression_that_cannot_be_is_refused(patient: list, genes: tuple, values: list, says: str) -> None:
    with pytest.raises(CohortError, match=says):
        Expression(np.array(patient), genes, np.array(values))


def test_expression_of_nobody_is_refused() -> None:
    with pytest.raises(CohortError, match="expression: a row belongs to no patient"):
        Cohort(("a", "b"), expression=measured())


def full() -> Cohort:
    cohort = tumours((1, "BRAF", "missense", "p.V600E", 0.4, NAN), (0, "TP53", "deletion", None, NAN, 0.0))
    blocks = {"variants": cohort.variants, "sequenced": cohort.sequenced, "panels": cohort.panels}
    return Cohort(cohort.patient_ids, expression=measured(), **blocks)


@given(st.permutations(["a", "b", "c"]))
def test_every_block_follows_its_patient(order: list[str]) -> None:
    cohort = full().take(order)
    place = order.index("b")
    assert cohort.fingerprint() == full().fingerprint()
    assert cohort.sequenced is not None
    assert cohort.sequenced[place] == "exome"
    assert cohort.variants.patient[cohort.variant_rows("BRAF")].tolist() == [place]
    assert cohort.expression_of("KRAS")[order.index("a")] == 4.0


def test_a_patient_alone_is_a_cohort_of_one() -> None:
    alone = full().take(["c"])
    assert len(alone.variants) == 0
    assert alone.is_sequenced("TP53").tolist() == [None]
    assert alone.expression_of("TP53").tolist() == [1.0]


def test_the_fingerprint_covers_every_block() -> None:
    base = full()
    other = {
        "variants": Variants.from_rows([]),
        "sequenced": ("exome", "exome", None),
        "panels": {"small": SMALL, "exome": Panel("exome", None, 39.0)},
        "expression": Expression(np.array([2, 0]), ("TP53", "KRAS"), np.array([[1.0, NAN], [3.0, 5.0]])),
    }
    prints = {base.fingerprint()}
    for name, value in other.items():
        blocks = {f: getattr(base, f) for f in ("variants", "sequenced", "panels", "expression")} | {
            name: value
        }
        if name == "sequenced":
            blocks["variants"] = Variants.from_rows([(1, "BRAF", "missense", "p.V600E", 0.4, NAN)])
        prints.add(Cohort(base.patient_ids, **blocks).fingerprint())
    assert len(prints) == 5


def test_the_order_of_genes_and_the_sign_of_zero_change_no_fingerprint() -> None:
    one = Expression(np.array([0]), ("A", "B"), np.array([[0.0, NAN]]))
    two = Expression(np.array([0]), ("B", "A"), np.array([[NAN, -0.0]]))
    assert Cohort(("a",), expression=one).fingerprint() == Cohort(("a",), expression=two).fingerprint()
