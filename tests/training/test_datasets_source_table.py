"""Tables of public sources: any order of columns, leaks left out, every fault named without a value."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from features.errors import DataError
from tests.training.made_up_sources import (
    Rows,
    columns_of_role,
    made_up,
    read_table,
    told,
    without,
    write_table,
)
from training.datasets import catalog
from training.datasets.source_columns import declared_columns

FILES = {
    "ispy2": "ispy2.csv",
    "transneo": "transneo.csv",
    "imvigor210": "clinical.csv",
    "beataml": "clinical.csv",
}
AFTERWARDS = {
    "ispy2": {"pCR"},
    "transneo": {
        "resp.pCR", "resp.Chemosensitive", "resp.Chemoresistant", "RCB.score", "RCB.category",
        "Chemo.NumCycles",
    },
    "imvigor210": {"response_label", "RECIST", "os", "censOS"},
    "beataml": {"vital", "os", "causeOfDeath", "response"},
}  # fmt: skip
every_source = pytest.mark.parametrize("source", FILES)


def folder_of(tmp_path: Path, source: str, rows: Rows) -> Path:
    return write_table(tmp_path / source / FILES[source], rows).parent


def refused(tmp_path: Path, source: str, rows: Rows) -> str:
    with pytest.raises(DataError) as error:
        catalog.load_folder(source, folder_of(tmp_path, source, rows))
    return str(error.value)


@every_source
def test_every_made_up_patient_is_read_under_an_id_that_stays_text(tmp_path: Path, source: str) -> None:
    cohort = catalog.load_folder(source, folder_of(tmp_path, source, made_up(source)))
    assert cohort.patient_ids[:2] == ("007", "008")
    assert len(cohort) == 30
    facts = {d.name for d in declared_columns(source) if d.role == "fact"}
    assert facts <= set(cohort.clinical.name.tolist())


@every_source
def test_what_comes_afterwards_is_an_outcome_or_nothing(tmp_path: Path, source: str) -> None:
    assert set(columns_of_role(source, "outcome", "left_out")) == AFTERWARDS[source]
    rows = made_up(source)
    bare = catalog.load_folder(
        source, folder_of(tmp_path / "bare", source, without(rows, *AFTERWARDS[source]))
    )
    full = catalog.load_folder(source, folder_of(tmp_path / "full", source, rows))
    assert len(bare.outcomes) == 0
    assert told(bare.clinical) == told(full.clinical)
    assert {name: list(labels) for name, labels in bare.groups.items()} == {
        name: list(labels) for name, labels in full.groups.items()
    }


@every_source
def test_order_of_columns_changes_nothing(tmp_path: Path, source: str) -> None:
    rows = made_up(source)
    there = catalog.load_folder(source, folder_of(tmp_path / "there", source, rows))
    back = catalog.load_folder(source, folder_of(tmp_path / "back", source, without(rows)))
    assert there.fingerprint() == back.fingerprint()


@every_source
def test_one_patient_alone_is_the_same_as_among_others(tmp_path: Path, source: str) -> None:
    rows = made_up(source)
    among = catalog.load_folder(source, folder_of(tmp_path / "all", source, rows))
    alone = catalog.load_folder(source, folder_of(tmp_path / "one", source, rows[4:5]))
    assert alone.fingerprint() == among.take(["011"]).fingerprint()


@every_source
def test_unknown_column_is_refused_by_name(tmp_path: Path, source: str) -> None:
    said = refused(tmp_path, source, [{**row, "zeta score": "1"} for row in made_up(source)])
    assert f"{FILES[source]} line 1: the column 'zeta score' is not known here; leave it out" in said


@every_source
def test_missing_column_is_named_with_what_to_do(tmp_path: Path, source: str) -> None:
    needed = [d.column for d in declared_columns(source) if d.needed]
    said = refused(tmp_path, source, without(made_up(source), *needed))
    for column in needed:
        assert f"the column '{column}' is missing; add '{column}'" in said


@every_source
def test_column_that_is_not_needed_may_be_absent(tmp_path: Path, source: str) -> None:
    needed = {d.column for d in declared_columns(source) if d.needed}
    spare = {d.column for d in declared_columns(source)} - needed
    cohort = catalog.load_folder(source, folder_of(tmp_path, source, without(made_up(source), *spare)))
    assert len(cohort) == 30


@every_source
def test_value_out_of_domain_is_told_by_column_and_line_only(tmp_path: Path, source: str) -> None:
    rows = made_up(source)
    closed = [d.column for d in declared_columns(source) if d.role == "fact" and d.read("purple") is None]
    for row in rows[2:4]:
        row.update(dict.fromkeys(closed, "purple"))
    said = refused(tmp_path, source, rows)
    for column in closed:
        where = re.escape(f"{FILES[source]} column '{column}': ")
        assert re.search(where + r"2 cells \(the first in line 4\) are not (one of|numbers|0 or 1)", said)
    assert "purple" not in said


@every_source
def test_repeated_and_missing_ids_are_refused(tmp_path: Path, source: str) -> None:
    rows, column = made_up(source), columns_of_role(source, "id")[0]
    assert "1 cells (the first in line 32) repeat the id" in refused(tmp_path / "a", source, [*rows, rows[3]])
    assert "hold no id of a patient" in refused(tmp_path / "b", source, [*rows, {**rows[3], column: " "}])


@every_source
def test_table_without_patients_or_without_a_file_is_refused(tmp_path: Path, source: str) -> None:
    path = write_table(tmp_path / source / FILES[source], made_up(source, n=1))
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    with pytest.raises(DataError, match="holds no patient"):
        catalog.load_folder(source, path.parent)
    path.unlink()
    with pytest.raises(DataError, match=f"{FILES[source]} is not in the folder '{source}'"):
        catalog.load_folder(source, path.parent)
    state = catalog.verify(source, tmp_path)
    assert (state.present, state.verified) == (True, False)


@every_source
def test_source_that_no_program_fetches_says_where_it_comes_from(tmp_path: Path, source: str) -> None:
    with pytest.raises(DataError, match=r"cannot be fetched by a program; .*data folder"):
        catalog.obtain(source, tmp_path)
    folder_of(tmp_path, source, made_up(source))
    assert catalog.obtain(source, tmp_path) == tmp_path / source
    assert catalog.verify(source, tmp_path).n_patients == 30


def test_lists_of_columns_say_no_name_twice() -> None:
    for source in FILES:
        named = [(d.role, d.name) for d in declared_columns(source) if d.name]
        assert len(set(named)) == len(named)
        assert all(d.label for d in declared_columns(source) if d.role == "fact")


def test_numbers_are_the_table_s_own(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "ispy2", made_up("ispy2"))
    given = [float(row["STAT1_sig"] or "nan") for row in read_table(folder / "ispy2.csv")]
    np.testing.assert_array_equal(catalog.load_folder("ispy2", folder).values("stat1"), given)
