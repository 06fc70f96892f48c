"""What a model predicts: drug, quantity, unit, and the scale on which answers add up.

All that differs between kinds of outcome is a method here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from features.errors import BundleError, Fault, StudyError

Numbers = NDArray[np.float64]

_LINKS: dict[str, tuple[Callable[[Numbers], Numbers], Callable[[Numbers], Numbers]]] = {
    "identity": (np.asarray, np.asarray),
    "root": (np.sqrt, lambda margin: np.square(np.maximum(margin, 0.0))),
    "log": (np.log, np.exp),
}
LINKS = tuple(_LINKS)
LOGIT = "logit"
DIRECTIONS = ("", "higher", "lower")
_CERTAIN = 30.0  # beyond these log-odds a probability is 0 or 1 in double precision's last digits
_CONTINUOUS, _BINARY = "continuous", "binary"


@dataclass(frozen=True, slots=True)
class ContinuousOutcome:
    """A measured quantity in `unit` between `lowest` and `highest`; the margin is its `link`.

    `better` says which direction helps the patient, or nothing.

    >>> dose = ContinuousOutcome("warfarin", "weekly_dose", "mg/wk", "root", 1.0, 300.0)
    >>> dose.from_margin(dose.to_margin(np.array([36.0])))
    array([36.])
    """

    kind: ClassVar[str] = _CONTINUOUS

    drug: str
    name: str
    unit: str
    link: str
    lowest: float
    highest: float
    better: str = ""

    def __post_init__(self) -> None:
        if self.link not in _LINKS:
            raise StudyError(f"link '{self.link}' is not known; use one of {', '.join(LINKS)}")
        _check_direction(self.better)

    def to_margin(self, value: Numbers) -> Numbers:
        """The outcome on the scale where contributions add up."""
        return np.asarray(_LINKS[self.link][0](np.asarray(value, dtype=np.float64)))

    def from_margin(self, margin: Numbers) -> Numbers:
        """The margin back in the outcome's unit, kept within its bounds; monotone."""
        value = _LINKS[self.link][1](np.asarray(margin, dtype=np.float64))
        return np.clip(value, self.lowest, self.highest)

    def losses(self, margin: Numbers, observed: Numbers) -> Numbers:
        """Each patient's absolute error (n,) in the outcome's unit."""
        return np.abs(self.from_margin(margin) - observed)

    def faults(self, observed: Numbers) -> list[Fault]:
        """What of recorded outcomes (n,) cannot be learned from."""
        outside = int(((observed < self.lowest) | (observed > self.highest)).sum())
        said = f"{outside} patients lie outside {self.lowest:g} to {self.highest:g} {self.unit}"
        return [Fault(f"outcome '{self.name}'", said, "check the unit and the bounds")] if outside else []

    @property
    def margin_unit(self) -> str:
        """How the margin's unit reads, such as `root(mg/wk)`."""
        return self.unit if self.link == "identity" else f"{self.link}({self.unit})"


@dataclass(frozen=True, slots=True)
class BinaryOutcome:
    """Whether `event` happens: the answer is its probability, the margin its log-odds.

    >>> response = BinaryOutcome("atezolizumab", "response", "complete or partial response")
    >>> response.from_margin(np.array([0.0]))
    array([0.5])
    """

    kind: ClassVar[str] = _BINARY
    link: ClassVar[str] = LOGIT
    unit: ClassVar[str] = "1"
    lowest: ClassVar[float] = 0.0
    highest: ClassVar[float] = 1.0

    drug: str
    name: str
    event: str
    better: str = "higher"

    def __post_init__(self) -> None:
        _check_direction(self.better)

    def to_margin(self, value: Numbers) -> Numbers:
        """A probability as log-odds; 0 and 1 as log-odds so far out that they come back as themselves."""
        p = np.asarray(value, dtype=np.float64)
        with np.errstate(divide="ignore"):
            return np.clip(np.log(p) - np.log1p(-p), -_CERTAIN, _CERTAIN)

    def from_margin(self, margin: Numbers) -> Numbers:
        """Log-odds as a probability; monotone."""
        return 1.0 / (1.0 + np.exp(-np.clip(np.asarray(margin, dtype=np.float64), -700.0, 700.0)))

    def losses(self, margin: Numbers, observed: Numbers) -> Numbers:
        """Each patient's logarithmic loss (n,), in nats."""
        return np.logaddexp(0.0, margin) - observed * margin

    def faults(self, observed: Numbers) -> list[Fault]:
        """What of recorded outcomes (n,) cannot be learned from."""
        where, known = f"outcome '{self.name}'", observed[~np.isnan(observed)]
        if not np.isin(known, (0.0, 1.0)).all():
            return [Fault(where, "is not 0 or 1 for every patient", "code the event as 1, its absence as 0")]
        if len(np.unique(known)) < 2:
            return [Fault(where, "is the same for every patient", "learning needs patients of both kinds")]
        return []

    @property
    def margin_unit(self) -> str:
        """How the margin's unit reads."""
        return "log-odds"


Outcome = ContinuousOutcome | BinaryOutcome


def outcome_to_json(outcome: Outcome) -> dict[str, object]:
    """Plain data, with the kind."""
    return {"kind": outcome.kind, **asdict(outcome)}


def outcome_from_json(data: Mapping) -> Outcome:
    """The outcome that wrote `data`."""
    kinds: Mapping[str, Callable[..., Outcome]] = {_CONTINUOUS: ContinuousOutcome, _BINARY: BinaryOutcome}
    rest = {key: value for key, value in data.items() if key != "kind"}
    try:
        return kinds[data["kind"]](**rest)
    except (KeyError, TypeError) as error:
        raise BundleError("the bundle's outcome is of no kind known here") from error


def outcome_on_scale(scale: str, unit: str) -> Outcome:
    """An unbounded outcome whose margin reads `scale`, for showing what was recorded earlier."""
    if scale == "log-odds":
        return BinaryOutcome("", "", "")
    link = scale.removesuffix(f"({unit})") if scale != unit else "identity"
    return ContinuousOutcome("", "", unit, link, -np.inf, np.inf)


def _check_direction(better: str) -> None:
    if better not in DIRECTIONS:
        raise StudyError("better must be 'higher', 'lower' or left out")
