"""Many patients' answers from a matrix alone: the numbers of `ResponseModel.predict`, notices as counts.

What only a cohort can tell is not told here: alleles and categories that training never saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import FeatureError, IntegrityError
from models.answers import adds_up, in_unit
from models.calibration import CalibrationBand
from models.response import ResponseModel

Numbers = NDArray[np.float64]
Counts = NDArray[np.int32]


@dataclass(frozen=True)
class Scores:
    """Columns over n patients; all numbers of a declined patient are NaN.

    `imputed` and `outside` (n,) count features that a typical value stands in for, and that lie beyond every
    patient trained on; `strata` says whose interval it is. `possible` (n, 2) is of binary outcomes.
    """

    margin: Numbers
    value: Numbers
    lower: Numbers
    upper: Numbers
    declined: NDArray[np.bool_]
    imputed: Counts
    outside: Counts
    strata: list[str]
    base: Numbers
    contributions: Numbers | None
    possible: NDArray[np.bool_] | None


def score(
    model: ResponseModel, values: Numbers, texts: Mapping[int, str | None], level: float, explain: bool
) -> Scores:
    """The scores of a matrix (n, p) in the model's columns; NaN is not recorded.

    `texts` are those of the variable that the model's intervals go by, by row.
    """
    if values.ndim != 2 or values.shape[1] != len(model.spec.names):
        raise FeatureError(f"a matrix of {len(model.spec.names)} columns is needed to score")
    strata = model.strata_for(values, texts)
    margin, (contributions, base) = model.margins(values, strata, explain)
    if contributions is not None and not adds_up(contributions, base, margin):
        raise IntegrityError("the contributions do not add up to the answer; no number is given")
    ends = model.conformal.interval(margin, strata, level)
    possible = None
    if isinstance(model.conformal, CalibrationBand):
        possible = model.conformal.sets(margin, strata, level)
    declined, imputed, outside = _doubts(model, values, strata)
    shown = [np.where(declined, np.nan, column) for column in (margin, *ends)]
    value, lower, upper = in_unit(model.outcome, *shown)
    if contributions is not None:
        contributions[declined] = np.nan
    counted = declined, imputed, outside, strata
    return Scores(shown[0], value, lower, upper, *counted, base, contributions, possible)


def _doubts(
    model: ResponseModel, values: Numbers, strata: list[str]
) -> tuple[NDArray[np.bool_], Counts, Counts]:
    """Who is declined; how many features of each are filled in, and how many lie outside."""
    names, domain = model.spec.names, model.applicability
    place = {name: i for i, name in enumerate(names)}
    missing = np.isnan(values)
    declined = np.zeros(len(values), dtype=bool)
    for group in domain.required_any:
        declined |= missing[:, [place[name] for name in group]].all(axis=1)
    ends = np.array([domain.ranges.get(name, (np.inf, -np.inf)) for name in names]).reshape(-1, 2)
    within = (values >= ends[:, 0]) & (values <= ends[:, 1])
    outside = (~(within | missing)).sum(axis=1, dtype=np.int32)
    filled = np.array([name not in model.absent for name in names], dtype=bool)
    imputed = missing[:, filled].sum(axis=1, dtype=np.int32)
    for stratum in model.without.keys() & set(strata):
        rows = np.array([own == stratum for own in strata], dtype=bool)
        read = filled & np.array([name not in model.unread(stratum) for name in names], dtype=bool)
        imputed[rows] = missing[rows][:, read].sum(axis=1, dtype=np.int32)
    return declined, imputed, outside
