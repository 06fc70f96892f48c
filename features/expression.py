"""Expression as numbers: log2(TPM + 1) of single genes, and signature scores of single samples.

Nothing is fitted and no patient looks at another, so a score is the same alone and in a batch, bit for bit.
A gene that was not measured is NaN, never zero; a score stands on at least `FEWEST_SHARE` of its genes.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort, Expression, Index
from features.column import Column, Numbers
from features.knowledge.signatures import Signature, signatures
from features.matrix import Feature

LOG2_TPM = "{log2(TPM+1)}"
FEWEST_SHARE = 0.8
"""Share of a signature's genes that must be measured; below it the score is NaN."""

FEWEST_RANKED = 5_000
"""Genes that must be measured before a rank among them is one in the transcriptome."""

_SSGSEA_WEIGHT = 0.25
_CYTOLYTIC_OFFSET = 0.01
_GENE = re.compile(r"expression\.([A-Za-z0-9][A-Za-z0-9._@-]{0,63})\.log2_tpm")

Array = NDArray[np.float64]


def gene_of(name: str) -> str | None:
    """The gene of a feature `expression.<GENE>.log2_tpm`; None for any other name.

    >>> gene_of("expression.HLA-DRA.log2_tpm")
    'HLA-DRA'
    """
    found = _GENE.fullmatch(name)
    return found[1] if found else None


def column_for(name: str) -> Column | None:
    """The feature of a name, any gene being a possible subject; None where the name is another block's.

    Genes go by their approved symbol (`features.knowledge.genes` says which).
    """
    gene = gene_of(name)
    if gene is None:
        return signature_columns().get(name)
    feature = Feature(name, "expression", gene, LOG2_TPM, f"{gene} expression")
    return Column(feature, (f"expression/{gene}",), lambda cohort: cohort.expression_of(gene).tolist())


def fill_genes(cohort: Cohort, genes: Sequence[str], places: Index, out: Array) -> None:
    """Write log2(TPM + 1) of many genes into the columns `places` (k,) of `out` (patients, features) at once.

    The same numbers as each gene's column, without a list for each: for specifications of thousands of genes.
    """
    table = cohort.expression
    if table is None or len(table) == 0:
        out[:, places] = np.nan
        return
    known, source = _measured(_Same((tuple(genes), table.genes)))
    if len(known) < len(genes) or len(table) < len(cohort):
        out[:, places] = np.nan
    wide, rows = _span(places[known]), _span(table.patient)
    span = _span(source)
    if all(isinstance(part, slice) for part in (wide, rows, span)):
        out[rows, wide] = table.values[:, span]
        return
    for row, patient in enumerate(table.patient.tolist()):
        out[patient, wide] = table.values[row, span]


