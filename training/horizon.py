"""Whether an event came by a horizon, of patients of whom the time to it, or to being last seen, is known.

Who was last seen without the event before the horizon is left out and counted, not weighted: where many are,
the event's rate among those who stay is too high.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort, Outcomes
from features.errors import CohortError, Fault
from training.study_parts import OutcomeAsked


def with_event(asked: OutcomeAsked, cohort: Cohort) -> Cohort:
    """The cohort with the event by the horizon as an outcome of its own; refuses times that cannot be."""
    time, happened = cohort.outcome(asked.time), cohort.outcome(asked.happened)
    faults = []
    if (time < 0).any():
        what = f"{int((time < 0).sum())} patients have a time below 0"
        faults.append(Fault(f"outcome '{asked.time}'", what, "count from the index date"))
    if not np.isin(happened[~np.isnan(happened)], (0.0, 1.0)).all():
        what = "is not 0 or 1 for every patient"
        faults.append(Fault(f"outcome '{asked.happened}'", what, "code the event as 1, its absence as 0"))
    if faults:
        raise CohortError(f"{len(faults)} faults in the time to {asked.event}", faults)
    event = event_by(asked.horizon, time, happened)
    rows = [(i, asked.name, own, math.nan) for i, own in enumerate(event.tolist()) if not math.isnan(own)]
    return replace(cohort, outcomes=Outcomes.from_rows([*cohort.outcomes.rows, *rows]))


def event_by(horizon: float, time: NDArray[np.float64], happened: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where the event came by the horizon, 0 where the patient was seen without it until then, else NaN.

    >>> event_by(12.0, np.array([3.0, 12.0, 12.0, 20.0, 3.0]), np.array([1.0, 1.0, 0.0, 1.0, 0.0]))
    array([ 1.,  1.,  0.,  0., nan])
    """
    came = (happened == 1) & (time <= horizon)
    stayed = (time > horizon) | ((time == horizon) & (happened == 0))
    return np.where(came, 1.0, np.where(stayed, 0.0, np.nan))


def censored_before(asked: OutcomeAsked, cohort: Cohort) -> NDArray[np.bool_]:
    """Of each patient (n,) whether they were last seen without the event before the horizon."""
    return (cohort.outcome(asked.happened) == 0) & (cohort.outcome(asked.time) < asked.horizon)
