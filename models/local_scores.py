"""What intervals of an adapted model are made of: the site's own errors, filled up with those learned before.

A site's errors are those of patients adapted for by all its other patients (the jackknife; the interval is
set about the one final answer and is not jackknife+, whose promise doi:10.1214/20-AOS1965 proves, but with
two shrunken numbers to learn the two hardly differ). Few errors say little of an interval's ends, so what was
learned before fills each stratum up to `FULL`: of 30 local errors and 170 others each counts alike. Those
others hold what sites differ by, which adapting has taken away in part, so intervals are rather too wide.
Of 200 errors no interval above a level of 0.99 can be made; it is told as unbounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.calibration import Calibrated, CalibrationBand
from models.conformal import ALL, ConformalScores
from models.recalibration import Adaptation
from models.response import Uncertainty

Numbers = NDArray[np.float64]
FULL = 200
"""Errors of a stratum at which the site's own are enough."""


def local_uncertainty(
    original: Uncertainty,
    adaptation: Adaptation,
    strata: Sequence[str],
    margin: Numbers,
    target: Numbers,
) -> Uncertainty:
    """Intervals for the adapted model; of a site's patients (n,) their strata, their margins as adapted by
    the others, and what was measured: on the margin, or 0 and 1."""
    if isinstance(original, CalibrationBand):
        return _band(original, adaptation, strata, margin, target)
    labels = np.array([*strata], dtype=object)
    local = {ALL: target - margin}
    for stratum in sorted(set(labels.tolist())):
        own = (target - margin)[labels == stratum]
        if stratum in original.scores or len(own) >= original.minimum:
            local[stratum] = own
    nothing = np.empty(0)
    names = dict.fromkeys([*original.scores, *local])
    scores = {n: filled_up(local.get(n, nothing), original.scores.get(n, nothing)) for n in names}
    return ConformalScores(scores, original.minimum)


def filled_up(local: Numbers, before: Numbers, full: int = FULL) -> Numbers:
    """`local` (n,) with so many of `before` (sorted) that there are `full`; none where n is enough.

    Of `before` those are taken whose ranks are the conformal ones, so that an interval of them alone is the
    interval of them all.
    """
    wanted = full - len(local)
    if wanted <= 0:
        return local
    if len(before) <= wanted:
        return np.concatenate([local, before])
    ranks = np.ceil((len(before) + 1) * np.arange(1, wanted + 1) / (wanted + 1) - 1e-9).astype(np.int64)
    return np.concatenate([local, before[np.minimum(ranks, len(before)) - 1]])


def _band(
    original: CalibrationBand, adaptation: Adaptation, strata: Sequence[str], margin: Numbers, target: Numbers
) -> CalibrationBand:
    """The same strata on the adapted margin, as unsure as the site's own intercept and slope."""
    labels = np.array([*strata], dtype=object)
    found = {}
    for name, own in original.strata.items():
        here = np.ones(len(margin), dtype=bool) if name == ALL else labels == name
        happened = here & (target > 0.5)
        with_event = filled_up(margin[happened], np.sort(adaptation(own.with_event)))
        without = filled_up(margin[here & ~happened], np.sort(adaptation(own.without_event)))
        unknown = own.unknown * adaptation.scale**2
        given = (adaptation.covariance_adapted, np.sort(with_event), np.sort(without), unknown)
        found[name] = Calibrated(*given)
    return replace(original, strata=found)
