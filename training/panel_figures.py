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
_N_RESAMPLES, _SEED, _FEWEST = 200, 20090219, 10


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
    chosen = np.flatnonzero(np.ones(len(observed), dtype=bool) if rows is None else rows)
    rng = np.random.default_rng(_SEED)
    draws = [chosen, *(rng.choice(chosen, len(chosen)) for _ in range(_N_RESAMPLES))]
    found = np.array([_means(observed, repeats, draw) for draw in draws])
    named = zip(("spearman", "mae", "coverage90"), found.T, strict=True)
    return told({name: _with_interval(values) for name, values in named})


def _with_interval(values: Numbers) -> tuple[float, float, float]:
    spread = values[1:][np.isfinite(values[1:])]
    ends = np.percentile(spread, [2.5, 97.5]) if len(spread) else (np.nan, np.nan)
    return float(values[0]), float(ends[0]), float(ends[1])


def difference_figure(observed: Numbers, repeats: Sequence[Repeat], others: Sequence[Repeat]) -> Figure:
    """How much higher the mean Spearman correlation is than another's, patients redrawn for both alike."""
    rng = np.random.default_rng(_SEED)
    everybody = np.arange(len(observed))
    draws = [everybody, *(rng.choice(everybody, len(everybody)) for _ in range(_N_RESAMPLES))]
    found = np.array([_means(observed, repeats, d)[0] - _means(observed, others, d)[0] for d in draws])
    return told({"spearman": _with_interval(np.array(found))})["spearman"]


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


def _means(observed: Numbers, repeats: Sequence[Repeat], rows: NDArray[np.int64]) -> Numbers:
    """Mean Spearman, mean absolute error, and coverage in percent over drugs and repeats."""
    correlations, errors, held = [], [], []
    for repeat in repeats:
        truth, answered = observed[rows], repeat.answered[rows]
        columns = zip(truth.T, answered.T, strict=True)
        correlations.append(_mean([spearman(*pair) for pair in columns]))
        errors.append(_mean(np.abs(answered - truth).ravel()))
        held.append(100.0 * _mean(repeat.held[rows].ravel()))
    return np.array([_mean(correlations), _mean(errors), _mean(held)])


def _mean(values: Sequence[float] | Numbers) -> float:
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float("nan")
