"""Earlier patients to learn from and later ones to answer for, by a date or number of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.cohort import Texts
from features.errors import CohortError
from features.readers.index_date import last_date
from training.study_parts import Protocol

Index = NDArray[np.int64]
Numbers = NDArray[np.float64]


def periods(protocol: Protocol, labels: Texts) -> list[tuple[str, Index, Index]]:
    """(name, earlier, later) of each cut; a patient whose label (n,) is None stands in neither part.

    A patient of the day of a cut is later. Labels are all numbers, or all dates (of which `2020-05` is its
    last day); a study without cuts gets them where they part patients most evenly.
    """
    known = np.array(
        [label is not None and str(label).strip() != "" for label in labels.tolist()], dtype=bool
    )
    texts = [str(label).strip() for label in labels[known].tolist()]
    moments = _moments([*texts, *protocol.cuts])
    if moments is None:
        what = f"the labels of {protocol.group}, or its cuts, are neither all numbers nor all dates"
        raise CohortError(f"protocol '{protocol.name}': {what}; write 2021, 2021-05 or 2021-05-31")
    when: Numbers = np.full(len(labels), np.nan)
    when[known] = moments[: len(texts)]
    cuts = moments[len(texts) :] if protocol.cuts else _even_cuts(when[known], protocol.splits)
    if (np.diff(cuts) <= 0).any():
        raise CohortError(f"protocol '{protocol.name}': its cuts do not rise; write the earliest first")
    names = protocol.cuts or tuple(str(i + 1) for i in range(len(cuts)))
    ends = np.append(cuts, np.inf)[1:].tolist()
    parts = [
        (name, np.flatnonzero(when < cut), np.flatnonzero((when >= cut) & (when < end)))
        for name, cut, end in zip(names, cuts.tolist(), ends, strict=True)
    ]
    empty = [name for name, earlier, later in parts if not (len(earlier) and len(later))]
    if empty or not parts:
        what = f"nobody stands before or after cut {', '.join(empty)}" if empty else "all are of one time"
        raise CohortError(f"protocol '{protocol.name}': {what}; choose other cuts")
    return parts


def _even_cuts(when: Numbers, n_cuts: int) -> Numbers:
    """Moments that part patients into `n_cuts` + 1 periods as even as ties allow."""
    shares = np.arange(1, n_cuts + 1) / (n_cuts + 1)
    found = np.unique(np.quantile(when, shares, method="inverted_cdf")) if len(when) else when
    return found[found > when.min()] if len(when) else found


def _moments(texts: list[str]) -> Numbers | None:
    """Numbers as they are or dates as days; None where texts are neither all the one nor all the other."""
    try:
        numbers = np.array([float(text) for text in texts])
    except ValueError:
        dates = [last_date(text) for text in texts]
        return None if None in dates else np.array([float(day.toordinal()) for day in dates if day])
    return numbers if np.isfinite(numbers).all() else None
