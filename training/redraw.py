"""Held-out answers row by row, and 95% intervals of what is averaged over them that redraw patients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from training.holdout import HeldOut
from training.statistics import Figure, told

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]
SMALLEST_CELL = 10
_N_RESAMPLES, _SEED, _KEPT = 500, 20090219, 8


@dataclass(frozen=True)
class Rows:
    """Every held-out answer of one protocol: whose (m,), what was observed (m,), what was answered by whom
    (m,), and whether the interval or set of each level held it (m, levels). `n` counts the cohort."""

    n: int
    patients: Index
    observed: Numbers
    answers: Mapping[str, Numbers]
    covered: Numbers

    @property
    def n_patients(self) -> int:
        """How many patients were answered for."""
        return len(np.unique(self.patients))


def pooled(held: Sequence[HeldOut], observed: Numbers) -> Rows:
    """The rows of every split; a patient who is held out several times has as many."""
    patients = np.concatenate([h.split.test for h in held])
    answers = {who: np.concatenate([h.answers[who] for h in held]) for who in held[0].answers}
    return Rows(
        len(observed), patients, observed[patients], answers, np.concatenate([h.covered for h in held])
    )


@lru_cache(maxsize=_KEPT)
def draws(n: int, n_resamples: int = _N_RESAMPLES) -> Numbers:
    """How often each of `n` patients is drawn (resamples + 1, n); the first row is everybody once.

    Groups of one size are drawn alike, so the last few are kept; they cannot be written to.
    """
    drawn = np.random.default_rng(_SEED).multinomial(n, np.full(n, 1.0 / n), size=n_resamples)
    counted = np.vstack([np.ones(n), drawn])
    counted.setflags(write=False)
    return counted


def redrawn(rows: Rows, values: Numbers, drawn: Numbers, chosen: Mask | None = None) -> Numbers:
    """The mean (draws, k) of each column of values (m, k), over the rows in `chosen` (m,) or all."""
    kept = np.ones(len(values), dtype=bool) if chosen is None else chosen
    whose = rows.patients[kept]
    sums = np.column_stack([np.bincount(whose, own, rows.n) for own in values[kept].T])
    counts = np.bincount(whose, minlength=rows.n).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (drawn @ sums) / (drawn @ counts)[:, None]


def refitted(rows: Rows, drawn: Numbers, fit: Callable[[Numbers], float]) -> Numbers:
    """What `fit` finds (draws,) when each row counts as often as its patient was drawn (m,)."""
    return np.array([fit(own[rows.patients]) for own in drawn])


def figure(values: Numbers) -> Figure | None:
    """The first of values (draws,) and the 95% interval of the others; None where there is no value."""
    spread = values[1:][np.isfinite(values[1:])]
    ends = np.percentile(spread, [2.5, 97.5]) if len(spread) else (np.nan, np.nan)
    return told({"it": (float(values[0]), float(ends[0]), float(ends[1]))}).get("it")


def figures(names: Sequence[str], values: Numbers) -> dict[str, Figure]:
    """Each column of values (draws, k) as a figure by its name; what has no value is left out."""
    named = {name: figure(own) for name, own in zip(names, values.T, strict=True)}
    return {name: own for name, own in named.items() if own is not None}
