"""An outcome that somebody reports, held against what the model predicts: name, value and unit."""

from __future__ import annotations

import math

from features.errors import Fault
from models.outcome import BinaryOutcome, Outcome
from serving.errors import RequestError


def checked_value(outcome: Outcome, name: str, value: float | bool, unit: str) -> float:
    """The value in the outcome's own unit; raises the 422 problem with every fault of it.

    An event is True or False, or 1 or 0 in the unit `1`; a quantity must be given in the unit in which the
    service answers, and lie within the bounds of what it may answer.
    """
    faults = []
    if name != outcome.name:
        faults.append(Fault("/name", "is not what this study predicts", f"send '{outcome.name}'"))
    if unit != outcome.unit:
        faults.append(Fault("/unit", "is not the unit of this outcome", f"send '{outcome.unit}'"))
    if isinstance(outcome, BinaryOutcome):
        if value not in (0, 1):
            faults.append(Fault("/value", "is neither 1 nor 0", "send 1 where the event came, 0 where not"))
    elif isinstance(value, bool) or not (math.isfinite(value) and outcome.lowest <= value <= outcome.highest):
        bounds = f"{outcome.lowest:g} to {outcome.highest:g} {outcome.unit}"
        faults.append(Fault("/value", f"is no number from {bounds}", "check the value and its unit"))
    if faults:
        raise RequestError("invalid-request", f"{len(faults)} faults in the outcome", faults)
    return float(value)
