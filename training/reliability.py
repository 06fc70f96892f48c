"""Whether answers mean what they say: what was observed among patients answered alike, slope, and coverage.

A calibration slope below 1 says that answers are too extreme. Of probabilities it is that of a logistic
regression on the log-odds, and the intercept is calibration in the large, with the slope held at 1
(doi:10.1016/j.jclinepi.2015.12.005); of quantities both are of a least-squares line.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.calibration import fit_calibration
from models.summaries import wilson
from training.coverage import coverage_section
from training.holdout import MODEL
from training.redraw import SMALLEST_CELL, Rows, draws, figure, redrawn, refitted
from training.statistics import Figure

Numbers = NDArray[np.float64]
_GROUPS, _PER_GROUP = 10, 20
_N_FITS, _EDGE, _STEPS = 200, 1e-6, 50


def calibration_section(rows: Rows, levels: Mapping[str, NDArray], *, is_binary: bool) -> dict[str, object]:
    """`groups` of patients answered alike, `slope`, `intercept` and `coverage`; of probabilities also
    `brier` and `ece`, the mean gap of the groups, which redrawing only widens and so has no interval.

    Nothing is told of fewer than ten patients.
    """
    if rows.n_patients < SMALLEST_CELL:
        return {}
    drawn = draws(rows.n)
    answered = rows.answers[MODEL]
    members = _groups(answered, rows)
    told: dict[str, object] = {"n": rows.n_patients}
    if is_binary:
        told |= _of_probabilities(rows, answered, members, drawn)
    else:
        told |= _of_quantities(rows, answered, drawn)
    told["groups"] = [_group(rows, answered, own, drawn, is_binary=is_binary) for own in members]
    return {**told, "coverage": coverage_section(rows, levels, drawn)}


def _groups(answered: Numbers, rows: Rows) -> list[NDArray[np.bool_]]:
    """Rows of like answers, at most ten groups of twenty patients or more; the same answer stays together."""
    n_groups = max(min(_GROUPS, rows.n_patients // _PER_GROUP), 1)
    edges = np.unique(np.quantile(answered, np.linspace(0.0, 1.0, n_groups + 1)[1:-1]))
    place = np.searchsorted(edges, answered)
    return [place == i for i in np.unique(place) if _n(rows, place == i) >= SMALLEST_CELL]


def _n(rows: Rows, own: NDArray[np.bool_]) -> int:
    """How many patients these rows are worth, each counted by the share of their answers that is here."""
    return round(float(own.sum()) * rows.n_patients / len(rows.patients))


def _group(
    rows: Rows, answered: Numbers, own: NDArray[np.bool_], drawn: Numbers, *, is_binary: bool
) -> dict[str, object]:
    n = _n(rows, own)
    observed: Figure | None
    if is_binary:
        rate = float(rows.observed[own].mean())
        lower, upper = wilson(rate, n)
        observed = {"value": round(rate, 6), "lower": lower, "upper": upper}
    else:
        observed = figure(redrawn(rows, rows.observed[:, None], drawn, own)[:, 0])
    return {"n": n, "answered": round(float(answered[own].mean()), 6), "observed": observed}


def _of_probabilities(
    rows: Rows, answered: Numbers, members: list[NDArray[np.bool_]], drawn: Numbers
) -> dict[str, object]:
    clipped = np.clip(answered, _EDGE, 1.0 - _EDGE)
    margin = np.log(clipped) - np.log1p(-clipped)
    few = drawn[: _N_FITS + 1]
    gaps = [abs(float((rows.observed - answered)[own].sum())) for own in members]
    ece = sum(gaps) / sum(int(own.sum()) for own in members)
    found: dict[str, Figure | None] = {
        "ece": {"value": round(ece, 6), "lower": None, "upper": None},
        "brier": figure(redrawn(rows, np.square(rows.observed - answered)[:, None], drawn)[:, 0]),
        "intercept": figure(refitted(rows, few, lambda w: _in_the_large(margin, rows.observed, w))),
    }
    if np.ptp(margin) > _EDGE:
        slopes = refitted(rows, few, lambda w: fit_calibration(margin, rows.observed, 1e-6, w)[1])
        found["slope"] = figure(slopes)
    return {name: own for name, own in found.items() if own is not None}


def _in_the_large(margin: Numbers, observed: Numbers, weights: Numbers) -> float:
    """The shift of the log-odds that makes the mean answer the rate observed; Newton's method."""
    shift = 0.0
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(margin + shift, -700.0, 700.0)))
        step = float((weights * (observed - p)).sum() / max((weights * p * (1.0 - p)).sum(), _EDGE))
        shift += min(max(step, -2.0), 2.0)
        if abs(step) < _EDGE:
            break
    return shift


def _of_quantities(rows: Rows, answered: Numbers, drawn: Numbers) -> dict[str, object]:
    x, y = answered, rows.observed
    if np.ptp(x) < _EDGE:
        return {}
    mean_x, mean_y, mean_xy, mean_xx = redrawn(rows, np.column_stack([x, y, x * y, x * x]), drawn).T
    slope = (mean_xy - mean_x * mean_y) / (mean_xx - np.square(mean_x))
    return {"slope": figure(slope), "intercept": figure(mean_y - slope * mean_x)}
