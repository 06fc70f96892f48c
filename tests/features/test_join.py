"""Files of the same patients make one cohort, or a clear refusal."""

from __future__ import annotations

import math

import numpy as np
import pytest

from features.cohort import Clinical, Cohort, Expression, Genotypes, Panel, Variants
from features.errors import CohortError
from features.join import join, joined_panel

NAN = math.nan
EXOME = Panel("exome", None, 38.0)
SEGMENTS = Panel("segments", None, NAN, frozenset({"stated_copies"}))


def mutated() -> Cohort:
    rows = [(0, "TP53", "missense", "p.R175H", 0.4, NAN)]
    return Cohort(
        ("b", "a"), variants=Variants.from_rows(rows), sequenced=("exome", "exome"), panels={"exome": EXOME}
    )


def copied() -> Cohort:
    rows = [(0, "TP53", "loss", None, NAN, 1.0)]
    return Cohort(
        ("b", "c"),
        variants=Variants.from_rows(rows),
        sequenced=("segments",) * 2,
        panels={"segments": SEGMENTS},
    )


def described() -> Cohort:
    clinical = Clinical.from_rows([(0, "age", 60.0, None, 0.0), (1, "age", 70.0, None, 0.0)])
    groups = {"site": np.array(["x", "y"], dtype=object)}
    return Cohort(("a", "d"), clinical=clinical, groups=groups)


def test_every_fact_finds_its_patient() -> None:
    cohort = join([mutated(), copied(), described()])
    assert cohort.patient_ids == ("b", "a", "c", "d")
    np.testing.assert_array_equal(cohort.values("age"), [NAN, 60.0, NAN, 70.0])
    assert cohort.variants.patient.tolist() == [0, 0]
    assert cohort.sequenced is not None
    assert cohort.sequenced.tolist() == ["exome + segments", "exome", "segments", None]
    assert cohort.groups["site"].tolist() == [None, "x", None, "y"]


def test_two_assays_of_a_patient_read_what_either_reads() -> None:
    both = join([mutated(), copied()]).panels["exome + segments"]
    assert both.reads == {"mutations", "stated_copies"}
    assert both.genes is None
    assert both.size_mb == 38.0


def test_one_cohort_joined_with_nothing_is_itself() -> None:
    assert join([mutated()]).fingerprint() == mutated().fingerprint()
    assert join([mutated(), Cohort(())]).fingerprint() == mutated().fingerprint()


def test_assays_of_different_genes_are_refused_with_a_remedy() -> None:
    matrix = Panel("matrix", frozenset({"TP53"}), NAN, frozenset({"copy_number"}))
    with pytest.raises(CohortError, match=r"read different genes.*only states copies"):
        joined_panel(EXOME, matrix)


def test_panels_of_one_name_must_be_the_same() -> None:
    other = Cohort(("z",), sequenced=("exome",), panels={"exome": Panel("exome", None, 30.0)})
    with pytest.raises(CohortError, match="two different panels"):
        join([mutated(), other])
    unknown = [Cohort((p,), sequenced=("s",), panels={"s": Panel("s", None, float("nan"))}) for p in "ab"]
    assert join(unknown).panels.keys() == {"s"}


def test_contradictions_between_files_are_refused() -> None:
    calls = [Cohort(("a",), Genotypes.from_rows([(0, "CYP2C9", call)])) for call in ("*1/*1", "*1/*2")]
    with pytest.raises(CohortError, match="CYP2C9"):
        join(calls)


def test_expression_of_different_genes_is_missing_where_it_was_not_measured() -> None:
    one = Cohort(("a",), expression=Expression(np.array([0]), ("X", "Y"), np.array([[1.0, 2.0]])))
    two = Cohort(("b",), expression=Expression(np.array([0]), ("Z", "Y"), np.array([[3.0, 4.0]])))
    cohort = join([one, two, described()])
    np.testing.assert_array_equal(cohort.expression_of("X"), [1.0, NAN, NAN])
    np.testing.assert_array_equal(cohort.expression_of("Y"), [2.0, 4.0, NAN])
    with pytest.raises(CohortError, match="more than one row"):
        join([one, one])
