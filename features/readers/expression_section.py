"""The expression of a patient document: one value a gene, on one of two scales.

    {"scale": "log2(TPM+1)", "values": {"CD8A": 3.1, "GZMB": 1.4}}

A gene goes by its approved symbol; withdrawn symbols, aliases, Ensembl and NCBI ids are resolved, and no two
names may stand for one gene. A name that stands for no gene is a fault, because a misspelt gene would else be
a missing one; only Ensembl ids that have no symbol are taken as they are. A gene that is left out was not
measured. Of genes that the model reads by the very name given nothing is looked up.

Values are checked all at once; which of them is wrong is asked only when one is.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from features.cohort import Cohort, Expression, Index
from features.expression_scale import RowFacts, Scale, to_log2_tpm
from features.knowledge.genes import gene_names
from features.readers.checks import Faults, Path, has_fields, is_number, is_text
from features.readers.expression_checks import WHOLE, reference_columns, scale_faults
from features.readers.raw_matrix import Numbers, RawMatrix
from features.readers.vocabulary import Vocabulary

MOST_GENES = 60_000
MOST_TPM = 1.05e6
"""A little more than a million, to which the TPM of one sample add up."""

LEAST_TPM = 1e5
"""What the approved genes of a whole transcriptome add up to at least, even where other RNA took most."""

LOG2_TPM = "log2(TPM+1)"
SCALES: Mapping[str, tuple[float, float]] = {"TPM": (0.0, MOST_TPM), LOG2_TPM: (-1e-3, math.log2(MOST_TPM))}
"""The scales, and from where to where a value on each can lie (rounding may leave a trace below zero)."""

_JUDGED_TOGETHER = 1_000
_PARTS = frozenset({"scale", "values"})
_PARSED = {name: Scale.parse(name) for name in SCALES}
_ONE_ROW = RawMatrix("expression", ("patient",), (("gene",),), np.zeros((1, 1)), None, "rows", (1,), (1,))


@dataclass(frozen=True, eq=False)
class GeneLayout:
    """The genes that a list of names stands for, as an empty table to be filled, and what is wrong with them.

    `reference` holds the columns of genes that every tumour expresses, where a whole transcriptome is given.
    """

    table: Expression
    reference: Index
    faults: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class MeasuredGenes:
    """One patient's log2(TPM + 1) (genes,) of the genes of a layout."""

    layout: GeneLayout
    values: Numbers


def measured_genes(
    section: object, path: Path, faults: Faults, vocabulary: Vocabulary
) -> MeasuredGenes | None:
    """The section of one patient; None, and its faults added, when there is any."""
    if not has_fields(section, _PARTS, _PARTS, path, faults):
        return None
    scale, given = section["scale"], section["values"]
    inside = (*path, "values")
    if type(scale) is not str or scale not in SCALES:
        faults.add((*path, "scale"), "the scale is not known here", f"use {' or '.join(SCALES)}")
        return None
    if type(given) is not dict or not 0 < len(given) <= MOST_GENES:
        remedy = f"send 1 to {MOST_GENES:,} numbers by gene, or leave the section out"
        faults.add(inside, "an object of genes and their values is needed here", remedy)
        return None
    layout = _layout(tuple(given), vocabulary)
    for name, what, remedy in layout.faults:
        faults.add((*inside, name), what, remedy)
    values = _numbers(given, *SCALES[scale])
    if values is None:
        _note_values(given, scale, inside, faults)
        return None
    facts = to_log2_tpm(values[None], _PARSED[scale], layout.reference)
    if len(given) >= _JUDGED_TOGETHER:
        _judge(_PARSED[scale], facts, inside, faults)
    return None if layout.faults else MeasuredGenes(layout, values)


