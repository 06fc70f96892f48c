"""Expression matrices from laboratories: CSV, TSV, GCT, Parquet and .h5ad to log2(TPM + 1) of approved genes.

    read_expression(Path("tumours.tsv.gz"), Declared(scale="tpm")).expression

Counts, TPM, FPKM and logarithms of these; patients in columns or rows; Ensembl ids (version stripped), NCBI
ids, HGNC symbols, withdrawn ones and aliases. A doubt is a notice; a matrix that cannot be what it is said
to be is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from features.cohort import Cohort, Expression
from features.errors import CohortError, Fault
from features.expression_scale import Numbers, Scale, to_log2_tpm
from features.knowledge.genes import GeneNames, gene_names
from features.readers.expression_checks import detected, likely_scale, reference_columns, scale_faults
from features.readers.expression_columns import read_parquet
from features.readers.expression_text import read_text
from features.readers.gene_columns import GeneColumns, gene_columns, merged
from features.readers.h5ad import read_h5ad
from features.readers.raw_matrix import RawMatrix, Table, laid_out

_MOST_FAULTS = 100
_READERS: Mapping[str, Callable[[Path], Table]] = {
    ".csv": read_text, ".tsv": read_text, ".txt": read_text, ".gct": read_text,
    ".parquet": read_parquet, ".pq": read_parquet,
}  # fmt: skip


@dataclass(frozen=True)
class Declared:
    """What is known of a matrix beside its numbers; None is found out from them, or refused in doubt.

    `scale` is spelled as in `features.expression_scale`; `patients_in` is `columns` or `rows`; `lengths`
    gives transcripts' bases by gene, which counts need where the file has no column of them; `layer` is one
    of an .h5ad's. `doubtful` samples are refused with the whole file (`refuse`), or left out and told
    (`leave_out`).
    """

    scale: str | None = None
    patients_in: str | None = None
    lengths: Mapping[str, float] | None = None
    layer: str | None = None
    doubtful: str = "refuse"

    def __post_init__(self) -> None:
        if self.patients_in not in (None, "columns", "rows") or self.doubtful not in ("refuse", "leave_out"):
            remedy = "patients_in is 'columns' or 'rows', doubtful is 'refuse' or 'leave_out'"
            raise CohortError(
                "the declaration cannot be used", [Fault("declaration", "a choice not known", remedy)]
            )
        if self.scale is not None:
            Scale.parse(self.scale)


@dataclass(frozen=True)
class ExpressionReading:
    """A matrix read whole: row i of `expression` is of `patient_ids[i]`; `notices` are doubts, not errors."""

    patient_ids: tuple[str, ...]
    expression: Expression
    scale: Scale
    notices: tuple[Fault, ...]

    def cohort(self) -> Cohort:
        """A cohort of these patients, with nothing but their expression."""
        return Cohort(self.patient_ids, expression=self.expression)

    def of(self, patient_ids: Sequence[str]) -> Expression:
        """The rows of these patients, at their positions there; who was not measured has no row."""
        position = {patient_id: i for i, patient_id in enumerate(patient_ids)}
        rows = [row for row, patient_id in enumerate(self.patient_ids) if patient_id in position]
        placed = [position[self.patient_ids[row]] for row in rows]
        return self.expression.select(np.array(rows, dtype=np.int64), np.array(placed, dtype=np.int64))


def read_expression(
    path: Path, declared: Declared = Declared(), names: GeneNames | None = None
) -> ExpressionReading:
    """Every patient of a file in log2(TPM + 1), float64; `names` may be a later HGNC table (`read_hgnc`)."""
    known = names or gene_names()
    raw = _raw(path, declared, known)
    columns = gene_columns(raw, known)
    scale = Scale.parse(declared.scale) if declared.scale else detected(raw)
    told = [] if declared.scale else [Fault(raw.file, f"the scale was found to be {scale}", "declare it")]
    kilobases = _kilobases(raw, declared, columns) if scale.unit == "counts" else None
    kept, doubts = _converted(raw, scale, columns, kilobases, declared.doubtful == "leave_out")
    values, notices = merged(raw.values if len(kept) == len(raw.patient_ids) else raw.values[kept], columns)
    patient_ids = tuple(raw.patient_ids[i] for i in kept)
    expression = Expression(np.arange(len(kept)), columns.symbols, values)
    return ExpressionReading(patient_ids, expression, scale, (*told, *columns.notices, *notices, *doubts))


def _raw(path: Path, declared: Declared, names: GeneNames) -> RawMatrix:
    stem = path.name.lower().removesuffix(".gz")
    suffix = "." + stem.rpartition(".")[2]
    if suffix == ".h5ad":
        return read_h5ad(path, declared.layer)
    if suffix not in _READERS:
        remedy = f"use {', '.join([*_READERS, '.h5ad'])}, the texts plain or .gz"
        raise CohortError(
            f"{path.name} cannot be read", [Fault(path.name, "the kind of file is not known", remedy)]
        )
    return laid_out(_READERS[suffix](path), names, declared.patients_in)


def _converted(
    raw: RawMatrix, scale: Scale, columns: GeneColumns, kilobases: Numbers | None, leave_out: bool
) -> tuple[Sequence[int], list[Fault]]:
    """The patients kept, their rows converted in place, and what is to be told of the others."""
    sample = raw.values[:64].copy() if scale.unit == "tpm" else raw.values[:0]
    facts = to_log2_tpm(raw.values, scale, reference_columns(columns.column_of), kilobases)
    wrong = list(scale_faults(raw, scale, facts))
    bad = {int(row) for rows, _ in wrong for row in rows}
    if wrong and not (leave_out and 2 * len(bad) <= len(raw.patient_ids)):
        faults = [fault for _, fault in wrong]
        hint = likely_scale(sample, scale, facts) if len(sample) else ""
        faults += [Fault(raw.file, "another scale would fit", hint)] if hint else []
        raise CohortError(f"{raw.file} is not on the scale declared", faults[:_MOST_FAULTS])
    left_out = [Fault(f.where, f"left out: {f.what}", f.remedy) for _, f in wrong]
    return [i for i in range(len(raw.patient_ids)) if i not in bad], left_out


def _kilobases(raw: RawMatrix, declared: Declared, columns: GeneColumns) -> Numbers:
    if declared.lengths is not None:
        bases = np.array([_first(ids, declared.lengths) for ids in raw.gene_ids], dtype=np.float64)
    else:
        bases = np.full(len(raw.gene_ids), np.nan) if raw.lengths is None else raw.lengths
    unfit = ~(np.isfinite(bases) & (bases > 0.0))
    if unfit.any():
        what = f"{int(unfit.sum())} of {len(bases)} genes have no length, which TPM need"
        remedy = "give a column 'Length', or lengths; counts of a 3' protocol are declared as umi"
        raise CohortError(f"{raw.file} cannot be read", [Fault(raw.file, what, remedy)])
    return bases / 1000.0


def _first(ids: Iterable[str], lengths: Mapping[str, float]) -> float:
    return next((lengths[gene_id] for gene_id in ids if gene_id in lengths), np.nan)
