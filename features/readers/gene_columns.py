"""The genes of a matrix under approved symbols: ids resolved and reported, rows of one gene added up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import CohortError, Fault
from features.knowledge.genes import GeneNames, Named
from features.readers.raw_matrix import Numbers, RawMatrix

ENOUGH_KNOWN = 0.5
ENOUGH_GENES = 5_000
_MOST_NAMED = 5


@dataclass(frozen=True)
class GeneColumns:
    """The genes kept, in the file's order: `symbols`, and for each its columns of the matrix."""

    symbols: tuple[str, ...]
    columns: tuple[tuple[int, ...], ...]
    notices: tuple[Fault, ...]
    file: str

    @property
    def column_of(self) -> dict[str, int]:
        """By symbol, its first column in the matrix as given."""
        return {symbol: columns[0] for symbol, columns in zip(self.symbols, self.columns, strict=True)}


def gene_columns(raw: RawMatrix, names: GeneNames) -> GeneColumns:
    """What each gene's ids stand for; refused when too few of them are genes.

    An alias is followed only where genes are named line by line and its gene has no line of its own: in the
    header of a table of patients, `OS` is survival before it is an alias of MID1.
    """
    named = [names.first(ids) for ids in raw.gene_ids]
    direct = {n.symbol for n in named if n.symbol is not None and n.how != "alias"}
    by_line = raw.patients_in == "columns"
    kept: dict[str, list[int]] = {}
    dropped: Counter[str] = Counter()
    for column, name in enumerate(named):
        is_doubtful = name.how == "alias" and (name.symbol in direct or not by_line)
        if name.symbol is None or is_doubtful:
            dropped["alias" if is_doubtful else name.how] += 1
        else:
            kept.setdefault(name.symbol, []).append(column)
    n_known = len(named) - sum(dropped.values())
    if not kept or n_known < min(ENOUGH_KNOWN * len(named), ENOUGH_GENES):
        what = f"{n_known} of {len(named)} genes are known"
        remedy = "name human genes by HGNC symbol, Ensembl or NCBI gene id, or give a later HGNC table"
        raise CohortError(f"{raw.file} cannot be read", [Fault(raw.file, what, remedy)])
    notices = (*_renamed(raw, named, kept), *_dropped(raw.file, dropped))
    return GeneColumns(tuple(kept), tuple(map(tuple, kept.values())), notices, raw.file)


def merged(values: Numbers, genes: GeneColumns) -> tuple[Numbers, list[Fault]]:
    """A matrix (patients, genes kept) in log2(TPM + 1), a gene's columns added up as TPM; may be `values`.

    Columns that repeat each other in every patient are one measurement copied, and count once.
    """
    shared = [columns for columns in genes.columns if len(columns) > 1]
    n_copied = sum(_add_up(values, columns) for columns in shared)
    first = np.array([columns[0] for columns in genes.columns], dtype=np.int64)
    notices = []
    if shared:
        extra = sum(map(len, shared)) - len(shared) - n_copied
        what = (
            f"{len(shared)} genes stand in several rows: {extra} added up as TPM, {n_copied} copies left out"
        )
        notices.append(Fault(genes.file, what, "keep one row a gene"))
    if len(first) == values.shape[1] and bool((np.diff(first) == 1).all()):
        return values, notices
    return np.take(values, first, axis=1), notices


def _add_up(values: Numbers, columns: tuple[int, ...]) -> int:
    """Write the sum into the first of the columns; how many of them were copies."""
    parts: list[NDArray[np.float64]] = []
    for column in columns:
        given = values[:, column]
        is_copy = any(np.array_equal(given, part, equal_nan=True) for part in parts) and bool(
            np.nanmax(given) > 0
        )
        if not is_copy:
            parts.append(given.copy())
    total = np.zeros(len(values))
    measured = np.zeros(len(values), dtype=np.bool_)
    for part in parts:
        known = ~np.isnan(part)
        total += np.where(known, np.exp2(part) - 1.0, 0.0)
        measured |= known
    if len(parts) > 1:
        values[:, columns[0]] = np.where(measured, np.log2(total + 1.0), np.nan)
    return len(columns) - len(parts)


def _renamed(raw: RawMatrix, named: list[Named], kept: dict[str, list[int]]) -> list[Fault]:
    notices = []
    used = {column for columns in kept.values() for column in columns}
    for how, what in (("withdrawn", "withdrawn symbols"), ("alias", "aliases")):
        columns = [c for c, name in enumerate(named) if name.how == how and c in used]
        if columns:
            shown = ", ".join(
                f"{raw.gene_ids[c][0][:32]} is {named[c].symbol}" for c in columns[:_MOST_NAMED]
            )
            more = f" and {len(columns) - _MOST_NAMED} more" if len(columns) > _MOST_NAMED else ""
            remedy = "use approved symbols"
            notices.append(Fault(raw.file, f"{len(columns)} {what} were resolved: {shown}{more}", remedy))
    return notices


def _dropped(file: str, dropped: Counter[str]) -> list[Fault]:
    what_of = {
        "unknown": "ids are not known and were left out",
        "entrez": "NCBI ids are not known and were left out",
        "ambiguous": "symbols could be several genes and were left out",
        "alias": "aliases of a gene with its own row, or in a header, were left out",
    }
    return [
        Fault(file, f"{n} {what_of.get(how, what_of['unknown'])}", "use approved symbols or Ensembl ids")
        for how, n in dropped.items()
    ]
