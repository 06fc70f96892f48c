"""The expression of a cohort folder: one Parquet row a patient, one column a gene, every bit kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.cohort import Expression
from features.errors import CohortError, Fault
from features.readers.byte_stream import refuse_unless_regular

ID = "patient_id"
MOST_GENES = 200_000


def write_expression(expression: Expression, patient_ids: Sequence[str], path: Path) -> None:
    """One file of the matrix (patients with expression, genes) in float64."""
    if ID in expression.genes:
        raise CohortError(f"a gene is called '{ID}', which is the column of ids; rename it")
    ids = pa.array([patient_ids[patient] for patient in expression.patient.tolist()], pa.string())
    columns = [pa.array(column) for column in np.ascontiguousarray(expression.values.T)]
    table = pa.Table.from_arrays([ids, *columns], names=[ID, *expression.genes])
    pq.write_table(table, path, compression="zstd", use_dictionary=False)


def read_expression(path: Path, position: Mapping[str, int]) -> Expression:
    """The matrix of a file whose patients all have a `position`; its size is checked before it is read."""
    refuse_unless_regular(path, follow=False)
    try:
        with pq.ParquetFile(path) as file:
            genes = _genes(file, len(position), path.name)
            table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _refusal(path.name, "not a Parquet file, or a damaged one", "obtain the whole file") from error
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


def _refusal(where: str, what: str, remedy: str) -> CohortError:
    return CohortError(f"{where} cannot be read", [Fault(where, what, remedy)])
