"""The scale of an expression matrix: what it is declared to be, and the way to log2(TPM + 1).

A scale is spelled as the field writes it: `counts`, `umi` (counts of a 3' protocol, one a transcript
whatever its length), `tpm`, `fpkm` (or `rpkm`), or a logarithm such as `log2(tpm+1)` or `ln(fpkm+0.1)`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from features.errors import CohortError, Fault

Numbers = NDArray[np.float64]

MILLION = 1e6
REFERENCE_QUANTILE = 0.2
BASES: Mapping[str, float] = MappingProxyType({"log2": 2.0, "ln": math.e, "log10": 10.0})
_BLOCK_VALUES = 1 << 18  # two megabytes stay in the cache through every step
_SPELLING = re.compile(
    r"(?:(?P<log>log2|ln|log10)\()?(?P<unit>counts|umi|tpm|fpkm|rpkm)(?:\+(?P<offset>[0-9]*\.?[0-9]+))?\)?"
)


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit (`counts`, `umi`, `tpm`, `fpkm`), linear where `log` is None, else log(value + offset).

    >>> str(Scale.parse("log2(TPM + 0.001)"))
    'log2(tpm+0.001)'
    """

    unit: str
    log: str | None = None
    offset: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Scale:
        """The scale that a text names; anything else is refused."""
        short = re.sub(r"\s+", "", text[:64]).lower()
        found = _SPELLING.fullmatch(short)
        log, offset = (found["log"], found["offset"]) if found else (None, None)
        if not found or (log is None) != (")" not in short) or (log is None and offset is not None):
            remedy = "use counts, umi, tpm, fpkm, or a logarithm such as log2(tpm+1)"
            raise CohortError(
                "the scale is not known", [Fault("scale", "the spelling is not known here", remedy)]
            )
        return cls("fpkm" if found["unit"] == "rpkm" else found["unit"], log, float(offset or 0.0))

    def __str__(self) -> str:
        if self.log is None:
            return self.unit
        return f"{self.log}({self.unit}+{self.offset:g})" if self.offset else f"{self.log}({self.unit})"

    @property
    def is_final(self) -> bool:
        """Whether values on this scale are log2(TPM + 1) already, and stay as they are, bit for bit."""
        return (self.unit, self.log, self.offset) == ("tpm", "log2", 1.0)

    def linear(self, values: Numbers, out: Numbers) -> Numbers:
        """The values without their logarithm; a trace below zero, left by rounding, is zero.

        `values` is not changed unless it is `out`.
        """
        if self.log is None:
            if out is not values:
                out[:] = values
            return out
        if self.log == "log2":
            np.exp2(values, out=out)
        else:
            np.multiply(values, math.log(BASES[self.log]), out=out)
            np.exp(out, out=out)
        if self.offset:
            out -= self.offset
            np.maximum(out, 0.0, out=out)
        return out


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What one pass tells of each patient's row; NaN is skipped. Arrays of length n.

    `lowest` and `highest` are of the values as given, `total` of the linear ones, `n` counts what was
    measured. Of the reference genes, which every tumour expresses, `reference_zeros` is the share that is
    zero, and `reference_rank` the share of all genes below their `REFERENCE_QUANTILE`; NaN where there are
    none.
    """

    n: NDArray[np.int64]
    lowest: Numbers
    highest: Numbers
    total: Numbers
    reference_zeros: Numbers
    reference_rank: Numbers

    @classmethod
    def empty(cls, n: int) -> RowFacts:
        """Facts still to be filled in."""
        return cls(np.zeros(n, dtype=np.int64), *(np.full(n, np.nan) for _ in range(5)))


def row_facts(values: Numbers, scale: Scale) -> RowFacts:
    """The extremes and totals of the rows of a matrix (patients, genes), which stays as it is."""
    facts = RowFacts.empty(len(values))
    for rows in _rows(values):
        block = values[rows]
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            _note_extremes(facts, rows, block)
            _note_total(facts, rows, scale.linear(block, np.empty_like(block)) if scale.log else block)
    return facts


def to_log2_tpm(
    values: Numbers, scale: Scale, reference: NDArray[np.int64], kilobases: Numbers | None = None
) -> RowFacts:
    """Turn a matrix (patients, genes) into log2(TPM + 1), in place, and tell what was seen on the way.

    `reference` holds the columns of the reference genes; `kilobases` (genes,) the transcripts' lengths, which
    `counts` need. Each row depends on itself alone. What was seen may say that the result must not be used.
    """
    facts = RowFacts.empty(len(values))
    for rows in _rows(values):
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            _convert(values[rows], scale, facts, rows, reference, kilobases)
    return facts


def _convert(
    block: Numbers,
    scale: Scale,
    facts: RowFacts,
    rows: slice,
    reference: NDArray[np.int64],
    kilobases: Numbers | None,
) -> None:
    _note_extremes(facts, rows, block)
    linear = scale.linear(block, np.empty_like(block) if scale.is_final else block)
    _note_total(facts, rows, linear)
    _note_zeros(facts, rows, linear, reference)
    if not scale.is_final:
        total = facts.total[rows]
        if scale.unit == "counts" and kilobases is not None:
            block /= kilobases
            total = _totals(block)
        if scale.unit != "tpm":
            block *= (MILLION / total)[:, None]
        block += 1.0
        np.log2(block, out=block)
    _note_rank(facts, rows, block, reference)


def _note_extremes(facts: RowFacts, rows: slice, block: Numbers) -> None:
    facts.lowest[rows] = np.fmin.reduce(block, axis=1, initial=np.inf)
    facts.highest[rows] = np.fmax.reduce(block, axis=1, initial=-np.inf)


def _note_total(facts: RowFacts, rows: slice, linear: Numbers) -> None:
    total = np.add.reduce(linear, axis=1)
    facts.n[rows] = linear.shape[1]
    if np.isnan(total).any():
        facts.n[rows] -= np.count_nonzero(np.isnan(linear), axis=1)
        total = np.nansum(linear, axis=1)
    facts.total[rows] = total


def _note_zeros(facts: RowFacts, rows: slice, block: Numbers, reference: NDArray[np.int64]) -> None:
    if len(reference):
        facts.reference_zeros[rows] = np.mean(block[:, reference] <= 0.0, axis=1)


def _note_rank(facts: RowFacts, rows: slice, block: Numbers, reference: NDArray[np.int64]) -> None:
    if len(reference):
        at = int(REFERENCE_QUANTILE * (len(reference) - 1))
        low = np.sort(block[:, reference], axis=1)[:, at]
        below = [
            np.count_nonzero(row < least) for row, least in zip(block, low, strict=True)
        ]  # axis=1 is slower
        rank = np.array(below) / np.maximum(facts.n[rows], 1)
        facts.reference_rank[rows] = np.where(np.isnan(low), np.nan, rank)


def _totals(block: Numbers) -> Numbers:
    total = np.add.reduce(block, axis=1)
    return np.nansum(block, axis=1) if np.isnan(total).any() else total


def _rows(values: Numbers) -> Iterator[slice]:
    """A few whole rows at a time."""
    step = max(1, _BLOCK_VALUES // max(1, values.shape[1]))
    return (slice(start, start + step) for start in range(0, len(values), step))
