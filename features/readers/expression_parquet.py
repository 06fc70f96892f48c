"""The expression of a cohort folder: one Parquet row a patient, one column a gene, every bit kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.cohort import Expression
from features.errors import CohortError, Fault
from features.readers.byte_stream import refuse_unless_regular
from features.readers.file_faults import FileFaults

ID = "patient_id"
MOST_GENES = 200_000
ROW_GROUP = 1_000
"""Patients that are written together, so that so many can be read alone."""

_BATCH = 256


class ExpressionWriter:
    """A file of the matrix (patients with expression, genes) in float64, written some patients at a time."""

    def __init__(self, path: Path, genes: Sequence[str]) -> None:
        if ID in genes:
            raise CohortError(f"a gene is called '{ID}', which is the column of ids; rename it")
        self._schema = pa.schema([(ID, pa.string()), *((gene, pa.float64()) for gene in genes)])
        self._file = pq.ParquetWriter(path, self._schema, compression="zstd", use_dictionary=False)

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, expression: Expression, patient_ids: Sequence[str]) -> None:
        """More patients, in their order in the cohort."""
        order = np.argsort(expression.patient, kind="stable")
        ids = pa.array([patient_ids[patient] for patient in expression.patient[order].tolist()], pa.string())
        columns = [pa.array(column) for column in np.ascontiguousarray(expression.values[order].T)]
        self._file.write_table(pa.Table.from_arrays([ids, *columns], schema=self._schema), ROW_GROUP)


class ExpressionRows:
    """The rows of a file that is in the patients' order, taken patient by patient; use it in a `with`."""

    def __init__(self, path: Path, n_patients: int) -> None:
        refuse_unless_regular(path, follow=False)
        self._name = path.name
        with _refused(path.name):
            self._file = pq.ParquetFile(path)
            self.genes = _genes(self._file, n_patients, path.name)
            self._batches = self._file.iter_batches(_BATCH, columns=[ID, *self.genes])
        self._ids: list[str] = []
        self._values = np.empty((0, len(self.genes)))

    def __enter__(self) -> ExpressionRows:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def take(
        self,
        position: Mapping[str, int],
        faults: FileFaults,
        where: Callable[[str], int | None],
        first: int = 0,
    ) -> Expression:
        """The rows of the patients at `position`, whose first is the `first` of all."""
        found, parts = list[int](), [np.empty((0, len(self.genes)))]
        while self._ids or self._next_batch():
            n = next((i for i, name in enumerate(self._ids) if name not in position), len(self._ids))
            found += [position[name] for name in self._ids[:n]]
            parts.append(self._values[:n])
            self._ids, self._values = self._ids[n:], self._values[n:]
            if self._ids:
                self._refuse_unless_later(where(self._ids[0]), first)
                break
        return Expression(np.array(found, dtype=np.int64), self.genes, np.concatenate(parts))

    def _next_batch(self) -> bool:
        with _refused(self._name):
            batch = next(self._batches, None)
        if batch is None:
            return False
        if any(column.null_count for column in batch.columns):
            raise _refusal(self._name, "a null among the values", "use NaN for what was not measured")
        self._ids = batch.column(0).to_pylist()
        columns = [column.to_numpy() for column in batch.columns[1:]]
        self._values = np.array(columns, dtype=np.float64).reshape(len(columns), len(self._ids)).T
        return True

    def _refuse_unless_later(self, position: int | None, first: int) -> None:
        if position is None:
            raise _refusal(self._name, "a row of a patient that patients.csv lacks", "add the patient there")
        if position < first:
            what, remedy = "the rows are not in the order of patients.csv", "sort them"
            raise _refusal(self._name, what, remedy)


def n_cells(path: Path) -> int:
    """How many numbers a file holds, by what it says itself."""
    refuse_unless_regular(path, follow=False)
    with _refused(path.name), pq.ParquetFile(path) as file:
        return int(file.metadata.num_rows * file.metadata.num_columns)


def read_expression(path: Path, position: Mapping[str, int]) -> Expression:
    """The matrix of a file whose patients all have a `position`; its size is checked before it is read."""
    refuse_unless_regular(path, follow=False)
    with _refused(path.name), pq.ParquetFile(path) as file:
        genes = _genes(file, len(position), path.name)
        table = file.read()
    if any(column.null_count for column in table.columns):
        raise _refusal(path.name, "a null among the values", "use NaN for what was not measured")
    ids = table.column(ID).to_pylist()
    if not all(patient in position for patient in ids):
        strangers = sum(patient not in position for patient in ids)
        raise _refusal(path.name, f"{strangers} rows of patients that patients.csv lacks", "add them there")
    values = np.empty((len(ids), len(genes)), dtype=np.float64)
    for place, gene in enumerate(genes):
        values[:, place] = table.column(gene).to_numpy()
    return Expression(np.array([position[patient] for patient in ids], dtype=np.int64), genes, values)


def _genes(file: pq.ParquetFile, n_patients: int, name: str) -> tuple[str, ...]:
    schema, meta = file.schema_arrow, file.metadata
    if len(set(schema.names)) < len(schema.names):
        raise _refusal(name, "a column is repeated", "give each gene one column")
    if ID not in schema.names or schema.field(ID).type not in (pa.string(), pa.large_string()):
        raise _refusal(name, f"there is no column '{ID}' of texts", "add it")
    genes = tuple(column for column in schema.names if column != ID)
    wrong = [gene for gene in genes if schema.field(gene).type != pa.float64()]
    if wrong:
        raise _refusal(
            f"{name} column '{wrong[0][:64]}'", "not 64-bit floats", "write log2(TPM + 1) as double"
        )
    size = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
    if meta.num_rows > n_patients or len(genes) > MOST_GENES or size > _largest(n_patients, len(genes)):
        what = f"{meta.num_rows} rows of {len(genes)} genes in {size} bytes for {n_patients} patients"
        raise _refusal(name, what, f"give a patient one row, and at most {MOST_GENES} genes")
    return genes


def _largest(n_patients: int, n_genes: int) -> int:
    return 16 * n_patients * n_genes + 2_000 * (n_patients + n_genes + 1)


@contextmanager
def _refused(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _refusal(name, "not a Parquet file, or a damaged one", "obtain the whole file") from error


def _refusal(where: str, what: str, remedy: str) -> CohortError:
    return CohortError(f"{where} cannot be read", [Fault(where, what, remedy)])
