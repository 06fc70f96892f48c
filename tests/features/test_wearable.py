"""Wearable series, summarised over the baseline window: worn days only, and none from day 0 on."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from features.errors import CohortError
from features.readers.facts import Imported
from features.readers.index_date import IndexDates
from features.readers.wearable import BaselineWindow, read_wearables

WINDOW = BaselineWindow(first_day=-10, fewest_days=2)
HEADER = "patient_id,series,value,unit,day\n"


def _read(tmp_path: Path, text: str, index: IndexDates | None = None) -> Imported:
    (tmp_path / "series.csv").write_bytes(text.encode())
    return read_wearables(tmp_path / "series.csv", WINDOW, index)


def _rows(name: str, unit: str, values: dict[float, float]) -> str:
    return "".join(f"p,{name},{value},{unit},{day}\n" for day, value in values.items())


def test_steps_are_summed_by_day_and_averaged_over_the_days_worn(tmp_path: Path) -> None:
    rows = _rows("steps", "{steps}", {-1.75: 4000, -1.5: 2000, -3.0: 10000})
    cohort = _read(tmp_path, HEADER + rows).cohort
    assert cohort.values("steps_per_day").tolist() == [8000.0]
    assert cohort.clinical.day.tolist() == [-2.0]


def test_resting_rate_is_the_median_of_the_daily_lows(tmp_path: Path) -> None:
    rows = _rows("heart_rate", "{beats}/min", {-3.9: 60, -2.9: 50, -1.9: 70})
    assert _read(tmp_path, HEADER + rows).cohort.values("resting_heart_rate").tolist() == [60.0]


def test_glucose_is_summarised_in_its_canonical_unit(tmp_path: Path) -> None:
    rows = _rows("glucose", "mmol/L", {-3.5: 5.0, -2.5: 15.0})
    cohort = _read(tmp_path, HEADER + rows).cohort
    assert cohort.values("glucose_mean")[0] == pytest.approx(180.156)
    assert cohort.values("glucose_cv")[0] == pytest.approx(50.0)
    assert cohort.values("glucose_in_range").tolist() == [50.0]


def test_the_index_day_and_what_follows_change_nothing(tmp_path: Path) -> None:
    before = _rows("steps", "1", {-1.5: 4000, -3.0: 10000})
    later = _rows("steps", "1", {0.0: 9, 0.5: 9, 30.0: 9, -11.0: 9})
    with_later, alone = _read(tmp_path, HEADER + before + later), _read(tmp_path, HEADER + before)
    assert with_later.cohort.fingerprint() == alone.cohort.fingerprint()
    assert with_later.unread == {"known only after the index date": 3, "before the baseline window": 1}


def test_too_few_days_are_missing_and_not_zero(tmp_path: Path) -> None:
    found = _read(tmp_path, HEADER + _rows("steps", "1", {-1.5: 4000, -1.25: 100}))
    assert found.cohort.patient_ids == ("p",)
    assert len(found.cohort.clinical) == 0
    assert found.unread == {"steps: worn on fewer than 2 days": 1}


def test_times_count_from_the_index_date(tmp_path: Path) -> None:
    times = {"2021-06-14T23:59:00": 1000, "2021-06-12T08:00:00+02:00": 3000, "2021-06-15T00:00:00": 9}
    rows = "".join(f"p,steps,{value},1,{time}\n" for time, value in times.items())
    index = IndexDates(by_patient={"p": date(2021, 6, 15)})
    cohort = _read(tmp_path, HEADER.replace("day", "time") + rows, index).cohort
    assert cohort.values("steps_per_day").tolist() == [2000.0]


def test_the_order_of_rows_changes_no_bit(tmp_path: Path) -> None:
    rows = [f"p,glucose,{80 + i * 0.1},mg/dL,{-1 - i % 5 - i / 100}\n" for i in range(50)]
    forward = _read(tmp_path, HEADER + "".join(rows)).cohort
    assert _read(tmp_path, HEADER + "".join(rows[::-1])).cohort.fingerprint() == forward.fingerprint()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is no header"),
        (HEADER.replace("day", "when"), "the column 'time' is missing"),
        (HEADER.replace("day", "time"), "give the patients' index dates"),
        (HEADER + "p,pulse,60,/min,-1\n", "line 2 column 'series': not known here"),
        (HEADER + "p,heart_rate,sixty,/min,-1\n", "line 2 column 'value': not a finite number"),
        (HEADER + "p,heart_rate,60,bpm,-1\n", "line 2 column 'value': the unit is not known"),
        (HEADER + "p,heart_rate,6000,/min,-1\n", "line 2 column 'value': not plausible"),
        (HEADER + "p,steps,-4,1,-1\n", "line 2 column 'value': not a count of steps"),
        (HEADER + "p,steps,4,km,-1\n", "line 2 column 'value': not a count of steps"),
        (HEADER + "p,steps,4,1,yesterday\n", "line 2 column 'day': not a day"),
        (HEADER + ",steps,4,1,-1\n", "line 2: not a printable patient id"),
        (HEADER + "p,steps,4,1,-1", "cut off"),
        (HEADER + "p,steps,4,1\n", "4 fields where the header names 5"),
        (HEADER + "p,steps,4\0,1,-1\n", "embedded NUL"),
    ],
)
def test_a_hostile_series_is_refused_by_name(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=says):
        _read(tmp_path, text)


def test_a_window_lies_before_day_0() -> None:
    for wrong in ((0, 1), (-5, 6), (-5, 0)):
        with pytest.raises(CohortError, match="before day 0"):
            BaselineWindow(*wrong)
