"""How far groups of patients lie apart in a figure, and how surely, when patients are redrawn.

Of several groups the two that lie farthest apart were found by looking, so their interval is widened for all
the pairs that were looked at: the largest studentised deviation over pairs takes the place of 1.96
(Romano and Wolf 2005, doi:10.1111/j.1468-0262.2005.00615.x). An interval above 0 is a gap that was not
found by looking long enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from training.statistics import Figure

Numbers = NDArray[np.float64]
N_RESAMPLES = 1000
_LEVEL, _FEWEST = 0.95, 100


def redrawn(n_patients: int, seed: int) -> Numbers:
    """How often each patient is drawn (resamples + 1, n); the first row is the cohort as it is."""
    rng = np.random.default_rng([seed, 4])
    even = np.full(n_patients, 1.0 / n_patients)
    return np.vstack([np.ones(n_patients), rng.multinomial(n_patients, even, size=N_RESAMPLES)])


def interval(found: Numbers) -> Figure:
    """A figure (resamples + 1,) with the middle 95% of its resamples."""
    spread = found[1:][np.isfinite(found[1:])]
    ends = np.percentile(spread, [2.5, 97.5]) if len(spread) >= _FEWEST else (np.nan, np.nan)
    return _figure(found[0], *ends)


def gap(names: Sequence[str], found: Numbers, *, with_ratio: bool) -> dict[str, object]:
    """Difference and ratio of the highest and the lowest of groups (resamples + 1, g), and which they are.

    The ratio is the lowest to the highest; there is none of a figure that is 0 or may be negative.
    """
    order = np.argsort(found[0], kind="stable")
    told: dict[str, object] = {"difference": widest(pairwise(found))}
    if with_ratio and (found[0] > 0).all():
        with np.errstate(divide="ignore", invalid="ignore"):
            told["ratio"] = _inverse(widest(pairwise(np.log(found))))
    return {**told, "highest": names[int(order[-1])], "lowest": names[int(order[0])]}


def pairwise(found: Numbers) -> Numbers:
    """Differences (resamples + 1, pairs) of every two groups (resamples + 1, g)."""
    with np.errstate(invalid="ignore"):
        return np.column_stack([found[:, i] - found[:, j] for i, j in combinations(range(found.shape[1]), 2)])


def widest(differences: Numbers) -> Figure:
    """The largest difference (resamples + 1, pairs), with an interval that allows for the search."""
    seen, resampled = differences[0], differences[1:][np.isfinite(differences[1:]).all(axis=1)]
    j = int(np.argmax(np.abs(seen)))
    value = float(abs(seen[j]))
    if len(resampled) < _FEWEST:
        return _figure(value, np.nan, np.nan)
    error = resampled.std(axis=0, ddof=1)
    deviation = np.abs(resampled - seen) / np.where(error > 0, error, np.inf)
    half = float(np.quantile(deviation.max(axis=1), _LEVEL) * error[j])
    return _figure(value, value - half, value + half)


def _inverse(apart: Figure) -> Figure:
    """The ratio of lowest to highest from how far their logarithms lie apart."""
    ends = {end: np.nan if number is None else np.exp(-number) for end, number in apart.items()}
    return _figure(ends["value"], ends["upper"], ends["lower"])


def _figure(value: float, lower: float, upper: float) -> Figure:
    numbers = [round(float(x), 6) if np.isfinite(x) else None for x in (value, lower, upper)]
    return dict(zip(("value", "lower", "upper"), numbers, strict=True))
