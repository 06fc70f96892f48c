"""Figures of held-out answers and how sure they are: sums by split, then metrics with 95% intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Numbers = NDArray[np.float64]
Figure = dict[str, float | None]

METRICS = ("mae", "r2", "within20", "coverage90")
_N_RESAMPLES, _SEED = 2000, 20090219
_N_SUMS = 7


def tally(observed: Numbers, answered: Numbers, held: Numbers | None) -> Numbers:
    """Sums over patients from which every metric follows, so that splits and sites can be pooled.

    `held` (n,) is 1 where the interval held what was observed; None where there are no intervals.
    """
    error = np.abs(answered - observed)
    covered = np.nan if held is None else float(held.sum())
    return np.array(
        [
            len(observed),
            error.sum(),
            np.square(error).sum(),
            observed.sum(),
            np.square(observed).sum(),
            (error <= 0.2 * observed).sum(),
            covered,
        ],
        dtype=np.float64,
    )


def tallies_each(observed: Numbers, answered: Numbers, held: Numbers | None) -> Numbers:
    """A tally for each patient (n, 7); one of nobody where there are none."""
    if not len(observed):
        return np.zeros((1, _N_SUMS))
    error = np.abs(answered - observed)
    covered = np.full(len(observed), np.nan) if held is None else held
    one = np.ones(len(observed))
    sums = (one, error, error**2, observed, observed**2, (error <= 0.2 * observed) * 1.0, covered)
    return np.column_stack(sums)


def metrics(tallies: Numbers) -> dict[str, Numbers]:
    """Each metric (k,) of tallies (k, 7); NaN where it is not defined."""
    n, absolute, squared, total, square_total, within, covered = tallies.reshape(-1, _N_SUMS).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "mae": absolute / n,
            "r2": 1.0 - squared / (square_total - np.square(total) / n),
            "within20": 100.0 * within / n,
            "coverage90": 100.0 * covered / n,
        }


def repeated_split_figures(tallies: Numbers, test_share: float) -> dict[str, Figure]:
    """Means over repeated random splits (k, 7), with the corrected resampled t interval.

    The splits overlap, so the plain variance is too small; Nadeau and Bengio add the ratio of test to
    training patients. doi:10.1023/A:1024068626366
    """
    found = metrics(tallies[tallies[:, 0] > 0])
    ratio = test_share / (1.0 - test_share)
    return told(
        {name: _corrected_interval(values[np.isfinite(values)], ratio) for name, values in found.items()}
    )


def _corrected_interval(values: Numbers, ratio: float) -> tuple[float, float, float]:
    k = len(values)
    if k == 0:
        return np.nan, np.nan, np.nan
    if k == 1:
        return float(values[0]), np.nan, np.nan
    half = student.ppf(0.975, k - 1) * np.sqrt((1.0 / k + ratio) * values.var(ddof=1))
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def clustered_figures(tallies: Numbers) -> dict[str, Figure]:
    """Pooled over groups (k, 7) held out in turn, with a bootstrap interval that redraws whole groups."""
    k = len(tallies)
    drawn = np.random.default_rng(_SEED).multinomial(k, np.full(k, 1.0 / k), size=_N_RESAMPLES)
    pooled, resampled = metrics(tallies.sum(axis=0)), metrics(drawn @ tallies)
    figures = {}
    for name, value in pooled.items():
        spread = resampled[name][np.isfinite(resampled[name])]
        ends = np.percentile(spread, [2.5, 97.5]) if k > 1 and len(spread) else (np.nan, np.nan)
        figures[name] = float(value[0]), float(ends[0]), float(ends[1])
    return told(figures)


def mae_gain(tallies: Numbers, others: Numbers, test_share: float | None) -> Figure:
    """How much lower the mean absolute error of `tallies` (k, 7) is than that of `others`, part by part.

    Of repeated splits that hold out `test_share` the corrected interval; with None parts are pooled, and
    redrawn for both alike.
    """
    if test_share is not None:
        kept = tallies[:, 0] > 0
        gains = metrics(others[kept])["mae"] - metrics(tallies[kept])["mae"]
        return told({"gain": _corrected_interval(gains, test_share / (1.0 - test_share))}).get("gain", {})
    k = len(tallies)
    drawn = np.random.default_rng(_SEED).multinomial(k, np.full(k, 1.0 / k), size=_N_RESAMPLES)
    pooled = metrics(others.sum(axis=0))["mae"] - metrics(tallies.sum(axis=0))["mae"]
    spread = metrics(drawn @ others)["mae"] - metrics(drawn @ tallies)["mae"]
    ends = np.nanpercentile(spread, [2.5, 97.5]) if k > 1 else (np.nan, np.nan)
    return told({"gain": (float(pooled[0]), float(ends[0]), float(ends[1]))}).get("gain", {})


def told(figures: Mapping[str, tuple[float, float, float]]) -> dict[str, Figure]:
    """Metrics that have a value, rounded; an interval that cannot be given is None."""
    told: dict[str, Figure] = {}
    for name, numbers in figures.items():
        if np.isfinite(numbers[0]):
            rounded = [round(number, 6) if np.isfinite(number) else None for number in numbers]
            told[name] = dict(zip(("value", "lower", "upper"), rounded, strict=True))
    return told