class _Same:
    """Two lists of genes as a key, equal where both are the very same objects: thousands of names are not
    compared again for each patient."""

    def __init__(self, lists: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
        self.lists = lists

    def __hash__(self) -> int:
        return hash((id(self.lists[0]), id(self.lists[1])))

    def __eq__(self, other: object) -> bool:
        pairs = zip(self.lists, other.lists, strict=True) if isinstance(other, _Same) else ((0, 1),)
        return all(own is its for own, its in pairs)


@lru_cache(maxsize=8)
def _measured(lists: _Same) -> tuple[Index, Index]:
    """Which of the genes asked for a table has, by their places, and in which of its columns."""
    asked, genes = lists.lists
    column_of = {gene: column for column, gene in enumerate(genes)}
    found = [(place, column_of[gene]) for place, gene in enumerate(asked) if gene in column_of]
    known, source = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return known, source


def _span(places: Index) -> slice | Index:
    """A slice where the places follow each other, which is copied several times faster."""
    if len(places) and bool((np.diff(places) == 1).all()):
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


@cache
def signature_columns() -> Mapping[str, Column]:
    """By name, `signature.<name>.score` and `signature.<name>.ssgsea` of each shipped signature."""
    return columns_of(signatures().values())


def columns_of(listed: Iterable[Signature]) -> dict[str, Column]:
    """The same for any signatures, such as a user's (`features.knowledge.signatures.read_gmt`)."""
    shown = tuple(listed)
    ranked = _Ranked(tuple(signature.genes for signature in shown))
    columns = [c for place, signature in enumerate(shown) for c in _columns(signature, place, ranked)]
    return {column.feature.name: column for column in columns}


def _columns(signature: Signature, place: int, ranked: _Ranked) -> tuple[Column, Column]:
    inputs = tuple(f"expression/{gene}" for gene in signature.genes)

    def column(measure: str, unit: str, label: str, numbers: Callable[[Cohort], Numbers]) -> Column:
        name = f"signature.{signature.name}.{measure}"
        return Column(Feature(name, "signature", None, unit, f"{signature.label} {label}"), inputs, numbers)

    return (
        column("score", LOG2_TPM, "score", lambda cohort: score(cohort, signature).tolist()),
        column("ssgsea", "1", "rank score (ssGSEA)", lambda cohort: ranked.scores(cohort)[:, place].tolist()),
    )


def score(cohort: Cohort, signature: Signature) -> Array:
    """Each patient's score (patients,) by the signature's method; NaN where too few genes were measured.

    `mean_log2` is the mean of log2(TPM + 1); `geometric_mean` log2 of the geometric mean of TPM + 0.01
    (cytolytic activity, doi:10.1016/j.cell.2014.12.033), which needs every gene.
    """
    is_geometric = signature.method == "geometric_mean"
    total, measured = np.zeros(len(cohort)), np.zeros(len(cohort))
    for gene in signature.genes:  # one after the other, so that the sum is the same in every batch
        level = cohort.expression_of(gene)
        if is_geometric:
            level = np.log2(np.exp2(level) - 1.0 + _CYTOLYTIC_OFFSET)
        known = ~np.isnan(level)
        total += np.where(known, level, 0.0)
        measured += known
    needed = len(signature.genes) * (1.0 if is_geometric else FEWEST_SHARE)
    return np.where(measured >= needed, total / np.maximum(measured, 1.0), np.nan)


def ssgsea(levels: Array, members: Index) -> float:
    """Single-sample enrichment (Barbie 2009, doi:10.1038/nature08460) of one row's `members`.

    The sum of the running difference between members, weighted by rank to the power 0.25, and the rest, in
    closed form; ties share their mean rank. `levels` (genes,) has no NaN. The range across samples, by which
    packages divide, is left out, because it would make one patient's score depend on the others.
    """
    ordered = np.sort(levels)
    return _enrichment(ordered, levels[members])


def _enrichment(ordered: Array, members: Array) -> float:
    n, k = len(ordered), len(members)
    if not 0 < k < n:
        return np.nan
    rank = (np.searchsorted(ordered, members, "left") + np.searchsorted(ordered, members, "right") + 1) / 2.0
    weight = rank**_SSGSEA_WEIGHT
    inside = np.sum(weight * rank) / np.sum(weight)
    outside = (n * (n + 1) / 2.0 - np.sum(rank)) / (n - k)
    return float((inside - outside) / n)


class _Ranked:
    """ssGSEA of several gene lists, worked out together and remembered for the matrix asked about last."""

    def __init__(self, lists: tuple[tuple[str, ...], ...]) -> None:
        self._lists = lists
        self._last: tuple[Callable[[], Expression | None], Array] = (lambda: None, np.empty(0))

    def scores(self, cohort: Cohort) -> Array:
        """Scores (patients, lists); NaN where too few genes, or too few of a list, were measured."""
        answer = np.full((len(cohort), len(self._lists)), np.nan)
        if cohort.expression is not None:
            answer[cohort.expression.patient] = self._of(cohort.expression)
        return answer

    def _of(self, table: Expression) -> Array:
        holder, remembered = self._last
        if holder() is table:
            return remembered
        places = [
            np.array([table.column_of[g] for g in genes if g in table.column_of]) for genes in self._lists
        ]
        found = np.array([self._row(row, places) for row in table.values]).reshape(len(table), len(places))
        self._last = (weakref.ref(table), found)
        return found

    def _row(self, row: Array, places: list[NDArray]) -> list[float]:
        ordered = np.sort(row)
        ordered = ordered[: len(row) - int(np.isnan(ordered).sum())]
        if len(ordered) < FEWEST_RANKED:
            return [np.nan] * len(places)
        answer = []
        for genes, columns in zip(self._lists, places, strict=True):
            levels = row[columns.astype(np.int64)]
            known = levels[~np.isnan(levels)]
            enough = len(known) >= FEWEST_SHARE * len(genes)
            answer.append(_enrichment(ordered, known) if enough else np.nan)
        return answer