def expression_table(measured: Sequence[tuple[int, MeasuredGenes]]) -> Expression | None:
    """The table of who was measured, by position; NaN where a gene was given for others only."""
    if not measured:
        return None
    patients = np.array([patient for patient, _ in measured], dtype=np.int64)
    layouts = {id(own.layout): own.layout for _, own in measured}
    if len(layouts) == 1:
        (layout,) = layouts.values()
        return _filled(layout.table, patients, np.array([own.values for _, own in measured]))
    genes = tuple(dict.fromkeys(gene for layout in layouts.values() for gene in layout.table.genes))
    column_of = {gene: column for column, gene in enumerate(genes)}
    places = {at: [column_of[gene] for gene in layout.table.genes] for at, layout in layouts.items()}
    values = np.full((len(measured), len(genes)), np.nan)
    for row, (_, own) in enumerate(measured):
        values[row, places[id(own.layout)]] = own.values
    return Expression(patients, genes, values)


def expression_entry(cohort: Cohort, patient: int) -> Mapping[str, object] | None:
    """The section that reads back as this patient's expression; None when nothing was measured."""
    table = cohort.expression
    rows = [] if table is None else np.flatnonzero(table.patient == patient).tolist()
    if table is None or not rows:
        return None
    row = table.values[rows[0]].tolist()
    values = {gene: value for gene, value in zip(table.genes, row, strict=True) if value == value}
    return {"scale": LOG2_TPM, "values": values} if values else None


@lru_cache(maxsize=8)
def _layout(names: tuple[str, ...], vocabulary: Vocabulary) -> GeneLayout:
    """What the names stand for; remembered, since an application sends the same genes every time."""
    found: dict[str, str] = {}
    faults = []
    for name in names:
        symbol = name if name in vocabulary.genes else _symbol(name)
        if symbol is None:
            remedy = "use the approved HGNC symbol, or the Ensembl gene id"
            faults.append((name, "not the name of one gene", remedy))
        elif symbol in found:
            faults.append((name, "the gene is given under another name too", "keep one value a gene"))
        else:
            found[symbol] = name
    genes = tuple(found)
    table = Expression(np.array([], dtype=np.int64), genes, np.empty((0, len(genes))))
    whole = len(genes) >= WHOLE
    return GeneLayout(table, reference_columns(dict(table.column_of) if whole else {}), tuple(faults))


def _symbol(name: object) -> str | None:
    return gene_names().name(name).symbol if is_text(name) else None


def _filled(empty: Expression, patients: Index, values: Numbers) -> Expression:
    """The table of a layout with these rows; its genes were checked when the layout was made."""
    table = copy.copy(empty)
    object.__setattr__(table, "patient", patients)
    object.__setattr__(table, "values", values)
    return table


def _numbers(given: dict[str, object], low: float, high: float) -> Numbers | None:
    """All values at once; None where one is no number on the scale."""
    if not {*map(type, given.values())} <= {float, int}:
        return None
    try:
        values: Numbers = np.fromiter(given.values(), np.float64, len(given))
    except OverflowError:
        return None
    return values if values.min() >= low and values.max() <= high else None


def _note_values(given: dict[str, object], scale: str, path: Path, faults: Faults) -> None:
    low, high = SCALES[scale]
    for name, value in given.items():
        if not is_number(value):
            faults.add((*path, name), "not a finite number", "send a JSON number, or leave the gene out")
        elif not low <= value <= high:
            what = f"no value on the scale {scale}, which goes from 0 to {high:.7g}"
            faults.add((*path, name), what, "check the scale, or leave the gene out")


def _judge(scale: Scale, facts: RowFacts, path: Path, faults: Faults) -> None:
    """Faults of the values as a whole, as files have them: another scale, zeros for gaps, shifted names.

    Logarithms may come from a cohort whose genes without a symbol were left out, so their total may be lower.
    """
    if scale.is_final and facts.n[0] >= WHOLE:
        if facts.total[0] < LEAST_TPM:
            what = f"a total below {LEAST_TPM:,.0f} TPM"
            faults.add(path, what, "check the scale and its base, or leave the section out")
        facts = replace(facts, n=np.minimum(facts.n, WHOLE - 1))
    for _, fault in scale_faults(_ONE_ROW, scale, facts):
        faults.add(path, fault.what, re.sub("the (patient|sample) out", "the section out", fault.remedy))
