"""Scores of a table of features, as large as it may be: Parquet in, Parquet out, some rows at a time.

The table has `patient_id`, a column for each feature of the model, and where intervals go by a variable a
column of its name; `encode_folder` makes one. Row groups are scored one by one, on all workers.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.encode import encode
from features.errors import CohortError, Fault, SettingsError
from models import bundle
from models.bundle import LoadedBundle
from models.response import ResponseModel
from models.scoring import Scores, score
from models.shelf import CHAMPION
from training.predict_folder import CHUNK, model_of
from training.study_cohort import patients_to_answer
from training.workers import spread

Progress = Callable[[str, int, int], None]
PATIENT = "patient_id"
_ROWS = 50_000


@dataclass(frozen=True)
class Scored:
    """How many rows were scored and declined, where the scores lie in how many parts, and by which bundle."""

    n_patients: int
    n_declined: int
    out: Path
    n_parts: int
    digest: str
    version: int


@dataclass(frozen=True)
class _Asked:
    """What every worker needs to know; it reads the bundle itself."""

    folder: Path
    digest: str
    level: float
    explain: bool
    out: Path


@dataclass(frozen=True)
class _Part:
    """One row group of one file, and the name of what becomes of it."""

    file: Path
    row_group: int
    name: str


def encode_folder(
    study_name: str, folder: Path, home: Path, out: Path, progress: Progress | None = None
) -> int:
    """The features of every patient of `folder` as the study's champion reads them, as Parquet; how many."""
    chosen = model_of(study_name, home, CHAMPION, 0.9)
    model = chosen.loaded.models.models[0]
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished, n_patients = out.with_name(f".{os.getpid()}.{out.name}"), 0
    fields = [(PATIENT, pa.string()), *((name, pa.float64()) for name in model.spec.names)]
    schema = pa.schema([*fields, *([(model.strata, pa.string())] if model.strata else [])])
    try:
        with pq.ParquetWriter(unfinished, schema) as writer:
            for cohort in patients_to_answer(chosen.study, folder, CHUNK):
                matrix = encode(cohort, model.spec)
                columns = [pa.array(cohort.patient_ids, pa.string())]
                columns += [pa.array(own, pa.float64(), from_pandas=True) for own in matrix.values.T]
                if model.strata:
                    columns.append(pa.array(cohort.texts(model.strata).tolist(), pa.string()))
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
                n_patients += len(cohort)
                if progress is not None:
                    progress("encode", n_patients, n_patients)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return n_patients


def score_table(
    study_name: str,
    table: Path,
    home: Path,
    out: Path,
    explain: bool = False,
    level: float = 0.9,
    alias: str = CHAMPION,
    progress: Progress | None = None,
) -> Scored:
    """Every row of a Parquet file, or of a folder's, scored by the study's champion into the folder `out`.

    A part for each row group, in order: the patient, of a panel also the drug, value, interval, what was
    declined and filled in, and with `explain` base, margin and a contribution of each feature. Memory goes
    with a row group, not with the table. Nothing is left at `out` unless all were scored.
    """
    if out.exists():
        raise SettingsError(f"'{out}' is there already; name a folder that is not")
    chosen = model_of(study_name, home, alias, level)
    parts = list(_parts(table, chosen.loaded.models.models[0]))
    unfinished = out.with_name(f".{os.getpid()}.{out.name}")
    unfinished.mkdir(parents=True)
    try:
        asked = _Asked(chosen.folder.resolve(), chosen.digest, level, explain, unfinished.resolve())
        counts = spread(
            _score_part, (asked,), parts, lambda done: _tell(progress, done, len(parts)), in_threads=True
        )
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    n_patients, n_declined = (sum(count[i] for count in counts) for i in (0, 1))
    return Scored(n_patients, n_declined, out, len(parts), chosen.digest, chosen.version)


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress("score", done, total)


def _parts(table: Path, model: ResponseModel) -> Iterator[_Part]:
    """Every row group, once all files were found to have the model's columns."""
    files = sorted(table.glob("*.parquet")) if table.is_dir() else [table]
    if not files or not all(file.is_file() for file in files):
        raise CohortError(f"'{table}' is no Parquet file and no folder of them")
    opened = [_opened(file) for file in files]
    faults = [fault for file, own in zip(files, opened, strict=True) for fault in _faults(file, own, model)]
    if faults:
        raise CohortError(f"{len(faults)} faults in the table of features", faults)
    for i, (file, own) in enumerate(zip(files, opened, strict=True)):
        for group in range(own.metadata.num_row_groups):
            yield _Part(file.resolve(), group, f"part-{i:05d}-{group:05d}.parquet")


