"""Figures of held-out probabilities: discrimination, calibration, and sets that hold what happened.

The AUC counts pairs of patients held out together, one with the event and one without, so that only answers
of the same model are compared; within a group (such as a trial's arm) it counts pairs of that group alone
(doi:10.1148/radiology.143.1.7063747). Intervals redraw patients, each with all the answers they were given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.calibration import fit_calibration
from training.statistics import Figure, told

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]

METRICS = ("auc", "auc_within", "brier", "brier_skill", "log_loss", "slope", "coverage90", "decided")
_N_RESAMPLES, _N_SLOPES, _SEED, _EDGE = 1000, 100, 20090219, 1e-6


@dataclass(frozen=True)
class HeldOutProbabilities:
    """One split's held-out patients: positions in the cohort, what happened (0, 1), and probabilities.

    `held` says whether the set of possible outcomes held what happened, `decided` whether it named one
    outcome alone; NaN where there are no sets. `groups` is what `auc_within` stays within.
    """

    patients: Index
    observed: Numbers
    answered: Numbers
    held: Numbers
    decided: Numbers
    groups: NDArray


def auc(observed: Numbers, answered: Numbers) -> float:
    """The share of pairs, one with the event and one without, that are answered in the right order.

    >>> auc(np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.7, 0.2]))
    0.75
    """
    right = _right(observed, answered)
    return float(right.mean()) if right.size else float("nan")


def _right(observed: Numbers, answered: Numbers) -> Numbers:
    """Of each pair (with the event, without it) 1 when it is in order and a half when it is tied."""
    high, low = answered[observed > 0.5][:, None], answered[observed <= 0.5][None, :]
    return (high > low) + 0.5 * (high == low)


def probability_figures(
    held: Sequence[HeldOutProbabilities], n_patients: int, *, with_slope: bool = True
) -> dict[str, Figure]:
    """Every metric with a 95% bootstrap interval over patients; `n_patients` counts the cohort.

    `brier_skill` is 1 - Brier / Brier of the base rate; `slope` that of a logistic regression of what
    happened on the log-odds answered (1 is calibrated), and costs the most; `coverage90` and `decided` are
    percent.
    """
    held = [h for h in held if len(h.patients)]
    if not held:
        return {}
    drawn = _drawn(n_patients)
    found = {**_pairwise(held, drawn), **_average(held, drawn)}
    if with_slope:
        found["slope"] = _slope(held, drawn[: _N_SLOPES + 1])
    return told({name: _with_interval(values) for name, values in found.items()})


def auc_of(held: Sequence[HeldOutProbabilities]) -> float:
    """The AUC over pairs held out together, within groups where there are several, of the cohort as it is."""
    n = 1 + max(int(h.patients.max()) for h in held)
    found = _pairwise(held, np.ones((1, n)))
    return float(found.get("auc_within", found["auc"])[0])


def auc_gain(
    held: Sequence[HeldOutProbabilities], other: Sequence[HeldOutProbabilities], n_patients: int
) -> Figure:
    """How much higher the AUC of `held` is than that of `other`, of the same patients in the same splits.

    The interval redraws patients for both alike.
    """
    drawn = _drawn(n_patients)
    own, others = (_pairwise([h for h in who if len(h.patients)], drawn)["auc"] for who in (held, other))
    return told({"gain": _with_interval(own - others)}).get("gain", {})


def _drawn(n_patients: int) -> Numbers:
    """How often each patient is drawn (resamples + 1, n); the first row is the cohort as it is."""
    rng = np.random.default_rng(_SEED)
    resamples = rng.multinomial(n_patients, np.full(n_patients, 1.0 / n_patients), size=_N_RESAMPLES)
    return np.vstack([np.ones(n_patients), resamples]).astype(np.float64)


def _with_interval(values: Numbers) -> tuple[float, float, float]:
    spread = values[1:][np.isfinite(values[1:])]
    ends = np.percentile(spread, [2.5, 97.5]) if len(spread) else (np.nan, np.nan)
    return float(values[0]), float(ends[0]), float(ends[1])


def _pairwise(held: Sequence[HeldOutProbabilities], drawn: Numbers) -> dict[str, Numbers]:
    every, within = np.zeros((2, len(drawn))), np.zeros((2, len(drawn)))
    several = any(len(np.unique(h.groups.astype(str))) > 1 for h in held)
    for h in held:
        every += weighted_pairs(h.observed, h.answered, drawn[:, h.patients])
        if several:
            labels = h.groups.astype(str)
            for label in np.unique(labels):
                own = labels == label
                within += weighted_pairs(h.observed[own], h.answered[own], drawn[:, h.patients[own]])
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {"auc": every[0] / every[1]}
        return found | {"auc_within": within[0] / within[1]} if several else found


def weighted_pairs(observed: Numbers, answered: Numbers, weights: Numbers) -> Numbers:
    """Pairs in order and all pairs (2, resamples), each pair as often as its patients were drawn."""
    event = observed > 0.5
    high, low = weights[:, event], weights[:, ~event]
    in_order = ((high @ _right(observed, answered)) * low).sum(axis=1)
    return np.array([in_order, high.sum(axis=1) * low.sum(axis=1)])


def _average(held: Sequence[HeldOutProbabilities], drawn: Numbers) -> dict[str, Numbers]:
    patients = np.concatenate([h.patients for h in held])
    observed = np.concatenate([h.observed for h in held])
    answered = np.clip(np.concatenate([h.answered for h in held]), _EDGE, 1.0 - _EDGE)
    columns = {
        "brier": np.square(answered - observed),
        "log_loss": -np.where(observed > 0.5, np.log(answered), np.log1p(-answered)),
        "coverage90": 100.0 * np.concatenate([h.held for h in held]),
        "decided": 100.0 * np.concatenate([h.decided for h in held]),
        "rate": observed,
    }
    told_columns = {name: column for name, column in columns.items() if not np.isnan(column).all()}
    weights = drawn[:, patients]
    means = {name: weights @ column / weights.sum(axis=1) for name, column in told_columns.items()}
    rate = means.pop("rate")
    with np.errstate(divide="ignore", invalid="ignore"):
        means["brier_skill"] = 1.0 - means["brier"] / (rate * (1.0 - rate))
    return means


def _slope(held: Sequence[HeldOutProbabilities], drawn: Numbers) -> Numbers:
    patients = np.concatenate([h.patients for h in held])
    observed = np.concatenate([h.observed for h in held])
    answered = np.clip(np.concatenate([h.answered for h in held]), _EDGE, 1.0 - _EDGE)
    margin = np.log(answered) - np.log1p(-answered)
    if np.ptp(margin) < _EDGE or len(np.unique(observed)) < 2:
        return np.full(len(drawn), np.nan)
    return np.array([fit_calibration(margin, observed, 1e-6, row[patients])[1] for row in drawn])
