"""An expression matrix as a file holds it: numbers, ids, and whether patients stand in rows or in columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import CohortError, Fault
from features.knowledge.genes import GeneNames

MOST_CELLS = 400_000_000
"""Patients times genes of one matrix: 3.2 GB of 64-bit floats."""

LONGEST_ID = 200
UNNAMED = frozenset({"", "NA", "N/A", "#N/A", "NAN", "NULL", "NONE", "---"})
"""What stands where a gene's name should; a gene `NA` is therefore refused, not guessed."""

ID_COLUMNS = frozenset(
    {
        "gene", "genes", "gene_id", "geneid", "gene_name", "genename", "gene_symbol", "genesymbol",
        "symbol", "hugo_symbol", "hgnc_symbol", "ensembl", "ensembl_id", "ensembl_gene_id",
        "ensembl_gene", "ensg", "entrez", "entrez_id", "entrez_gene_id", "entrezgene", "ncbi_gene_id",
        "description", "__index_level_0__",
    }
)  # fmt: skip
"""Columns beside the first that hold ids of the line's gene, in lower case."""

LENGTH_COLUMNS = frozenset({"length", "gene_length", "effective_length"})
OTHER_COLUMNS = frozenset(
    {
        "chr",
        "chrom",
        "chromosome",
        "seqnames",
        "start",
        "end",
        "strand",
        "biotype",
        "gene_biotype",
        "gene_type",
    }
)
_SAMPLED = 2_000
_MOST_SHOWN = 5
_MOST_FAULTS = 100

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class RawMatrix:
    """Numbers (patients, genes) as given, float64 and nobody else's; NaN is not measured.

    `gene_ids` holds, for each gene, every id the file gives it; `lengths` (genes,) its transcript's bases or
    None. `patients_in` is `columns` or `rows`; `places` and `gene_places` are the lines or columns, from 1.
    """

    file: str
    patient_ids: tuple[str, ...]
    gene_ids: tuple[tuple[str, ...], ...]
    values: Numbers
    lengths: Numbers | None
    patients_in: str
    places: Sequence[int]
    gene_places: Sequence[int]

    def __post_init__(self) -> None:
        refuse_too_many(self.file, *self.values.shape)
        faults = [*_id_faults(self), *_gene_faults(self)]
        if faults:
            raise CohortError(f"{len(faults)} faults in {self.file}", faults[:_MOST_FAULTS])

    def where(self, patients: Sequence[int] | NDArray[np.int64]) -> str:
        """The places of some patients, without their ids: `columns 2, 5 and 9 more`."""
        shown = [str(self.places[i]) for i in list(patients)[:_MOST_SHOWN]]
        more = len(patients) - len(shown)
        kind = self.patients_in if len(patients) > 1 else self.patients_in[:-1]
        return f"{self.file} {kind} {', '.join(shown)}" + (f" and {more} more" if more else "")


@dataclass(frozen=True)
class Table:
    """A file's numeric columns under their names, and the ids of its lines; `first_line` and `places` from 1.

    `fill(out, transposed)` writes the numbers (lines, columns), or (columns, lines) when transposed.
    """

    file: str
    names: tuple[str, ...]
    places: Sequence[int]
    line_ids: tuple[tuple[str, ...], ...]
    first_line: int
    lengths: Numbers | None
    fill: Callable[[Numbers, bool], None]


def laid_out(table: Table, names: GeneNames, patients_in: str | None) -> RawMatrix:
    """The matrix of a table, the patients being in its `columns` or `rows`, or found where genes are not."""
    where = patients_in or _patients_in(table, names)
    lines: Sequence[int] = range(table.first_line, table.first_line + len(table.line_ids))
    if where == "columns":
        ids, places = table.names, table.places
        genes, gene_places = table.line_ids, lines
    else:
        ids, places = tuple(line[0] for line in table.line_ids), lines
        genes, gene_places = tuple((name,) for name in table.names), table.places
    refuse_too_many(table.file, len(ids), len(genes))
    values = np.empty((len(ids), len(genes)), dtype=np.float64)
    table.fill(values, where == "columns")
    lengths = table.lengths if where == "columns" else None
    return RawMatrix(table.file, ids, genes, values, lengths, where, places, gene_places)


def refuse_too_many(file: str, n_patients: int, n_genes: int) -> None:
    """Refuse a matrix that is empty or whose numbers would not fit, before room is made for it."""
    if n_patients * n_genes > MOST_CELLS or not n_patients or not n_genes:
        what = f"{n_patients} patients by {n_genes} genes"
        remedy = f"give at least one of each, and at most {MOST_CELLS:,} numbers"
        raise CohortError(f"{file} cannot be read", [Fault(file, what, remedy)])


def _patients_in(table: Table, names: GeneNames) -> str:
    across = names.share_known(_some(table.names))
    sampled = _some(table.line_ids)
    down = sum(names.first(ids).symbol is not None for ids in sampled) / max(len(sampled), 1)
    if max(across, down) < 0.2 or across == down:
        what = f"{down:.0%} of the lines and {across:.0%} of the columns are named for known human genes"
        remedy = "name genes by HGNC symbol, Ensembl or NCBI id, or say where the patients are"
        raise CohortError(f"{table.file} cannot be read", [Fault(table.file, what, remedy)])
    return "columns" if down > across else "rows"


def _some(ids: Sequence) -> Sequence:
    return ids[:: max(1, len(ids) // _SAMPLED)]


def _id_faults(raw: RawMatrix) -> list[Fault]:
    faults, seen = [], set()
    for patient_id, place in zip(raw.patient_ids, raw.places, strict=True):
        where = f"{raw.file} {raw.patients_in[:-1]} {place}"
        if not (0 < len(patient_id) <= LONGEST_ID and patient_id.isprintable()):
            faults.append(Fault(where, "the patient has no printable id", "name the patient"))
        elif patient_id in seen:
            faults.append(Fault(where, "the id stands for an earlier patient", "keep one sample a patient"))
        seen.add(patient_id)
    return faults


def _gene_faults(raw: RawMatrix) -> list[Fault]:
    kind = "row" if raw.patients_in == "columns" else "column"
    return [
        Fault(f"{raw.file} {kind} {place}", "the gene has no printable name", "name the gene or leave it out")
        for ids, place in zip(raw.gene_ids, raw.gene_places, strict=True)
        if not any(map(_is_gene_id, ids))
    ]


def _is_gene_id(text: str) -> bool:
    return text.strip().upper() not in UNNAMED and len(text) <= LONGEST_ID and text.isprintable()
