"""What a model predicts: drug, quantity, unit, and the scale on which answers add up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import StudyError

Numbers = NDArray[np.float64]

_LINKS: dict[str, tuple[Callable[[Numbers], Numbers], Callable[[Numbers], Numbers]]] = {
    "identity": (np.asarray, np.asarray),
    "root": (np.sqrt, lambda margin: np.square(np.maximum(margin, 0.0))),
    "log": (np.log, np.exp),
}
LINKS = tuple(_LINKS)


@dataclass(frozen=True, slots=True)
class ContinuousOutcome:
    """A measured quantity in `unit` between `lowest` and `highest`; the margin is its `link`.

    >>> dose = ContinuousOutcome("warfarin", "weekly_dose", "mg/wk", "root", 1.0, 300.0)
    >>> dose.from_margin(dose.to_margin(np.array([36.0])))
    array([36.])
    """

    drug: str
    name: str
    unit: str
    link: str
    lowest: float
    highest: float

    def __post_init__(self) -> None:
        if self.link not in _LINKS:
            raise StudyError(f"link '{self.link}' is not known; use one of {', '.join(LINKS)}")

    def to_margin(self, value: Numbers) -> Numbers:
        """The outcome on the scale where contributions add up."""
        return np.asarray(_LINKS[self.link][0](np.asarray(value, dtype=np.float64)))

    def from_margin(self, margin: Numbers) -> Numbers:
        """The margin back in the outcome's unit, kept within its bounds; monotone."""
        value = _LINKS[self.link][1](np.asarray(margin, dtype=np.float64))
        return np.clip(value, self.lowest, self.highest)

    @property
    def margin_unit(self) -> str:
        """How the margin's unit reads, such as `root(mg/wk)`."""
        return self.unit if self.link == "identity" else f"{self.link}({self.unit})"
