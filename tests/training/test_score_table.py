"""A table of features is scored as its patients are answered: in order, in parts, to the bit."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.cohort import Cohort
from features.errors import CohortError, SettingsError
from features.readers.folder import write_folder
from tests.training.tiny_blocks import fit, publish, tiny_cohort, tiny_study
from training import score_table as ours
from training.predict_folder import predict_folder
from training.score_table import encode_folder, score_table

N = 90
KINDS = ("binary", "question", "panel")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A champion of each kind."""
    folder = tmp_path_factory.mktemp("home")
    for kind in KINDS:
        study = tiny_study(kind)
        cohort, _ = tiny_cohort(kind, 240)
        publish(folder, study, cohort, fit(study, cohort))
    return folder


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """New patients of each kind, a third of whose modalities is missing."""
    root = tmp_path_factory.mktemp("patients")
    return {kind: _written(tiny_cohort(kind, N, seed=8, missing=0.3)[0], root / kind) for kind in KINDS}


@pytest.fixture(scope="module")
def tables(
    home: Path, patients: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Their features, in row groups of 40."""
    root = tmp_path_factory.mktemp("tables")
    for kind in KINDS:
        encode_folder(f"tiny-{kind}", patients[kind], home, root / f"{kind}.parquet")
        whole = pq.read_table(root / f"{kind}.parquet")
        pq.write_table(whole, root / f"{kind}.parquet", row_group_size=40)
    return {kind: root / f"{kind}.parquet" for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_the_answers_to_the_bit(
    kind: str, home: Path, patients: dict[str, Path], tables: dict[str, Path], tmp_path: Path
) -> None:
    done = score_table(f"tiny-{kind}", tables[kind], home, tmp_path / "scores")
    predict_folder(f"tiny-{kind}", patients[kind], home, tmp_path / "answers.csv")
    answers = list(csv.DictReader((tmp_path / "answers.csv").read_text(encoding="utf-8").splitlines()))
    scores = _parts(tmp_path / "scores")
    assert (done.n_patients, done.n_parts) == (N, 3)
    key = ("patient_id", "drug") if kind == "panel" else ("patient_id",)
    told = {tuple(row[k] for k in key): row for row in scores}
    assert len(told) == len(answers)
    for answer in answers:
        row = told[tuple(answer[k] for k in key)]
        assert [_text(row[end]) for end in ("value", "lower", "upper")] == [
            answer[end] for end in ("value", "lower", "upper")
        ]
        assert row["declined"] == ("required_missing" in answer["notices"])
        assert (row["imputed"] > 0) == ("imputed" in answer["notices"])
        assert (row["outside"] > 0) == ("out_of_range" in answer["notices"])
        assert row["stratum"].startswith("missing:") == ("modality_missing" in answer["notices"])
        if kind == "binary" and not row["declined"]:
            both = (row["event_possible"], "response"), (row["absence_possible"], "no response")
            assert ";".join(name for can_be, name in both if can_be) == answer["possible"]


def test_parts_keep_the_table_s_order(home: Path, tables: dict[str, Path], tmp_path: Path) -> None:
    score_table("tiny-binary", tables["binary"], home, tmp_path / "scores")
    asked = pq.read_table(tables["binary"], columns=["patient_id"]).column(0).to_pylist()
    assert [row["patient_id"] for row in _parts(tmp_path / "scores")] == asked


def test_contributions_add_up_to_every_margin(home: Path, tables: dict[str, Path], tmp_path: Path) -> None:
    score_table("tiny-binary", tables["binary"], home, tmp_path / "scores", explain=True)
    for row in _parts(tmp_path / "scores"):
        if not row["declined"]:
            total = row["base"] + sum(v for name, v in row.items() if name.startswith("contribution."))
            assert total == pytest.approx(row["margin"], abs=1e-9)


def test_small_batches_give_the_same_bits(
    home: Path, tables: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score_table("tiny-binary", tables["binary"], home, tmp_path / "whole")
    monkeypatch.setattr(ours, "_ROWS", 7)
    score_table("tiny-binary", tables["binary"], home, tmp_path / "bits")
    assert _parts(tmp_path / "whole") == _parts(tmp_path / "bits")


def test_a_folder_of_tables_is_one_table(home: Path, tables: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    whole = pq.read_table(tables["binary"])
    pq.write_table(whole.slice(0, 50), tmp_path / "tables" / "a.parquet")
    pq.write_table(whole.slice(50), tmp_path / "tables" / "b.parquet")
    score_table("tiny-binary", tables["binary"], home, tmp_path / "one")
    score_table("tiny-binary", tmp_path / "tables", home, tmp_path / "two")
    assert _parts(tmp_path / "one") == _parts(tmp_path / "two")


def test_every_column_that_cannot_be_used_is_named_and_nothing_is_left(
    home: Path, tables: dict[str, Path], tmp_path: Path
) -> None:
    table = pq.read_table(tables["binary"])
    names = [name for name in table.column_names if name.startswith("expression.")]
    texts = pa.array(["high"] * len(table), pa.string())
    broken = table.drop_columns([names[0], names[1]]).append_column(names[1], texts)
    pq.write_table(broken, tmp_path / "broken.parquet")
    with pytest.raises(CohortError) as told:
        score_table("tiny-binary", tmp_path / "broken.parquet", home, tmp_path / "scores")
    assert [fault.where.split(": ")[1] for fault in told.value.faults] == [names[0], names[1]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.parquet"]


def test_an_infinite_number_is_refused_and_nothing_is_left(
    home: Path, tables: dict[str, Path], tmp_path: Path
) -> None:
    table = pq.read_table(tables["binary"])
    place = next(i for i, name in enumerate(table.column_names) if name.startswith("expression."))
    bad = pa.array(np.where(np.arange(len(table)) == 60, np.inf, 1.0))
    pq.write_table(table.set_column(place, table.column_names[place], bad), tmp_path / "broken.parquet")
    with pytest.raises(CohortError, match="holds an infinite number"):
        score_table("tiny-binary", tmp_path / "broken.parquet", home, tmp_path / "scores")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.parquet"]


def test_a_folder_that_is_there_is_not_written_over(
    home: Path, tables: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="is there already"):
        score_table("tiny-binary", tables["binary"], home, tmp_path)


def test_what_is_no_parquet_is_said(home: Path, tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("patient_id,x\n1,2\n", encoding="utf-8")
    with pytest.raises(CohortError, match="not readable as Parquet"):
        score_table("tiny-binary", tmp_path / "text.parquet", home, tmp_path / "scores")
    with pytest.raises(CohortError, match="no Parquet file"):
        score_table("tiny-binary", tmp_path / "nowhere", home, tmp_path / "scores")


def _written(cohort: Cohort, folder: Path) -> Path:
    write_folder(cohort, folder)
    return folder


def _parts(folder: Path) -> list[dict]:
    return [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def _text(number: float | None) -> str:
    return "" if number is None or np.isinf(number) else repr(number)


def test_an_empty_row_group_and_an_empty_table_leave_parts_without_rows(
    home: Path, tables: dict[str, Path], tmp_path: Path
) -> None:
    whole = pq.read_table(tables["binary"])
    with pq.ParquetWriter(tmp_path / "gap.parquet", whole.schema) as writer:
        for some in (whole.slice(0, 50), whole.slice(0, 0), whole.slice(50)):
            writer.write_table(some)
    pq.write_table(whole.slice(0, 0), tmp_path / "none.parquet")
    score_table("tiny-binary", tables["binary"], home, tmp_path / "whole")
    done = score_table("tiny-binary", tmp_path / "gap.parquet", home, tmp_path / "gap")
    none = score_table("tiny-binary", tmp_path / "none.parquet", home, tmp_path / "none")
    assert (done.n_patients, none.n_patients, none.n_declined) == (N, 0, 0)
    assert _parts(tmp_path / "gap") == _parts(tmp_path / "whole")
    parts = sorted((tmp_path / "none").glob("*.parquet"))
    written = [pq.read_schema(part) for part in (*parts, next((tmp_path / "whole").glob("*.parquet")))]
    assert len(parts) == none.n_parts == 1
    assert all(schema.equals(written[-1]) for schema in written)
