"""A cohort folder read and written some patients at a time: the same cohorts, in bounded memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from features.cohort import Cohort, Expression, Panel, Variants
from features.errors import CohortError
from features.readers import folder as folders
from features.readers.folder import (
    is_cohort_folder,
    read_folder,
    stream_folder,
    write_folder,
    write_folder_chunks,
)
from features.synthetic import synthetic_cohort

GENES = ("TP53", "NA", "ESR1")


@pytest.fixture
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every folder is streamed, however small it is."""
    monkeypatch.setattr(folders, "SMALL_BYTES", 0)


def _cohort(n: int = 50, seed: int = 0) -> Cohort:
    """Every table; a third of the patients sequenced, a third with expression, in no order."""
    base, rng = synthetic_cohort(n, seed, missing=0.5), np.random.default_rng(seed)
    who = rng.permutation(n)[: n // 3]
    sequenced = np.array(["wes" if i % 3 == 0 else None for i in range(n)], dtype=object)
    found = [(i, "TP53", "missense", None, 0.25, np.nan) for i in range(0, n, 6)]
    return replace(
        base,
        variants=Variants.from_rows(found[::-1]),
        sequenced=sequenced,
        panels={"wes": Panel("wes", None, 38.0)},
        expression=Expression(who, GENES, rng.random((len(who), len(GENES)))),
    )


def _parts(cohort: Cohort, size: int) -> Iterator[Cohort]:
    for start in range(0, len(cohort), size):
        yield cohort.take(cohort.patient_ids[start : start + size])


@pytest.mark.parametrize("chunk", [1, 7, 50, 1000])
def test_each_chunk_is_what_taking_its_patients_gives(
    tmp_path: Path, chunk: int, nothing_is_small: None
) -> None:
    cohort = _cohort()
    write_folder(cohort, tmp_path / "cohort")
    found = list(stream_folder(tmp_path / "cohort", chunk))
    expected = list(_parts(read_folder(tmp_path / "cohort"), chunk))
    assert [part.patient_ids for part in found] == [part.patient_ids for part in expected]
    assert [part.fingerprint() for part in found] == [part.fingerprint() for part in expected]
    assert read_folder(tmp_path / "cohort").fingerprint() == cohort.fingerprint()


def test_streaming_a_small_folder_gives_the_same_as_a_large_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(_cohort(), tmp_path / "cohort")
    small = [part.fingerprint() for part in stream_folder(tmp_path / "cohort", 7)]
    monkeypatch.setattr(folders, "SMALL_BYTES", 0)
    assert [part.fingerprint() for part in stream_folder(tmp_path / "cohort", 7)] == small


def test_parts_make_the_folder_that_the_whole_makes(tmp_path: Path) -> None:
    cohort = _cohort()
    write_folder(cohort, tmp_path / "whole")
    assert write_folder_chunks(_parts(cohort, 7), tmp_path / "parts") == 50
    assert read_folder(tmp_path / "parts").fingerprint() == cohort.fingerprint()
    for path in (tmp_path / "whole").glob("*.csv"):
        assert path.read_bytes() == (tmp_path / "parts" / path.name).read_bytes()
    assert pq.ParquetFile(tmp_path / "parts" / "expression.parquet").num_row_groups > 1


def test_parts_that_do_not_fit_together_leave_nothing(tmp_path: Path) -> None:
    first, second = _parts(_cohort(), 25)
    wrong = {
        "groups": replace(second, groups={}),
        "genes": replace(second, expression=None),
        "earlier patient": first,
    }
    for says, part in wrong.items():
        with pytest.raises(CohortError, match=says):
            write_folder_chunks([first, part], tmp_path / "cohort")
    with pytest.raises(CohortError, match="no patient"):
        write_folder_chunks([], tmp_path / "cohort")
    assert list(tmp_path.iterdir()) == []


def test_a_large_folder_out_of_order_is_refused_with_a_remedy(tmp_path: Path, nothing_is_small: None) -> None:
    write_folder(synthetic_cohort(30, 0), tmp_path / "cohort")
    table = tmp_path / "cohort" / "clinical.csv"
    header, *rows = table.read_text().splitlines(keepends=True)
    table.write_text("".join([header, *rows[20:], *rows[:20]]))
    with pytest.raises(CohortError, match=r"not in the order of patients\.csv; .*--format cohort"):
        list(stream_folder(tmp_path / "cohort", 5))
    assert len(read_folder(tmp_path / "cohort")) == 30


def test_a_large_matrix_out_of_order_or_of_strangers_is_refused(
    tmp_path: Path, nothing_is_small: None
) -> None:
    write_folder(_cohort(), tmp_path / "cohort")
    matrix = tmp_path / "cohort" / "expression.parquet"
    table = pq.read_table(matrix)
    pq.write_table(table.take(list(range(table.num_rows))[::-1]), matrix)
    with pytest.raises(CohortError, match=r"expression\.parquet: the rows are not in the order"):
        list(stream_folder(tmp_path / "cohort", 5))
    ids = ["nobody", *table["patient_id"].to_pylist()[1:]]
    pq.write_table(table.set_column(0, "patient_id", [ids]), matrix)
    with pytest.raises(CohortError, match="a row of a patient that"):
        list(stream_folder(tmp_path / "cohort", 5))


def test_a_repeated_id_is_refused_before_any_patient_is_given(tmp_path: Path, nothing_is_small: None) -> None:
    (tmp_path / "patients.csv").write_text("patient_id\na\nb\nc\nb\n")
    with pytest.raises(CohortError, match="line 5 column 'patient_id'"):
        next(stream_folder(tmp_path, 2))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("zz,age,63,,0.0,a\n", "no patient of patients.csv"),
        ("s3,age,x,,0.0,a\n", "'value': not a finite number"),
        ("s0,age,63,,0.0,a\n", "not in the order"),
    ],
)
def test_a_fault_at_the_end_is_told_with_its_line(
    tmp_path: Path, row: str, says: str, nothing_is_small: None
) -> None:
    (tmp_path / "patients.csv").write_text("patient_id\ns0\ns1\ns2\ns3\n")
    header = "patient_id,name,value,text,day,unit\n"
    (tmp_path / "clinical.csv").write_text(header + "s2,age,63,,0.0,a\n" + row)
    with pytest.raises(CohortError, match=rf"clinical\.csv line 3.*{says}"):
        list(stream_folder(tmp_path, 2))


def test_a_cohort_folder_is_told_by_its_patients(tmp_path: Path) -> None:
    assert not is_cohort_folder(tmp_path)
    (tmp_path / "patients.csv").write_text("patient_id\n")
    assert is_cohort_folder(tmp_path)
    assert list(stream_folder(tmp_path)) == []


@pytest.mark.slow
def test_memory_is_bounded_by_the_chunk(tmp_path: Path, nothing_is_small: None) -> None:
    base = synthetic_cohort(500, seed=1, missing=0.5)

    def chunks(n: int) -> Iterator[Cohort]:
        for k in range(n):
            yield replace(base, patient_ids=tuple(f"{k}-{i}" for i in range(500)))

    peaks = []
    for n in (4, 16):
        tracemalloc.start()
        write_folder_chunks(chunks(n), tmp_path / str(n))
        assert sum(len(part) for part in stream_folder(tmp_path / str(n), 500)) == 500 * n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