def _opened(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise CohortError(f"{file.name}: is not readable as Parquet; write the table again") from error


def _faults(file: Path, opened: pq.ParquetFile, model: ResponseModel) -> list[Fault]:
    schema = opened.schema_arrow
    there = set(schema.names)
    remedy = "write it with rxplain encode, or name it as the model's schema does; all null where unknown"
    wanted = (PATIENT, *model.spec.names)
    faults = [Fault(f"{file.name}: {name}", "is missing", remedy) for name in wanted if name not in there]
    strange = (n for n in model.spec.names if n in there and not _is_number(schema.field(n).type))
    return faults + [
        Fault(f"{file.name}: {name}", "does not hold numbers", "write it as float64") for name in strange
    ]


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_floating(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    )


@lru_cache(maxsize=2)
def _loaded(folder: Path, digest: str) -> LoadedBundle:
    """The bundle, proved once in each process."""
    return bundle.load(folder, digest)


def _score_part(asked: _Asked, part: _Part) -> tuple[int, int]:
    """Writes one part; how many patients it has, and of how many every answer is declined."""
    models = _loaded(asked.folder, asked.digest).models.models
    first = models[0]
    has_strata = first.strata in pq.read_schema(part.file).names
    columns = [PATIENT, *first.spec.names, *([first.strata] if has_strata else [])]
    n_patients = n_declined = 0
    writer: pq.ParquetWriter | None = None
    try:
        for batch in _batches(part, columns):
            values, texts = _matrix(batch, first, part.file.name), _texts(batch, first.strata)
            scores = [(m, score(m, values, texts, asked.level, asked.explain)) for m in models]
            for model, own in scores:
                table = _table(batch.column(PATIENT), model, own, len(models) > 1)
                if writer is None:
                    writer = pq.ParquetWriter(
                        asked.out / part.name, table.schema, use_dictionary=["stratum", "drug"]
                    )
                writer.write_table(table)
            n_patients += batch.num_rows
            n_declined += int(np.logical_and.reduce([own.declined for _, own in scores]).sum())
    finally:
        if writer is not None:
            writer.close()
    return n_patients, n_declined


def _batches(part: _Part, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The row group at once where it is not too large, which is twice as quick; else some rows at a time."""
    opened = pq.ParquetFile(part.file)
    if opened.metadata.row_group(part.row_group).num_rows > _ROWS:
        yield from opened.iter_batches(_ROWS, row_groups=[part.row_group], columns=columns, use_threads=False)
        return
    table = opened.read_row_group(part.row_group, columns=columns, use_threads=False)
    arrays = [column.combine_chunks() for column in table.columns]
    yield pa.RecordBatch.from_arrays(arrays, schema=table.schema)


def _matrix(batch: pa.RecordBatch, model: ResponseModel, file: str) -> NDArray[np.float64]:
    values = np.empty((batch.num_rows, len(model.spec.names)))
    for i, name in enumerate(model.spec.names):
        values[:, i] = batch.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
    infinite = np.flatnonzero(np.isinf(values).any(axis=0)).tolist()
    if infinite:
        named = [model.spec.names[i] for i in infinite]
        faults = [Fault(f"{file}: {name}", "holds an infinite number", "leave it empty") for name in named]
        raise CohortError(f"{len(faults)} faults in the table of features", faults)
    return values


def _texts(batch: pa.RecordBatch, strata: str) -> dict[int, str | None]:
    if strata not in batch.schema.names:
        return {}
    return dict(enumerate(batch.column(strata).cast(pa.string()).to_pylist()))


def _table(patients: pa.Array, model: ResponseModel, scores: Scores, is_panel: bool) -> pa.Table:
    columns = {PATIENT: patients}
    if is_panel:
        columns["drug"] = pa.array([model.outcome.drug] * len(patients), pa.string())
    columns |= {
        name: pa.array(getattr(scores, name), from_pandas=True) for name in ("value", "lower", "upper")
    }
    columns |= {name: pa.array(getattr(scores, name)) for name in ("declined", "imputed", "outside")}
    columns["stratum"] = pa.array(scores.strata, pa.string())
    if scores.possible is not None:
        columns["event_possible"] = pa.array(scores.possible[:, 0])
        columns["absence_possible"] = pa.array(scores.possible[:, 1])
    if scores.contributions is not None:
        columns["base"] = pa.array(scores.base)
        columns["margin"] = pa.array(scores.margin, from_pandas=True)
        for name, own in zip(model.spec.names, scores.contributions.T, strict=True):
            columns[f"contribution.{name}"] = pa.array(np.ascontiguousarray(own), from_pandas=True)
    return pa.table(columns)
