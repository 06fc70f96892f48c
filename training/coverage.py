"""How often intervals, or sets of possible outcomes, hold what was observed: by level and by subgroup."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from training.holdout import LEVELS
from training.redraw import SMALLEST_CELL, Rows, figures, redrawn
from training.statistics import Figure

Numbers = NDArray[np.float64]
NAMES = tuple(f"{100 * level:g}" for level in LEVELS)


def coverage_section(rows: Rows, levels: Mapping[str, NDArray], drawn: Numbers) -> dict[str, object]:
    """Percent held at each of `LEVELS` with 95% intervals, over everybody and by each variable of `levels`.

    `levels` holds each patient's label (n,) by variable; fewer than ten patients are not told.
    """
    by: dict[str, dict[str, object]] = {}
    for variable, labels in levels.items():
        own = labels[rows.patients]
        by[variable] = {}
        for label in sorted(set(own.tolist())):
            n = len(np.unique(rows.patients[own == label]))
            if n >= SMALLEST_CELL:
                by[variable][label] = {"n": n, **_held(rows, drawn, own == label)}
    return {"levels": list(NAMES), "overall": _held(rows, drawn, None), "by": by}


def _held(rows: Rows, drawn: Numbers, chosen: NDArray[np.bool_] | None) -> dict[str, Figure]:
    return figures(NAMES, 100.0 * redrawn(rows, rows.covered, drawn, chosen))
