"""Whether a matrix is on the scale that it is said to be on: a wrong scale is caught here, not modelled.

Every patient's row is judged by itself: the range and total of its numbers, and genes that every tumour
expresses (actin, ribosome, glycolysis ...), which stand low or at zero when names are shifted or gaps filled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from features.errors import CohortError, Fault
from features.expression_scale import BASES, MILLION, RowFacts, Scale, row_facts
from features.readers.raw_matrix import RawMatrix

Judgement = tuple[NDArray[np.bool_], str, str]
"""Which rows are wrong, what is wrong with them, and what mends it."""

WHOLE = 10_000
"""Genes from which on a matrix is a whole transcriptome, so that its totals mean something."""

REFERENCE_GENES = (
    "ACTB", "ACTG1", "ALDOA", "ARPC2", "ATP5F1B", "B2M", "CALM1", "CAPZB", "CD63", "CD74", "CFL1",
    "CTSB", "CTSD", "EEF1A1", "EEF2", "ENO1", "FTH1", "FTL", "GAPDH", "GNAS", "GNB1", "H3-3A",
    "HNRNPA1", "HSP90AB1", "HSPA8", "HSPB1", "LAPTM4A", "LDHA", "MYH9", "MYL6", "NPM1", "OAZ1", "PFN1",
    "PKM", "PPIA", "PRDX1", "PSAP", "PTMA", "RACK1", "SERF2", "SLC25A3", "SOD1", "TMSB4X", "TPI1",
    "TPT1", "TUBA1B", "UBA52", "UBC", "VCP", "VIM", "YWHAZ",
)  # fmt: skip
"""Genes among the most expressed of every tumour; chosen apart in the alphabet, so that a shift shows."""

_FEWEST_REFERENCES = 10
_LOWEST_RANK = 0.6
_MOST_ZEROS = 0.1
_TPM_TOTAL = (0.4 * MILLION, 1.05 * MILLION)
_TOTALS = {"tpm": _TPM_TOTAL, "fpkm": (1e4, 1e8), "counts": (1e5, 3e9), "umi": (1e4, 3e9)}
_HIGHEST_LOG2 = {"tpm": math.log2(_TPM_TOTAL[1]), "fpkm": 27.0, "counts": 31.0, "umi": 31.0}
_LIKE_LOGS = 32.0
_FEWEST_GENES = 200
_DETECTED_ROWS = 64


def detected(raw: RawMatrix) -> Scale:
    """The scale that the numbers themselves decide; refused where they leave a doubt."""
    values = raw.values[:_DETECTED_ROWS]
    facts = row_facts(values, Scale("tpm"))
    fits: list[Scale] = []
    if facts.n.min() >= WHOLE and facts.lowest.min() >= 0.0:
        tried = [Scale("tpm")] if facts.highest.max() > _LIKE_LOGS else _logs_of_tpm()
        fits = [scale for scale in tried if _sums_to_a_million(values, scale)]
    if len(fits) != 1:
        what = "the numbers do not decide the scale"
        remedy = "declare it: counts, umi, tpm, fpkm, or a logarithm such as log2(tpm+1)"
        raise CohortError(f"{raw.file} cannot be read", [Fault(raw.file, what, remedy)])
    return fits[0]


def scale_faults(raw: RawMatrix, scale: Scale, facts: RowFacts) -> Iterator[tuple[NDArray[np.int64], Fault]]:
    """Rows (positions of patients) that cannot be on the scale, with what is wrong with them."""
    told = np.zeros(len(facts.n), dtype=np.bool_)
    for wrong, what, remedy in _judgements(scale, facts):
        rows = np.flatnonzero(wrong & ~told)
        if len(rows):
            told |= wrong
            yield rows, Fault(raw.where(rows), f"{what} (declared {scale})", remedy)


def likely_scale(values: NDArray[np.float64], scale: Scale, facts: RowFacts) -> str:
    """On which other scale the totals of given values would be right; '' when on none that is known."""
    if scale.unit != "tpm" or facts.n.min() < WHOLE:
        return ""
    other = [s for s in (Scale("tpm"), *_logs_of_tpm()) if s != scale and _sums_to_a_million(values, s)]
    return f"as {other[0]} the totals would be a million" if len(other) == 1 else ""


def _judgements(scale: Scale, facts: RowFacts) -> Iterator[Judgement]:
    """In the order in which they are told; a row is told once."""
    yield facts.n == 0, "no number at all", "leave the patient out"
    yield (
        np.isinf(facts.lowest) | np.isinf(facts.highest),
        "infinite numbers",
        "leave empty what was not measured",
    )
    yield from _ranges(scale, facts)
    yield from _totals(scale, facts)
    what = "genes that every tumour expresses are zero or low: gaps filled, or names and numbers shifted"
    wrong = (facts.reference_zeros > _MOST_ZEROS) | (facts.reference_rank < _LOWEST_RANK)
    remedy = (
        "leave empty what was not measured, check that each row has its own name, or leave the sample out"
    )
    yield wrong, what, remedy


def _ranges(scale: Scale, facts: RowFacts) -> Iterator[Judgement]:
    if scale.log is None:
        remedy = "declare the logarithm, or give linear values"
        yield facts.lowest < 0.0, "negative numbers on a linear scale", remedy
        like = (facts.n >= _FEWEST_GENES) & (facts.highest < _LIKE_LOGS) & (facts.highest > 0.0)
        yield like, "a range like that of logarithms", "declare the logarithm"
        return
    base = BASES[scale.log]
    floor = math.log(scale.offset, base) - 1e-3 if scale.offset else -math.inf
    yield facts.lowest < floor, "numbers below the logarithm of the offset", "declare the true offset"
    what = "numbers too high for logarithms: not logged, or of another base"
    yield facts.highest > _HIGHEST_LOG2[scale.unit] / math.log2(base), what, "check the scale"


def _totals(scale: Scale, facts: RowFacts) -> Iterator[Judgement]:
    whole = facts.n >= WHOLE
    least, most = _TOTALS[scale.unit]
    if scale.unit == "fpkm":
        what = f"fewer than {WHOLE:,} genes, from which FPKM give no TPM"
        yield ~whole, what, "give the whole matrix, or TPM"
    yield facts.total > most, f"a total above {most:,.0f}", "check the scale and its unit"
    low = whole & (facts.total < least)
    yield low, f"a total below {least:,.0f}", "check the scale, its base and its unit"
    yield facts.total <= 0.0, "nothing but zeros", "leave the patient out"


def reference_columns(column_of: dict[str, int]) -> NDArray[np.int64]:
    """Where the reference genes stand; none when too few of them were measured to judge by."""
    found = [column_of[gene] for gene in REFERENCE_GENES if gene in column_of]
    return np.array(found if len(found) >= _FEWEST_REFERENCES else [], dtype=np.int64)


def _logs_of_tpm() -> list[Scale]:
    return [Scale("tpm", log, 1.0) for log in BASES]


def _sums_to_a_million(values: NDArray[np.float64], scale: Scale) -> bool:
    totals = row_facts(values[:_DETECTED_ROWS], scale).total
    return bool(abs(np.median(totals) / MILLION - 1.0) < 0.05)
