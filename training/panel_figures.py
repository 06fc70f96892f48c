"""Figures of a panel's held-out answers: how well each drug orders its patients, and what intervals hold.

Spearman's correlation is of all out-of-fold answers of one repeat, drug by drug, then averaged over drugs and
repeats; its interval redraws patients, each with all that was measured of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from training.statistics import Figure, told

Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]
_N_RESAMPLES, _SEED, _FEWEST, _TINY = 500, 20090219, 10, 1e-12


@dataclass(frozen=True)
class Repeat:
    """One repeat's held-out answers (patients, drugs), NaN where nobody answered, and whether each interval
    held what was observed (NaN where there are none)."""

    answered: Numbers
    held: Numbers


def spearman(observed: Numbers, answered: Numbers) -> float:
    """Spearman's correlation of the pairs in which both are known; NaN under ten pairs or without variation.

    >>> spearman(np.arange(12.0), np.arange(12.0) ** 3)
    1.0
    """
    known = ~(np.isnan(observed) | np.isnan(answered))
    if known.sum() < _FEWEST:
        return float("nan")
    one, other = rankdata(observed[known]), rankdata(answered[known])
    one, other = one - one.mean(), other - other.mean()
    norm = np.sqrt((one @ one) * (other @ other))
    return round(float(one @ other / norm), 12) if norm > 0 else float("nan")


def panel_figures(
    observed: Numbers, repeats: Sequence[Repeat], rows: Mask | None = None
) -> dict[str, Figure]:
    """Means over drugs and repeats with 95% intervals: `spearman`, `mae` and, of a model, `coverage90`.

    `observed` is (patients, drugs); `rows` (patients,) chooses some of them.
    """
    named = zip(("spearman", "mae", "coverage90"), _drawn_means(observed, repeats, rows), strict=True)
    return told({name: _with_interval(values) for name, values in named})


def difference_figure(observed: Numbers, repeats: Sequence[Repeat], others: Sequence[Repeat]) -> Figure:
    """How much higher the mean Spearman correlation is than another's, patients redrawn for both alike."""
    own, other = (_drawn_means(observed, each, None)[0] for each in (repeats, others))
    return told({"spearman": _with_interval(own - other)})["spearman"]


def _with_interval(values: Numbers) -> tuple[float, float, float]:
    spread = values[1:][np.isfinite(values[1:])]
    ends = np.percentile(spread, [2.5, 97.5]) if len(spread) else (np.nan, np.nan)
    return float(values[0]), float(ends[0]), float(ends[1])


def drug_figures(
    observed: Numbers, by_who: Mapping[str, Sequence[Repeat]], drugs: Sequence[str], model: str
) -> dict[str, dict[str, Any]]:
    """By drug: how many patients, each one's mean Spearman correlation, the model's error and coverage."""
    found: dict[str, dict[str, Any]] = {}  # Any: a count, or figures by who gave the answers
    for i, (drug, truth) in enumerate(zip(drugs, observed.T, strict=True)):
        own: dict[str, Any] = {"n": int((~np.isnan(truth)).sum())}
        for who, repeats in by_who.items():
            value = float(np.mean([spearman(truth, repeat.answered[:, i]) for repeat in repeats]))
            own[who] = {"spearman": round(value, 6)} if np.isfinite(value) else {}
        mae = _mean([_mean(np.abs(r.answered[:, i] - truth)) for r in by_who[model]])
        held = _mean([100.0 * _mean(r.held[:, i]) for r in by_who[model]])
        own[model] |= {
            name: round(v, 6) for name, v in (("mae", mae), ("coverage90", held)) if np.isfinite(v)
        }
        found[drug] = own
    return found


def _drawn_means(observed: Numbers, repeats: Sequence[Repeat], rows: Mask | None) -> Numbers:
    """Mean Spearman, mean absolute error and coverage in percent (3, draws + 1), first of everybody.

    Ranks are given once, among the patients chosen, and a draw counts each patient's pair of ranks as often
    as the patient was drawn.
    """
    chosen = np.flatnonzero(np.ones(len(observed), dtype=bool) if rows is None else rows)
    n = len(chosen)
    draws = np.random.default_rng(_SEED).multinomial(n, np.full(n, 1.0 / n), size=_N_RESAMPLES)
    weights = np.vstack([np.ones(n), draws])
    found = np.array([_weighted(observed[chosen], repeat, chosen, weights) for repeat in repeats])
    known = (~np.isnan(found)).sum(axis=0)
    return np.where(
        known > 0, np.where(np.isnan(found), 0.0, found).sum(axis=0) / np.maximum(known, 1), np.nan
    )


def _weighted(observed: Numbers, repeat: Repeat, chosen: NDArray[np.int64], weights: Numbers) -> Numbers:
    answered, held = repeat.answered[chosen], repeat.held[chosen]
    error = _weighted_mean(np.abs(answered - observed), weights)
    return np.array(
        [_weighted_spearman(observed, answered, weights), error, 100.0 * _weighted_mean(held, weights)]
    )


def _weighted_mean(values: Numbers, weights: Numbers) -> Numbers:
    """The mean (draws,) over every known cell of values (n, drugs)."""
    known = ~np.isnan(values)
    total, counted = weights @ np.where(known, values, 0.0), weights @ known
    summed, n = total.sum(axis=1), counted.sum(axis=1)
    return np.where(n > 0, summed / np.maximum(n, 1.0), np.nan)


def _weighted_spearman(observed: Numbers, answered: Numbers, weights: Numbers) -> Numbers:
    """The mean over drugs (draws,) of ranks' correlation, patients counted by weights (draws, n)."""
    known = ~(np.isnan(observed) | np.isnan(answered))
    known &= known.sum(axis=0) >= _FEWEST
    one, other = (_ranks(values, known) for values in (observed, answered))
    n = weights @ known
    count = np.maximum(n, 1.0)
    mean_one, mean_other = (weights @ one) / count, (weights @ other) / count
    both = (weights @ (one * other)) / count - mean_one * mean_other
    spread_one = (weights @ np.square(one)) / count - np.square(mean_one)
    spread_other = (weights @ np.square(other)) / count - np.square(mean_other)
    varies = (spread_one > _TINY) & (spread_other > _TINY) & (n > 0)
    scale = np.sqrt(np.where(varies, spread_one * spread_other, 1.0))
    total, drugs = np.where(varies, both / scale, 0.0).sum(axis=1), varies.sum(axis=1)
    return np.where(drugs > 0, total / np.maximum(drugs, 1), np.nan)


def _ranks(values: Numbers, known: Mask) -> Numbers:
    """Centred ranks among the known of each column, in shares of the column; 0 elsewhere."""
    ranks = np.zeros(values.shape)
    for i, own in enumerate(known.T):
        if own.any():
            ranks[own, i] = (rankdata(values[own, i]) - (own.sum() + 1) / 2.0) / own.sum()
    return ranks


def _mean(values: Sequence[float] | Numbers) -> float:
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float("nan")
