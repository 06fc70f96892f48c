"""The same patient twice, near copies and relatives are found; strangers are left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.cohort import Clinical, Cohort, Expression
from features.join import join
from features.synthetic import synthetic_cohort
from training.kin import kin_of, n_shared, twin_groups
from training.splits import protocol_splits
from training.study import Protocol

FOLDS = Protocol("folds", "folds", splits=2, folds=5)
LABS = 12


def labs(n: int, seed: int) -> Cohort:
    """Patients of a dozen measurements each."""
    drawn = np.random.default_rng(seed).normal(50, 9, (n, LABS)).round(2)
    rows = [(i, f"lab_{j}", float(drawn[i, j]), None, 0.0) for i in range(n) for j in range(LABS)]
    return Cohort(tuple(f"p{seed}-{i}" for i in range(n)), clinical=Clinical.from_rows(rows))


def renamed(cohort: Cohort, n: int) -> Cohort:
    """The first patients again, under other ids."""
    again = cohort.take(cohort.patient_ids[:n])
    return replace(again, patient_ids=tuple(f"again-{i}" for i in range(n)))


def test_strangers_are_no_kin() -> None:
    for cohort in (labs(300, 1), synthetic_cohort(600, seed=2)):
        kin = kin_of(cohort)
        assert n_shared(kin.near) == n_shared(kin.twins)
        assert n_shared(kin.families) == 0


def test_a_patient_under_two_ids_is_found() -> None:
    cohort = labs(100, 1)
    kin = kin_of(join([cohort, renamed(cohort, 12)]))
    assert n_shared(kin.twins) == 24
    np.testing.assert_array_equal(kin.whole[:12], kin.whole[100:])


@pytest.mark.parametrize("what", ["another value", "one fact less"])
def test_a_copy_with_one_fact_changed_is_found(what: str) -> None:
    cohort = labs(100, 1)
    rows = [list(row) for row in renamed(cohort, 1).clinical.rows]
    rows = rows[1:] if what == "one fact less" else [[0, "lab_0", 999.0, None, 0.0], *rows[1:]]
    copy = Cohort(("copy",), clinical=Clinical.from_rows(map(tuple, rows)))
    kin = kin_of(join([cohort, copy]))
    assert n_shared(kin.twins) == 0
    assert np.flatnonzero(kin.near == kin.near[100]).tolist() == [0, 100]


def test_two_facts_changed_are_another_patient() -> None:
    cohort = labs(100, 1)
    rows = [(0, f"lab_{j}", 999.0, None, 0.0) for j in (0, 1)]
    rows += [row for row in renamed(cohort, 1).clinical.rows if row[1] not in ("lab_0", "lab_1")]
    assert n_shared(kin_of(join([cohort, Cohort(("c",), clinical=Clinical.from_rows(rows))])).near) == 0


def test_a_second_sample_of_one_tumour_is_found_by_its_expression() -> None:
    rng = np.random.default_rng(3)
    genes = tuple(f"G{i}" for i in range(400))
    values = rng.normal(5, 1, 400) + rng.normal(0, 1, (31, 400))
    values[30] = values[7] + rng.normal(0, 0.02, 400)
    cohort = Cohort(tuple(map(str, range(31))), expression=Expression(np.arange(31), genes, values))
    kin = kin_of(cohort)
    assert n_shared(kin.twins) == 0
    assert np.flatnonzero(kin.near == kin.near[30]).tolist() == [7, 30]


def test_families_are_joined_with_copies_into_one_group() -> None:
    cohort = labs(6, 1)
    both = join([replace(cohort, groups={"family": np.array(["A", "A", None, "B", "B", None], dtype=object)}),
                 renamed(cohort, 1)])  # fmt: skip
    whole = kin_of(both).whole
    assert len(set(whole[[0, 1, 6]].tolist())) == 1
    assert len(set(whole.tolist())) == 4


def test_no_kin_of_a_held_out_patient_is_trained_on() -> None:
    cohort = labs(100, 1)
    both = join([cohort, renamed(cohort, 30)])
    kin = kin_of(both).whole
    for split in protocol_splits(FOLDS, both, kin):
        assert set(kin[split.train].tolist()).isdisjoint(kin[split.test].tolist())
    parted = protocol_splits(FOLDS, both, np.arange(len(both)))
    assert any(set(kin[s.train].tolist()) & set(kin[s.test].tolist()) for s in parted)


def test_twins_alone_are_those_of_whom_every_fact_is_the_same() -> None:
    cohort = labs(20, 1)
    twins = twin_groups(join([cohort, renamed(cohort, 2)]))
    np.testing.assert_array_equal(twins[20:], twins[:2])
