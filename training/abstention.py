"""How well answers do when the least sure are not given: figures against the share of patients answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.holdout import MODEL, HeldOut
from training.measures import Measures
from training.redraw import SMALLEST_CELL
from training.study_parts import Protocol

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]


def abstention_section(
    protocol: Protocol, held: Sequence[HeldOut], measures: Measures, observed: Numbers, *, is_binary: bool
) -> list[dict[str, object]]:
    """By share answered (`share`, `n` patients) the model's figures; the widest intervals go first.

    Answers of the same width go together, so a share may be larger than was asked for. A point is told of ten
    patients or more, of an event with ten who had it and ten who had not.
    """
    widths = np.concatenate([h.width for h in held])
    points: list[dict[str, object]] = []
    told: set[float] = set()
    for asked in SHARES:
        widest = np.sort(widths)[max(int(np.ceil(asked * len(widths))) - 1, 0)]
        share = round(float((widths <= widest).mean()), 4)
        kept = [_kept(h, h.width <= widest) for h in held]
        if share in told or _smallest(kept, observed, is_binary=is_binary) < SMALLEST_CELL:
            continue
        told.add(share)
        n = len(np.unique(np.concatenate([h.split.test for h in kept])))
        points.append({"share": share, "n": n, **measures.quick_figures(protocol, kept, MODEL)})
    return points


def _kept(held: HeldOut, rows: Mask) -> HeldOut:
    """The same split, of these of its patients (n_test,) only."""
    return replace(
        held,
        split=replace(held.split, test=held.split.test[rows]),
        answers={who: own[rows] for who, own in held.answers.items()},
        held=held.held[rows],
        decided=held.decided[rows],
        covered=held.covered[rows],
        width=held.width[rows],
    )


def _smallest(kept: Sequence[HeldOut], observed: Numbers, *, is_binary: bool) -> int:
    """The number of patients, of an event of those who had it or had not, whichever is fewer."""
    patients = np.unique(np.concatenate([h.split.test for h in kept]))
    if not is_binary:
        return len(patients)
    had = int((observed[patients] > 0.5).sum())
    return min(had, len(patients) - had)
