"""OMOP CDM tables: concepts by a declared map, in days from the index date, from CSV as from Parquet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import CohortError
from features.readers.facts import Imported
from features.readers.index_date import IndexDates
from features.readers.omop import read_omop

INDEX = IndexDates(by_patient={"1": date(2021, 6, 15)})
WARFARIN = IndexDates(codes=frozenset({"1310149"}))
PERSON = (
    "person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth,race_concept_id\n"
    "1,8532,1950,6,16,8527\n"
)
MEASUREMENT = (
    "person_id,measurement_concept_id,measurement_date,value_as_number,unit_concept_id,unit_source_value\n"
)
OBSERVATION = "person_id,observation_concept_id,observation_date,value_as_concept_id\n"
CONDITION = "person_id,condition_concept_id,condition_start_date\n"
DRUG = "person_id,drug_concept_id,drug_exposure_start_date,drug_exposure_end_date\n"
ANCESTOR = "ancestor_concept_id,descendant_concept_id\n"


def _folder(tmp_path: Path, **tables: str) -> Path:
    for name, text in ({"person": PERSON} | tables).items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def _read(tmp_path: Path, index: IndexDates = INDEX, strict: bool = True, **tables: str) -> Imported:
    return read_omop(_folder(tmp_path, **tables), index, strict=strict)


def test_a_person_has_age_sex_and_race(tmp_path: Path) -> None:
    cohort = _read(tmp_path).cohort
    assert cohort.patient_ids == ("1",)
    assert cohort.values("age").tolist() == [70.0]
    assert (cohort.texts("sex")[0], cohort.texts("race")[0]) == ("female", "white")


def test_a_year_of_birth_alone_gives_the_years_between(tmp_path: Path) -> None:
    person = "PERSON_ID,GENDER_CONCEPT_ID,YEAR_OF_BIRTH,RACE_CONCEPT_ID\n1,0,1950,0\n"
    cohort = _read(tmp_path, person=person).cohort
    assert cohort.values("age").tolist() == [71.0]
    assert cohort.texts("sex").tolist() == [None]


def test_a_unit_is_a_concept_or_else_a_ucum_code(tmp_path: Path) -> None:
    rows = (
        "1,3025315,2021-06-01,176,8739,\n1,3036277,2021-06-01,1.75,0,m\n1,3016723,2021-06-01,88.42,8749.0,\n"
    )
    cohort = _read(tmp_path, measurement=MEASUREMENT + rows).cohort
    assert cohort.values("weight")[0] == pytest.approx(79.832257)
    assert cohort.values("height").tolist() == [175.0]
    assert cohort.values("creatinine")[0] == pytest.approx(1.0002, rel=1e-4)


def test_the_latest_before_the_index_counts_and_nothing_after_it(tmp_path: Path) -> None:
    days = ("2021-06-15", "2021-05-01", "2021-06-16")
    rows = "".join(f"1,3025315,{day},{80 + i},9529,\n" for i, day in enumerate(days))
    found = _read(tmp_path, measurement=MEASUREMENT + rows)
    assert found.cohort.values("weight").tolist() == [80.0]
    assert found.unread == {"known only after the index date": 1}


def test_what_is_below_a_limit_or_not_mapped_is_counted(tmp_path: Path) -> None:
    head = MEASUREMENT.strip() + ",operator_concept_id\n"
    rows = "1,3016723,2021-06-01,5,8840,,4171756\n1,99,2021-06-01,5,8840,,\n1,3016723,2021-06-01,,8840,,\n"
    unread = _read(tmp_path, measurement=head + rows).unread
    assert unread == {
        "clinical/creatinine: below or above a limit": 1,
        "measurement 99: not mapped": 1,
        "clinical/creatinine: no number": 1,
    }


def test_smoking_and_conditions_are_flags(tmp_path: Path) -> None:
    observed, conditions = "1,43054909,2021-06-01,45883458\n", "1,201826,2021-06-01\n1,77,2021-06-01\n"
    found = _read(tmp_path, observation=OBSERVATION + observed, condition_occurrence=CONDITION + conditions)
    assert found.cohort.values("smoker").tolist() == [0.0]
    assert found.cohort.values("diabetes").tolist() == [1.0]
    assert found.unread == {"condition_occurrence 77: not mapped": 1}


def test_a_tablet_counts_for_its_ingredient_where_the_ancestry_is_given(tmp_path: Path) -> None:
    rows = "1,40000001,2021-06-01,2021-07-01\n"
    without = _read(tmp_path, drug_exposure=DRUG + rows)
    assert without.unread == {"drugs of no interaction class": 1}
    within = _read(tmp_path, drug_exposure=DRUG + rows, concept_ancestor=ANCESTOR + "1309944,40000001\n")
    assert within.cohort.taking("amiodarone").tolist() == [1.0]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2021-06-01", "2021-06-15", 1.0),
        ("2021-06-01", "2021-06-14", 0.0),
        ("2021-06-16", "2021-07-01", None),
    ],
)
def test_a_drug_is_taken_when_its_days_hold_day_0(
    start: str, end: str, expected: float | None, tmp_path: Path
) -> None:
    cohort = _read(tmp_path, drug_exposure=f"{DRUG}1,1309944,{start},{end}\n").cohort
    assert cohort.medications.status.get("amiodarone", {}).get(0) == expected


def test_an_era_closes_the_gap_between_refills(tmp_path: Path) -> None:
    exposure = DRUG + "1,1309944,2021-05-01,2021-06-10\n"
    era = DRUG.replace("exposure", "era") + "1,1309944,2021-05-01,2021-08-10\n"
    assert _read(tmp_path, drug_exposure=exposure).cohort.taking("amiodarone").tolist() == [0.0]
    assert _read(tmp_path, drug_exposure=exposure, drug_era=era).cohort.taking("amiodarone").tolist() == [1.0]


def test_day_0_may_be_the_first_exposure_to_a_drug(tmp_path: Path) -> None:
    rows = "1,1310149,2021-06-15,\n1,1310149,2021-01-01,\n1,1310149,2022-01-01,\n"
    weight = MEASUREMENT + "1,3025315,2020-12-31,80,9529,\n"
    cohort = _read(tmp_path, WARFARIN, drug_exposure=DRUG + rows, measurement=weight).cohort
    assert cohort.clinical.day[cohort.clinical.rows_of("weight")].tolist() == [-1.0]


def test_parquet_reads_as_csv_does(tmp_path: Path) -> None:
    rows = "1,3025315,2021-06-01,80.5,9529,\n1,3036277,2021-05-01,175,8582,\n"
    text = _read(tmp_path, measurement=MEASUREMENT + rows).cohort
    (tmp_path / "measurement.csv").unlink()
    columns = {
        "person_id": pa.array([1, 1], pa.int64()),
        "measurement_concept_id": pa.array([3025315.0, 3036277.0]),
        "measurement_date": pa.array([date(2021, 6, 1), date(2021, 5, 1)]),
        "value_as_number": pa.array([80.5, 175.0]),
        "unit_concept_id": pa.array([9529, 8582], pa.int32()),
    }
    pq.write_table(pa.table(columns), tmp_path / "Measurement.parquet")
    assert read_omop(tmp_path, INDEX).cohort.fingerprint() == text.fingerprint()


def test_athenas_tabs_are_read(tmp_path: Path) -> None:
    assert _read(tmp_path, person=PERSON.replace(",", "\t")).cohort.values("age").tolist() == [70.0]


def _put(name: str, text: str | bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def _twice(folder: Path) -> None:
    pq.write_table(pa.table({"person_id": [1]}), folder / "PERSON.parquet")


def _repeated(folder: Path) -> None:
    names = ["person_id", "measurement_concept_id", "measurement_date", "person_id"]
    pq.write_table(pa.Table.from_arrays([pa.array(["1"])] * 4, names=names), folder / "measurement.parquet")


WEIGHT = "1,3025315,2021-06-01,80,9529,\n"
HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no person": (lambda folder: (folder / "person.csv").unlink(), "person: the table is missing"),
    "person twice": (_twice, "the table 'person' is there twice"),
    "missing column": (
        _put("person.csv", "person_id\n1\n"),
        "person.csv: the column 'gender_concept_id' is missing",
    ),
    "repeated id": (
        _put("person.csv", PERSON + "1,8507,1960,1,1,0\n"),
        "line 3 .*the id of an earlier patient",
    ),
    "repeated column": (_repeated, "a column is repeated"),
    "columns that differ in case": (_put("person.csv", "person_id,PERSON_ID\n1,1\n"), "a column is repeated"),
    "cut off": (_put("measurement.csv", MEASUREMENT + WEIGHT[:-1]), "cut off"),
    "NUL": (_put("measurement.csv", MEASUREMENT + WEIGHT.replace("80", "8\0")), "embedded NUL"),
    "encoding": (_put("measurement.csv", MEASUREMENT.encode() + b"\xff\n"), "not UTF-8"),
    "huge field": (_put("measurement.csv", MEASUREMENT + "1" * 200_000), "131,072|cut off|fields"),
    "stranger": (
        _put("measurement.csv", MEASUREMENT + "2" + WEIGHT[1:]),
        "line 2 column 'person_id': no row of person",
    ),
    "no day": (
        _put("measurement.csv", MEASUREMENT + WEIGHT.replace("06-01", "13-41")),
        "'measurement_date': not a day",
    ),
    "no number": (
        _put("measurement.csv", MEASUREMENT + WEIGHT.replace("80", "8O")),
        "'value_as_number': not a finite",
    ),
    "infinite": (_put("measurement.csv", MEASUREMENT + WEIGHT.replace("80", "1e999")), "not a finite number"),
    "no unit": (_put("measurement.csv", MEASUREMENT + WEIGHT.replace("9529", "0")), "unit is not known here"),
    "other unit": (
        _put("measurement.csv", MEASUREMENT + WEIGHT.replace("9529", "8582")),
        "unit is not known here",
    ),
    "pounds as kilograms": (
        _put("measurement.csv", MEASUREMENT + WEIGHT.replace("80", "1760")),
        "not plausible",
    ),
    "no Parquet": (_put("measurement.parquet", b"PAR1" + b"\0" * 40), "not a Parquet file"),
    "ends before it begins": (
        _put("drug_exposure.csv", DRUG + "1,1309944,2021-06-01,2021-05-01\n"),
        "before the start",
    ),
    "birth": (_put("person.csv", PERSON.replace("1950", "195O")), "date of birth is no date"),
    "folder for a table": (lambda folder: (folder / "measurement.csv").mkdir(), "not a plain file"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_tables_are_refused_by_name(case: str, tmp_path: Path) -> None:
    spoil, says = HOSTILE[case]
    spoil(_folder(tmp_path))
    with pytest.raises(CohortError, match=says) as refused:
        read_omop(tmp_path, INDEX)
    assert "1760" not in str(refused.value)


def test_implausible_values_may_be_counted_instead(tmp_path: Path) -> None:
    rows = WEIGHT.replace("80", "1760") + WEIGHT
    found = _read(tmp_path, strict=False, measurement=MEASUREMENT + rows)
    assert found.cohort.values("weight").tolist() == [80.0]
    assert found.unread == {"clinical/weight: implausible, or in an unknown unit": 1}


def test_index_dates_must_be_of_persons(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="index dates: 1 patients that the source lacks"):
        _read(tmp_path, IndexDates(by_patient={"1": date(2021, 1, 1), "3": date(2021, 1, 1)}))
    with pytest.raises(CohortError, match="not both"):
        IndexDates(by_patient={"1": date(2021, 1, 1)}, codes=frozenset({"1310149"}))
