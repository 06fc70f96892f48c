"""The canonical cohort folder: the same bits back, and nothing at all where anything is wrong."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.cohort import Clinical, Cohort, Expression, Genotypes, Medications, Outcomes, Panel, Variants
from features.errors import CohortError
from features.readers.folder import read_folder, write_folder
from features.synthetic import synthetic_cohort

NAN = float("nan")


def _whole() -> Cohort:
    """Three patients with every table; ids, genes and labels that tools like to repair."""
    return Cohort(
        ("001", "1", "NA"),
        Genotypes.from_rows([(0, "CYP2C9", "*1/*3"), (1, "rs9923231", "C/T")]),
        Clinical.from_rows(
            [(0, "age", 63.0, None, 0.0), (1, "sex", NAN, "female", -2.5), (2, "tmb_score", 1 / 3, None, 0)]
        ),
        Medications.from_rows([(0, "amiodarone", True, -30.0, NAN), (2, "statin", False, NAN, NAN)]),
        Outcomes.from_rows([(0, "weekly_dose", 0.1 + 0.2, 90.0), (1, "weekly_dose", NAN, NAN)]),
        {
            "site": np.array(["01", "true", None], dtype=object),
            "1e5": np.array(["a,b", 'c"d', " e "], dtype=object),
        },
        Variants.from_rows(
            [(1, "NA", "missense", "p.V600E", 0.25, NAN), (1, "TP53", "deletion", None, NAN, 0.0)]
        ),
        np.array([None, "F1", "wes"], dtype=object),
        {
            "F1": Panel("F1", frozenset({"NA", "TP53"}), 1.1, frozenset({"mutations", "copy_number"})),
            "wes": Panel("wes", None, NAN),
        },
        Expression(np.array([2, 0]), ("NA", "MARCH1", "1"), np.array([[0.1, NAN, -0.0], [5e-324, 1.5, 2.0]])),
    )


def test_every_table_comes_back_with_the_same_bits(tmp_path: Path) -> None:
    cohort = _whole()
    write_folder(cohort, tmp_path / "cohort")
    again = read_folder(tmp_path / "cohort")
    assert again.fingerprint() == cohort.fingerprint()
    assert again.patient_ids == ("001", "1", "NA")
    assert again.groups["site"].tolist() == ["01", "true", None]
    assert again.expression is not None
    assert cohort.expression is not None
    assert again.expression.patient.tolist() == [0, 2]
    assert again.expression.values.tobytes() == cohort.expression.values[::-1].tobytes()
    assert again.panels["F1"] == cohort.panels["F1"]
    assert again.panels["wes"].genes is None
    assert again.outcomes.value.tobytes() == cohort.outcomes.value.tobytes()


_LABEL = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1, max_size=8
)


@given(ids=st.lists(_LABEL, min_size=1, max_size=5, unique=True), data=st.data())
def test_whatever_a_cohort_holds_comes_back(ids: list[str], data: st.DataObject) -> None:
    number = st.floats(allow_infinity=False)
    who = st.integers(0, len(ids) - 1)
    rows = st.lists(
        st.tuples(who, _LABEL.map(lambda t: "open_" + t), number, st.just(-1.5) | st.just(0.0)), max_size=5
    )
    facts = [(p, n, v, "said" if np.isnan(v) else None, d) for p, n, v, d in data.draw(rows)]
    outcomes = data.draw(st.lists(st.tuples(who, _LABEL, number, number), max_size=5))
    labels = data.draw(st.lists(_LABEL | st.none(), min_size=len(ids), max_size=len(ids)))
    cohort = Cohort(
        tuple(ids),
        clinical=Clinical.from_rows(facts),
        outcomes=Outcomes.from_rows(outcomes),
        groups={"site": np.array(labels, dtype=object)},
    )
    with tempfile.TemporaryDirectory() as folder:
        write_folder(cohort, Path(folder) / "cohort")
        again = read_folder(Path(folder) / "cohort")
    assert again.fingerprint() == cohort.fingerprint()
    assert again.patient_ids == cohort.patient_ids


def test_a_folder_that_holds_anything_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("x")
    with pytest.raises(CohortError, match="not an empty folder"):
        write_folder(_whole(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_what_would_not_read_back_is_not_written(tmp_path: Path) -> None:
    cohort = _whole()
    wrong: list[Cohort] = [
        replace(cohort, groups={"site": np.array(["", "b", "c"], dtype=object)}),
        replace(cohort, groups={"sequenced": np.array(["a", "b", "c"], dtype=object)}),
        replace(cohort, groups={"site": np.array(["a\nb", "b", "c"], dtype=object)}),
        replace(cohort, groups={"site": np.array([1, 2, 3], dtype=object)}),
        replace(cohort, clinical=Clinical.from_rows([(0, "age", 630.0, None, 0.0)])),
        replace(cohort, clinical=Clinical.from_rows([(0, "sex", NAN, "F", 0.0)])),
        replace(cohort, genotypes=Genotypes.from_rows([(0, "rs9923231", "A/G")])),
    ]
    for case in wrong:
        with pytest.raises(CohortError):
            write_folder(case, tmp_path / "cohort")
    assert list(tmp_path.iterdir()) == []


def test_files_may_be_absent_and_columns_in_another_order(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("site,patient_id\nA,001\n")
    (tmp_path / "clinical.csv").write_text("unit,day,text,value,name,patient_id\nkg,0,,80,weight,001\n")
    cohort = read_folder(tmp_path)
    assert cohort.values("weight").tolist() == [80.0]
    assert len(cohort.outcomes) == 0


Spoil = Callable[[Path], object]


def _write(name: str, text: str | bytes) -> Spoil:
    raw = text if isinstance(text, bytes) else text.encode()
    return lambda folder: (folder / name).write_bytes(raw)


def _edit(name: str, old: bytes, new: bytes) -> Spoil:
    def spoil(folder: Path) -> None:
        raw = (folder / name).read_bytes()
        assert old in raw
        (folder / name).write_bytes(raw.replace(old, new, 1))

    return spoil


def _matrix(*columns: pa.Array, names: list[str]) -> Spoil:
    table = pa.Table.from_arrays(list(columns), names=names)
    return lambda folder: pq.write_table(table, folder / "expression.parquet")


def _link(folder: Path) -> None:
    (folder / "genotypes.csv").unlink()
    os.symlink("/etc/hostname", folder / "genotypes.csv")


def _pipe(folder: Path) -> None:
    (folder / "genotypes.csv").unlink()
    os.mkfifo(folder / "genotypes.csv")


CLINICAL = "patient_id,name,value,text,day,unit\n"
IDS = pa.array(["001", "1"])
HOSTILE: dict[str, tuple[Spoil, str]] = {
    "no patients": (
        lambda folder: (folder / "patients.csv").unlink(),
        r"patients.csv: there is no such file",
    ),
    "empty file": (_write("patients.csv", ""), "no header"),
    "repeated id": (
        _write("patients.csv", "patient_id\n001\n001\n"),
        "line 3 column 'patient_id': .*earlier patient",
    ),
    "empty id": (_write("patients.csv", "patient_id,site\n,A\n"), "line 2 column 'patient_id'"),
    "repeated column": (_write("patients.csv", "patient_id,site,site\n001,a,b\n"), "'site' is repeated"),
    "unnamed column": (_write("patients.csv", "patient_id,\n001,a\n"), "a column has no name"),
    "cut off": (_write("outcomes.csv", "patient_id,name,value,day\n001,dose,3.14,9"), "cut off"),
    "cut off in a row": (_write("outcomes.csv", "patient_id,name,value,day\n001,dose\n"), "2 fields where"),
    "cut off in quotes": (_write("outcomes.csv", 'patient_id,name,value,day\n001,"dose'), "quoted field"),
    "missing column": (_write("outcomes.csv", "patient_id,name,value\n"), "column 'day' is missing"),
    "unknown column": (_write("outcomes.csv", "patient_id,name,value,day,x\n"), "column 'x' is not known"),
    "wrong encoding": (_write("clinical.csv", "é".encode("latin-1") + b"\n"), "not UTF-8"),
    "UTF-16": (_write("clinical.csv", CLINICAL.encode("utf-16")), "not UTF-8"),
    "embedded NUL": (_write("clinical.csv", CLINICAL + "001,age,\x0063,,0,a\n"), "line 2: an embedded NUL"),
    "huge field": (_write("clinical.csv", CLINICAL + "001,age,63,,0," + "a" * 200_000 + "\n"), "131,072"),
    "huge line": (_write("clinical.csv", "a" * 9_000_000), "longer than"),
    "gzip": (_write("clinical.csv", b"\x1f\x8b\x08" + b"\xff" * 50), "data are altered"),
    "stranger": (
        _write("clinical.csv", CLINICAL + "zz,age,63,,0,a\n"),
        "line 2 column 'patient_id': no patient",
    ),
    "not a number": (_write("clinical.csv", CLINICAL + "001,age,63y,,0,a\n"), "column 'value': not a finite"),
    "infinite": (_write("clinical.csv", CLINICAL + "001,age,1e999,,0,a\n"), "column 'value': not a finite"),
    "underscored": (_write("clinical.csv", CLINICAL + "001,age,6_3,,0,a\n"), "column 'value'"),
    "no day": (_write("clinical.csv", CLINICAL + "001,age,63,,,a\n"), "column 'day'"),
    "other unit": (
        _write("clinical.csv", CLINICAL + "001,weight,176,,0,[lb_av]\n"),
        "not the canonical unit 'kg'",
    ),
    "no unit": (_write("clinical.csv", CLINICAL + "001,weight,80,,0,\n"), "not the canonical unit 'kg'"),
    "implausible": (_write("clinical.csv", CLINICAL + "001,weight,8000,,0,kg\n"), "not plausible"),
    "value and text": (_write("clinical.csv", CLINICAL + "001,x,8,a,0,\n"), "one of the two"),
    "no such category": (_write("clinical.csv", CLINICAL + "001,sex,,F,0,\n"), "not a category of 'sex'"),
    "no flag": (_write("clinical.csv", CLINICAL + "001,smoker,2,,0,\n"), "a yes or no"),
    "gene strand": (_write("genotypes.csv", "patient_id,locus,call\n001,rs9923231,A/G\n"), "forward-strand"),
    "two calls": (_edit("genotypes.csv", b"*1/*3\n", b"*1/*3\n001,CYP2C9,*1/*1\n"), "more than one call"),
    "drug's spelling": (_edit("medications.csv", b"amiodarone", b"Amiodarone"), "write 'amiodarone'"),
    "not a flag": (_edit("medications.csv", b",true,", b",TRUE,"), "column 'taken': not a yes or no"),
    "kind of variant": (_edit("variants.csv", b"missense", b"nonsence"), "variants.csv line 2 column 'kind'"),
    "no variants": (
        lambda folder: (folder / "variants.csv").unlink(),
        "absent, though patients were sequenced",
    ),
    "misspelt file": (_write("medication.csv", "x\n"), "no file of a cohort folder"),
    "link": (_link, "genotypes.csv: not a plain file"),
    "pipe": (_pipe, "genotypes.csv: not a plain file"),
    "panels not JSON": (_write("panels.json", "[{"), "panels.json: not JSON"),
    "panels with a NaN": (_write("panels.json", '[{"size_mb": NaN}]'), "a number that is none"),
    "repeated key": (_write("panels.json", '[{"name": "a", "name": "b"}]'), "repeated key"),
    "deep": (_write("panels.json", "[" * 100_000), "nested too deeply|not JSON"),
    "panel's field": (_edit("panels.json", b'"size_mb": 1.1', b'"size_mb": "1.1"'), "wrong kind"),
    "unknown panel": (_edit("panels.json", b'"name": "F1"', b'"name": "F2"'), "panels are named that"),
    "not Parquet": (_write("expression.parquet", "PAR1 no"), "not a Parquet file"),
    "no ids": (_matrix(pa.array([1.0]), names=["TP53"]), "no column 'patient_id'"),
    "repeated gene": (_matrix(IDS, *[pa.array([1.0, 2.0])] * 2, names=["patient_id", "A", "A"]), "repeated"),
    "32-bit floats": (_matrix(IDS, pa.array([1.0, 2.0], pa.float32()), names=["patient_id", "A"]), "64-bit"),
    "null": (_matrix(IDS, pa.array([1.0, None]), names=["patient_id", "A"]), "null among"),
    "bomb": (
        _matrix(pa.array(["001"] * 10**6), pa.array([0.0] * 10**6), names=["patient_id", "A"]),
        "1000000 rows",
    ),
    "stranger's row": (
        _matrix(pa.array(["x"]), pa.array([0.0]), names=["patient_id", "A"]),
        "patients.csv lacks",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_spoilt_folder_is_refused_by_name_and_never_read_in_part(case: str, tmp_path: Path) -> None:
    write_folder(_whole(), tmp_path / "cohort")
    spoil, says = HOSTILE[case]
    spoil(tmp_path / "cohort")
    with pytest.raises(CohortError, match=says) as refused:
        read_folder(tmp_path / "cohort")
    assert len(str(refused.value)) < 2_000


@given(data=st.data())
def test_a_truncated_matrix_is_refused(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "cohort"
        write_folder(_whole(), folder)
        raw = (folder / "expression.parquet").read_bytes()
        (folder / "expression.parquet").write_bytes(raw[: data.draw(st.integers(0, len(raw) - 1))])
        with pytest.raises(CohortError):
            read_folder(folder)


def test_the_faults_of_all_files_are_told_together(tmp_path: Path) -> None:
    write_folder(_whole(), tmp_path / "cohort")
    for case in ("other unit", "gene strand", "panels not JSON", "not Parquet", "no variants"):
        HOSTILE[case][0](tmp_path / "cohort")
    with pytest.raises(CohortError) as refused:
        read_folder(tmp_path / "cohort")
    assert len(refused.value.faults) == 5


def test_a_thousand_patients_come_back(tmp_path: Path) -> None:
    cohort = synthetic_cohort(1000, seed=1)
    write_folder(cohort, tmp_path / "cohort")
    assert read_folder(tmp_path / "cohort").fingerprint() == cohort.fingerprint()
