"""A cohort keeps what was recorded, hides what came later, and refuses what contradicts itself."""

from __future__ import annotations

import numpy as np
import pytest

from features.cohort import Clinical, Cohort, Genotypes, Medications
from features.errors import CohortError
from features.synthetic import synthetic_cohort

NAN = float("nan")


def _clinical(*rows: tuple) -> Cohort:
    return Cohort(("a", "b"), clinical=Clinical.from_rows(rows))


def test_latest_value_up_to_day_zero_is_read_and_the_future_is_not() -> None:
    cohort = _clinical(
        (0, "weight", 80.0, None, -2.0), (0, "weight", 90.0, None, -40.0), (0, "weight", 70.0, None, 1.0)
    )
    np.testing.assert_array_equal(cohort.values("weight"), [80.0, NAN])


def test_a_fact_of_unknown_day_is_not_read() -> None:
    assert np.isnan(_clinical((0, "weight", 80.0, None, NAN)).values("weight")).all()


def test_the_last_given_of_one_day_is_read() -> None:
    cohort = _clinical((0, "race", NAN, "white", 0.0), (0, "race", NAN, "black", 0.0))
    assert cohort.texts("race").tolist() == ["black", None]


@pytest.mark.parametrize(
    ("taken", "start", "stop", "expected"),
    [
        (True, NAN, NAN, 1.0),
        (True, -30.0, NAN, 1.0),
        (True, 0.0, 0.0, 1.0),
        (True, 1.0, NAN, 0.0),
        (True, -30.0, -1.0, 0.0),
        (False, NAN, NAN, 0.0),
    ],
)
def test_a_drug_is_taken_when_day_zero_lies_in_its_period(
    taken: bool, start: float, stop: float, expected: float
) -> None:
    medications = Medications.from_rows([(0, "amiodarone", taken, start, stop)])
    np.testing.assert_array_equal(
        Cohort(("a", "b"), medications=medications).taking("amiodarone"), [expected, NAN]
    )


def test_one_of_two_periods_of_a_drug_is_enough() -> None:
    rows = [(0, "aspirin", True, NAN, NAN), (0, "aspirin", True, -90.0, -60.0)]
    assert Cohort(("a",), medications=Medications.from_rows(rows)).taking("aspirin").tolist() == [1.0]


def test_two_calls_at_one_locus_are_refused_by_name_without_the_call() -> None:
    with pytest.raises(CohortError, match="CYP2C9") as refused:
        Cohort(("a",), Genotypes.from_rows([(0, "CYP2C9", "*1/*1"), (0, "CYP2C9", "*2/*2")]))
    assert "*2" not in str(refused.value)


@pytest.mark.parametrize("position", [-1, 2])
def test_a_row_of_nobody_is_refused(position: int) -> None:
    with pytest.raises(CohortError, match="no patient"):
        Cohort(("a", "b"), Genotypes.from_rows([(position, "CYP2C9", "*1/*1")]))


def test_repeated_ids_and_short_groups_are_told_together() -> None:
    with pytest.raises(CohortError, match="2 faults"):
        Cohort(("a", "a"), groups={"site": np.array(["x"], dtype=object)})


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(CohortError, match="'call' has 2 rows"):
        Genotypes(np.array([0]), np.array(["CYP2C9"]), np.array(["*1/*1", "*1/*2"]))


def test_rows_and_columns_are_two_views_of_one_table() -> None:
    rows = ((0, "weight", 80.0, None, -2.0), (1, "sex", 0.0, "male", 0.0))
    by_row = Clinical.from_rows(rows)
    by_column = Clinical(by_row.patient, by_row.name, by_row.value, by_row.text, by_row.day)
    assert by_column.rows == rows
    assert (by_row.value.dtype, by_row.patient.dtype) == (np.float64, np.int64)
    with pytest.raises(AttributeError, match="no column 'dose'"):
        by_row.dose  # noqa: B018


def test_taking_everybody_in_another_order_keeps_the_fingerprint() -> None:
    cohort = synthetic_cohort(40, seed=3)
    turned = cohort.take(reversed(cohort.patient_ids))
    assert turned.patient_ids != cohort.patient_ids
    assert turned.fingerprint() == cohort.fingerprint()
    assert cohort.take(cohort.patient_ids[:39]).fingerprint() != cohort.fingerprint()


def test_a_stranger_asked_for_is_refused_without_naming_anybody() -> None:
    with pytest.raises(CohortError, match="1 of 2") as refused:
        synthetic_cohort(3, seed=0).take(["synthetic-1", "Jane Doe"])
    assert "Jane" not in str(refused.value)


def test_outcomes_follow_their_patients() -> None:
    cohort = synthetic_cohort(10, seed=1)
    part = cohort.take(["synthetic-7", "synthetic-2"])
    np.testing.assert_array_equal(part.outcome("weekly_dose"), cohort.outcome("weekly_dose")[[6, 1]])
    assert part.groups["site"].tolist() == cohort.groups["site"][[6, 1]].tolist()
    assert np.isnan(part.outcome("inr")).all()
