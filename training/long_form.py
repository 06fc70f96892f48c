"""Contributions in long form as Parquet: one row a patient, drug and feature, written chunk by chunk."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.answers import Answers


class LongForm:
    """Writes answers' contributions to a path; without a path it writes nothing."""

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
    contributions = (
        answers.contributions[kept] if answers.contributions is not None else np.zeros((0, n_features))
    )
    drugs = pa.array([answers.outcome.drug], pa.string())
    return pa.table(
        {
            "patient_id": _repeated(answers.patient_ids, repeated),
            "drug": pa.DictionaryArray.from_arrays(np.zeros(len(repeated), dtype=np.int32), drugs),
            **_lineage(answers, len(kept)),
            "value": pa.array(answers.values[kept].ravel(), pa.float64()),
            "contribution": pa.array(contributions.ravel(), pa.float64()),
            "base": pa.array(answers.base[repeated], pa.float64()),
            "margin": pa.array(answers.margin[repeated], pa.float64()),
        }
    )


def _repeated(texts: tuple[str, ...], positions: np.ndarray) -> pa.Array:
    return pa.array(texts, pa.string()).take(pa.array(positions))


def _lineage(answers: Answers, n_patients: int) -> dict[str, pa.Array]:
    """Feature, block and gene of every row; plain text, made from one patient's and repeated."""
    positions = np.tile(np.arange(len(answers.features)), n_patients)
    return {
        "feature": _repeated(tuple(f.name for f in answers.features), positions),
        "block": _repeated(tuple(f.block for f in answers.features), positions),
        "gene": pa.array([f.gene for f in answers.features], pa.string()).take(pa.array(positions)),
    }
