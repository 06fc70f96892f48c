"""Clinical tables by a declared schema: wide, long and medication lists; faults with line and column."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from features.errors import CohortError
from features.readers.clinical_table import frame_schema, read_clinical_table
from features.readers.facts import Imported
from features.readers.index_date import IndexDates
from features.readers.table_schema import TableSchema, read_schema, schema_of

WIDE = """
shape = "wide"
patient_id = "ID"
missing = ["", "NA"]
ignore = ["Remarks"]

[facts.Age]
fact = "clinical/age"
unit = "a"

[facts.Weight]
fact = "clinical/weight"
unit_column = "Weight unit"
day_column = "Weighed on day"

[facts.Sex]
fact = "clinical/sex"
values = { F = "female", M = "male" }

[facts.VKORC1]
fact = "genotypes/rs9923231"
strand = "gene"

[facts.CYP2C9]
fact = "genotypes/CYP2C9"

[facts.Amiodarone]
fact = "medications/amiodarone"
values = { yes = "1", no = "0" }

[facts.Stage]
fact = "clinical/stage"

[facts.Dose]
fact = "outcomes/weekly_dose"
unit = "mg/wk"
day = 90

[facts.Site]
fact = "groups/site"
"""
HEADER = "ID,Age,Weight,Weight unit,Weighed on day,Sex,VKORC1,CYP2C9,Amiodarone,Stage,Dose,Site,Remarks\n"
FIRST = "001,63,176,[lb_av],-3,F,A/G,*3/*1,yes,II,35,01,\n"
LONG = {
    "shape": "long",
    "patient_id": "id",
    "name": "test",
    "value": "result",
    "unit": "units",
    "day": "day",
    "facts": {
        "CREA": {"fact": "clinical/creatinine", "unit": "mg/dL"},
        "Smokes": {"fact": "clinical/smoker"},
    },
}
DRUGS = {"shape": "medications", "patient_id": "id", "drug": "drug", "start_date": "from", "stop_date": "to"}


@pytest.fixture
def schema(tmp_path: Path) -> TableSchema:
    (tmp_path / "schema.toml").write_text(WIDE)
    return read_schema(tmp_path / "schema.toml")


def _read(
    tmp_path: Path, schema: TableSchema, text: str | bytes, index: IndexDates | None = None
) -> Imported:
    (tmp_path / "table.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_clinical_table(tmp_path / "table.csv", schema, index)


def test_a_wide_table_is_read_as_declared(tmp_path: Path, schema: TableSchema) -> None:
    cohort = _read(tmp_path, schema, HEADER + FIRST + "1,NA,NA,,,M,NA,NA,no,,,NA,gone\n").cohort
    assert cohort.patient_ids == ("001", "1")
    assert cohort.values("age").tolist()[0] == 63.0
    assert cohort.values("weight")[0] == pytest.approx(79.832257)
    assert cohort.clinical.day[cohort.clinical.rows_of("weight")].tolist() == [-3.0]
    assert cohort.texts("sex").tolist() == ["female", "male"]
    assert cohort.texts("stage").tolist() == ["II", None]
    assert cohort.calls("rs9923231").tolist() == ["C/T", None]
    assert cohort.calls("CYP2C9").tolist() == ["*1/*3", None]
    assert cohort.taking("amiodarone").tolist() == [1.0, 0.0]
    assert cohort.groups["site"].tolist() == ["01", None]
    assert cohort.outcomes.day.tolist() == [90.0]


def test_a_long_table_is_read_as_declared(tmp_path: Path) -> None:
    rows = "p,CREA,88.42,umol/L,-2\np,CREA,1.2,,0\np,CREA,1.4,mg/dL,1\np,Smokes,1,,-9\np,HGB,14,g/dL,0\n"
    found = _read(tmp_path, schema_of(LONG), "id,test,result,units,day\n" + rows)
    assert found.cohort.values("creatinine").tolist() == [1.2]
    assert found.cohort.values("smoker").tolist() == [1.0]
    assert found.unread == {"known only after the index date": 1, "names that are not declared": 1}


def test_a_medication_list_is_read_by_name_or_code(tmp_path: Path) -> None:
    rows = "p,703,2021-01-01,\np,Simvastatin 40 mg tab,2021-01-01,2021-02-01\n"
    rows += "p,aspirin,2021-12-01,\np,metformin,,\n"
    index = IndexDates(by_patient={"p": date(2021, 6, 15)})
    found = _read(tmp_path, schema_of(DRUGS), "id,drug,from,to\n" + rows, index)
    status = found.cohort.medications.status
    assert {drug: known[0] for drug, known in status.items()} == {"amiodarone": 1.0, "simvastatin": 0.0}
    assert found.unread == {"known only after the index date": 1, "drugs of no interaction class": 1}


def test_dates_need_index_dates(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="index dates"):
        _read(tmp_path, schema_of(DRUGS), "id,drug,from,to\n")


def test_the_schema_is_a_pandera_schema_of_texts(schema: TableSchema) -> None:
    checked = frame_schema(schema)
    assert set(checked.columns) == set(HEADER.strip().split(","))
    assert not checked.columns["ID"].nullable


HOSTILE: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "there is no header"),
    "missing column": (HEADER.replace("Sex,", ""), "the column 'Sex' is missing"),
    "undeclared column": (HEADER.replace("Remarks", "Notes"), "the column 'Notes' is not known here"),
    "repeated column": (HEADER.replace("Remarks", "Age"), "the column 'Age' is repeated"),
    "repeated patient": (HEADER + FIRST + FIRST, "line 3 column 'ID': the id of an earlier row"),
    "no id": (HEADER + FIRST.replace("001", "NA"), "line 2 column 'ID': empty"),
    "no number": (HEADER + FIRST.replace("63", "63y"), "line 2 column 'Age': not a finite number"),
    "other spelling": (
        HEADER + FIRST.replace("F", "f"),
        "line 2 column 'Sex': not a value that the schema lists",
    ),
    "no day": (HEADER + FIRST.replace("-3", ""), "line 2 column 'Weighed on day': empty"),
    "day in words": (HEADER + FIRST.replace("-3", "Monday"), "column 'Weighed on day': not a finite number"),
    "unit in words": (
        HEADER + FIRST.replace("[lb_av]", "pounds"),
        "line 2 column 'Weight': the unit is not known",
    ),
    "no unit": (HEADER + FIRST.replace("[lb_av]", ""), "line 2 column 'Weight': the unit is not known"),
    "implausible": (HEADER + FIRST.replace("176", "1760"), "line 2 column 'Weight': not plausible"),
    "forward letters": (HEADER + FIRST.replace("A/G", "C/T"), "line 2 column 'VKORC1': not two alleles"),
    "no diplotype": (HEADER + FIRST.replace("*3/*1", "*3"), "line 2 column 'CYP2C9': not a diplotype"),
    "cut off": (HEADER + FIRST[:-1], "cut off"),
    "ragged": (HEADER + FIRST.replace(",II", ""), "line 2: 12 fields where the header names 13"),
    "NUL": (HEADER + FIRST.replace("II", "I\0I"), "embedded NUL"),
    "encoding": ((HEADER + FIRST).encode("utf-16"), "not UTF-8"),
    "huge field": (HEADER + FIRST.replace("II", '"' + "I" * 200_000 + '"'), "131,072"),
    "unprintable id": (HEADER + FIRST.replace("001", "0\x1b1"), "column 'ID': not a printable patient id"),
    "long id": (HEADER + FIRST.replace("001", "0" * 300), "column 'ID': not a printable patient id"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_table_is_refused_by_name(case: str, tmp_path: Path, schema: TableSchema) -> None:
    text, says = HOSTILE[case]
    with pytest.raises(CohortError, match=says) as refused:
        _read(tmp_path, schema, text)
    assert len(str(refused.value)) < 2_000


def test_all_faults_are_told_together_and_no_value_with_them(tmp_path: Path, schema: TableSchema) -> None:
    secret = "Jane-Doe-1951"
    row = f"001,{secret},{secret},kg,0,{secret},{secret},{secret},{secret},II,{secret},A,\n"
    with pytest.raises(CohortError) as refused:
        _read(tmp_path, schema, HEADER + row)
    columns = {fault.where.partition("column ")[2] for fault in refused.value.faults}
    assert columns == {
        f"'{name}'" for name in ("Age", "Weight", "Sex", "VKORC1", "CYP2C9", "Amiodarone", "Dose")
    }
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"shape": "tall"}, "shape: not known"),
        ({"columns": {}}, "columns: not known here"),
        ({"facts": {}}, "no fact is declared"),
        ({"facts": {"A": {"fact": "clinical/weight"}}}, "facts.A: a quantity needs its unit"),
        ({"facts": {"A": {"fact": "weight"}}}, "facts.A: 'fact' names no fact"),
        ({"facts": {"A": {"fact": "clinical/x", "colour": "red"}}}, "facts.A: not a declaration"),
        ({"facts": {"A": {"fact": "clinical/x", "day": "x"}}}, "facts.A: a key has the wrong kind"),
        ({"facts": {"A": {"fact": "medications/warfarin"}}}, "the drug is not known here"),
        ({"facts": {"A": {"fact": "outcomes/dose"}}}, "an outcome needs its unit"),
        ({"delimiter": "x"}, "delimiter: not a delimiter"),
        ({"missing": "NA"}, "missing: not a list"),
        ({"name": "test"}, "name: a wide table has no such column"),
        ({"patient_id": 7}, "patient_id: not a text"),
    ],
)
def test_a_schema_says_what_it_lacks(change: dict, says: str) -> None:
    whole = {"shape": "wide", "patient_id": "ID", "facts": {"Age": {"fact": "clinical/age", "unit": "a"}}}
    with pytest.raises(CohortError, match=says):
        schema_of(whole | change)


def test_a_schema_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "schema.toml").write_text("shape = ")
    with pytest.raises(CohortError, match="not TOML"):
        read_schema(tmp_path / "schema.toml")
