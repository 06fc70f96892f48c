"""How well each feature orders the outcome by itself or by being recorded, and which do so too well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from training.design import Design
from training.study import Study

Numbers = NDArray[np.float64]
_CHUNK, _FEWEST, _CELL = 2000, 20, 10
_FAR, _TIMES = 0.8, 2.0


@dataclass(frozen=True)
class Strength:
    """One feature by itself: `by` its value or by being `recorded`; an AUC (0.5 to 1) or |rank correlation|.

    `why` is `too_good`, or `far_beyond` where it is strong and any other feature at most half as strong.
    """

    feature: str
    by: str
    measure: str
    strength: float
    why: str

    @property
    def sentence(self) -> str:
        """What to tell of it."""
        what = "by whether it is recorded" if self.by == "recorded" else "by itself"
        kind = "AUC" if self.measure == "auc" else "rank correlation"
        far = ", far beyond every other feature" if self.why == "far_beyond" else ""
        return (
            f"{self.feature} orders the outcome almost alone {what} ({kind} {self.strength:.3f}{far}); "
            "see whether it is known before the outcome."
        )

    def document(self) -> dict[str, object]:
        """As JSON."""
        told = {"feature": self.feature, "by": self.by, "measure": self.measure}
        return {**told, "strength": round(self.strength, 6), "why": self.why}


def too_good(study: Study, design: Design) -> tuple[Strength, ...]:
    """Features at or above the study's bound, and one far beyond all others; of a panel under any drug."""
    names, limit = design.matrix.names, study.suspicions.too_good
    outcomes = design.observed[:, None] if design.outcomes is None else design.outcomes
    measure = "auc" if study.outcome.is_binary else "rank_correlation"
    value = strengths(design.matrix.values, outcomes, study.outcome.is_binary)
    found = {
        name: Strength(name, "value", measure, own, "too_good") for name, own in _above(names, value, limit)
    }
    beyond = _far_beyond(names, 2.0 * value - 1.0 if study.outcome.is_binary else value)
    if beyond is not None and names[beyond] not in found:
        found[names[beyond]] = Strength(names[beyond], "value", measure, float(value[beyond]), "far_beyond")
    seen = ~np.isin(names, study.spec.absent)
    recorded = np.where(seen, recorded_strengths(design.matrix.values, outcomes), np.nan)
    for name, own in _above(names, recorded, limit):
        found.setdefault(name, Strength(name, "recorded", "auc", own, "too_good"))
    known = study.suspicions.reasons
    return tuple(own for name, own in found.items() if name not in known)


def _above(names: tuple[str, ...], strength: Numbers, limit: float) -> Iterator[tuple[str, float]]:
    with np.errstate(invalid="ignore"):
        chosen = np.flatnonzero(strength >= limit)
    yield from ((names[i], float(strength[i])) for i in chosen[np.argsort(-strength[chosen], kind="stable")])


def _far_beyond(names: tuple[str, ...], effect: Numbers) -> int | None:
    """The strongest feature (effects 0 to 1), if strong and other subjects are half as strong or less."""
    told = np.nan_to_num(effect)
    if not len(told) or told.max() < _FAR:
        return None
    best = int(np.argmax(told))
    subjects = np.array([_subject(name) for name in names])
    others = told[subjects != _subject(names[best])]
    return best if len(others) and told[best] >= _TIMES * others.max() else None


def _subject(name: str) -> str:
    return ".".join(name.removeprefix("log2.").split(".")[:2])


def strengths(values: Numbers, outcomes: Numbers, is_binary: bool) -> Numbers:
    """The AUC (0.5 to 1) or |rank correlation| (p,) of each column (n, p), the largest over outcomes (n, k).

    -inf where 20 patients, or 10 with the event and 10 without, are not known. Ranks are those among all who
    are known of the one, not of both, so that correlations of gappy columns are near Spearman's, not exactly.
    """
    targets = outcomes if is_binary else _ranks(np.ascontiguousarray(outcomes.T)).T
    parts = range(0, values.shape[1], _CHUNK)
    found = [_chunk(values[:, start : start + _CHUNK], targets, is_binary) for start in parts]
    return np.concatenate(found) if found else np.empty(0)


def _chunk(values: Numbers, targets: Numbers, is_binary: bool) -> Numbers:
    ranks = _ranks(np.ascontiguousarray(values.T))
    known, seen = (~np.isnan(ranks)) * 1.0, (~np.isnan(targets)) * 1.0
    r, y = np.nan_to_num(ranks), np.nan_to_num(targets)
    n, sum_y = known @ seen, known @ y
    with np.errstate(divide="ignore", invalid="ignore"):
        if is_binary:
            without = n - sum_y
            area = (r @ y - sum_y * (sum_y + 1.0) / 2.0) / (sum_y * without)
            found = np.where((sum_y >= _CELL) & (without >= _CELL), np.maximum(area, 1.0 - area), np.nan)
        else:
            both = r @ y - (r @ seen) * sum_y / n
            spread = (r**2 @ seen - (r @ seen) ** 2 / n) * (known @ y**2 - sum_y**2 / n)
            found = np.where((n >= _FEWEST) & (spread > 1e-9), np.abs(both) / np.sqrt(spread), np.nan)
    return np.nan_to_num(found, nan=-np.inf).max(axis=1, initial=-np.inf)


def recorded_strengths(values: Numbers, outcomes: Numbers) -> Numbers:
    """How well the outcome tells who has a column (n, p): an AUC (0.5 to 1), the largest over outcomes.

    -inf where fewer than ten have it, or lack it.
    """
    known = ~np.isnan(values)
    gappy = np.flatnonzero(~known.all(axis=0))
    first, same = _patterns(known[:, gappy])
    patterns, best = known[:, gappy[first]].astype(np.float64), np.full(len(first), -np.inf)
    for observed in outcomes.T:
        there = ~np.isnan(observed)
        ranks, own = rankdata(observed[there]), patterns[there]
        n_with = own.sum(axis=0)
        n_without = there.sum() - n_with
        with np.errstate(divide="ignore", invalid="ignore"):
            area = (ranks @ own - n_with * (n_with + 1.0) / 2.0) / (n_with * n_without)
        enough = (n_with >= _CELL) & (n_without >= _CELL)
        told = np.where(enough, np.maximum(area, 1.0 - area), -np.inf)
        best = np.maximum(best, told)
    found = np.full(values.shape[1], -np.inf)
    found[gappy] = best[same]
    return found


def _patterns(known: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first column of each pattern of what is known (n, p), and which pattern each column has."""
    numbers: dict[bytes, int] = {}
    same = [numbers.setdefault(own.tobytes(), len(numbers)) for own in np.packbits(known.T, axis=1)]
    first = np.unique(np.array(same, dtype=np.int64), return_index=True)[1]
    return first, np.array(same, dtype=np.int64)


def _ranks(rows: Numbers) -> Numbers:
    """Average ranks within each row (p, n), from 1; NaN stays NaN."""
    p, n = rows.shape
    order = np.argsort(rows, axis=1)
    ordered = np.take_along_axis(rows, order, axis=1)
    starts = np.ones((p, n), dtype=bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    at = np.arange(n)
    first = np.maximum.accumulate(np.where(starts, at, 0), axis=1)
    ends = np.ones((p, n), dtype=bool)
    ends[:, :-1] = starts[:, 1:]
    last = np.minimum.accumulate(np.where(ends, at, n)[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty((p, n))
    np.put_along_axis(ranks, order, (first + last) / 2.0 + 1.0, axis=1)
    ranks[np.isnan(rows)] = np.nan
    return ranks
