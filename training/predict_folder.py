"""Answers a folder laid out like a study's own: a CSV of doses, and contributions in long form on demand."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.cohort import Cohort
from features.errors import RegistryError, SettingsError
from models import bundle
from models.answers import Answers
from models.shelf import CHAMPION, Shelf
from training.datasets.catalog import load_folder
from training.study import read_study

Progress = Callable[[str, int, int], None]
COLUMNS = ("patient_id", "drug", "value", "lower", "upper", "unit", "notices")
_CHUNK = 1000


@dataclass(frozen=True)
class PredictedFolder:
    """How many patients were answered and declined, where the answers lie, and which bundle gave them."""

    n_patients: int
    n_declined: int
    out: Path
    explain: Path | None
    digest: str
    version: int


def predict_folder(
    study_name: str,
    folder: Path,
    home: Path,
    out: Path,
    explain: Path | None = None,
    level: float = 0.9,
    alias: str = CHAMPION,
    progress: Progress | None = None,
) -> PredictedFolder:
    """Every patient of `folder`, in its order, answered by the study's champion; outcomes are not needed.

    A declined patient has no value, and an unbounded end of an interval is empty; `notices` holds
    their codes. Nothing is left at `out` unless all were answered.
    """
    if not 0.0 < level < 1.0:
        raise SettingsError("the level of an interval must lie between 0 and 1, such as 0.9")
    entry = Shelf(home).entry(study_name, alias)
    if entry is None:
        raise RegistryError(
            f"'{study_name}' has no {alias}; run rxplain fit {study_name}, then rxplain promote"
        )
    loaded = bundle.load(entry.folder, entry.digest)
    cohort = load_folder(read_study(loaded.manifest.provenance.study_text).dataset, folder)
    n_declined = 0
    with (
        _whole(out) as rows_path,
        _whole_if_asked(explain) as long_path,
        _LongForm(long_path) as long,
        rows_path.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for done, chunk in _chunks(cohort):
            answer = loaded.model.predict if long_path is None else loaded.model.explain
            answers = answer(chunk, level)
            writer.writerows(_rows(answers))
            long.write(answers)
            n_declined += sum(answers.is_declined(i) for i in range(len(answers)))
            if progress is not None:
                progress("predict", done, len(cohort))
    return PredictedFolder(len(cohort), n_declined, out, explain, entry.digest, entry.version)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A path to write to that takes its real name only when all is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _whole_if_asked(path: Path | None) -> AbstractContextManager[Path | None]:
    return nullcontext() if path is None else _whole(path)


def _chunks(cohort: Cohort) -> Iterator[tuple[int, Cohort]]:
    for start in range(0, len(cohort), _CHUNK):
        ids = cohort.patient_ids[start : start + _CHUNK]
        yield start + len(ids), cohort.take(ids)


def _rows(answers: Answers) -> Iterator[tuple[str, ...]]:
    outcome = answers.outcome
    for i, patient in enumerate(answers.patient_ids):
        numbers = (float(column[i]) for column in (answers.value, answers.lower, answers.upper))
        cells = (repr(number) if math.isfinite(number) else "" for number in numbers)
        codes = dict.fromkeys(notice.code for notice in answers.notices[i])
        yield (patient, outcome.drug, *cells, outcome.unit, ";".join(codes))


class _LongForm:
    """Contributions in long form, chunk by chunk, into Parquet; writes nothing without a path."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, answers: Answers) -> None:
        """One row a patient and feature; declined patients have none."""
        if self._path is None:
            return
        table = _long_table(answers)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)


def _long_table(answers: Answers) -> pa.Table:
    kept = [i for i in range(len(answers)) if not answers.is_declined(i)]
    n_features = len(answers.features)
    repeated = np.repeat(np.array(kept, dtype=np.int64), n_features)
    features = list(answers.features) * len(kept)
    contributions = (
        answers.contributions[kept] if answers.contributions is not None else np.zeros((0, n_features))
    )
    return pa.table(
        {
            "patient_id": pa.array([answers.patient_ids[i] for i in repeated], pa.string()),
            "feature": pa.array([feature.name for feature in features], pa.string()),
            "block": pa.array([feature.block for feature in features], pa.string()),
            "gene": pa.array([feature.gene for feature in features], pa.string()),
            "value": pa.array(answers.values[kept].ravel(), pa.float64()),
            "contribution": pa.array(contributions.ravel(), pa.float64()),
            "base": pa.array(np.full(len(repeated), answers.base), pa.float64()),
            "margin": pa.array(answers.margin[repeated], pa.float64()),
        }
    )
