"""Probabilities that mean what they say: calibrated, with a band, and sets of possible outcomes.

Calibration is affine on the log-odds (Platt 1999; Cox 1958, doi:10.2307/2333203), so contributions stay
exact sums. The band is where the rate of the event lies among patients answered alike, from the covariance
of the calibration's two coefficients. A set holds every outcome that cannot be ruled out at a level: a
conformal set by class, which keeps its promise for those with the event and for those without
(doi:10.1007/b106715).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.errors import BundleError, SettingsError, StudyError
from models.conformal import ALL

Numbers = NDArray[np.float64]
_MAX_STEPS, _CONVERGED = 100, 1e-10


@dataclass(frozen=True)
class Calibrated:
    """What out-of-fold answers showed in one stratum, all on the calibrated margin.

    `covariance` holds the variance of the intercept, the covariance, and the variance of the slope;
    `with_event` and `without_event` are the sorted margins of patients with and without the event;
    `unknown` is the variance that a missing modality adds: what knowing it would change.
    """

    covariance: tuple[float, float, float]
    with_event: Numbers
    without_event: Numbers
    unknown: float = 0.0

    @classmethod
    def of(cls, margin: Numbers, observed: Numbers, unknown: float = 0.0) -> Self:
        """From calibrated out-of-fold margins (n,) and what happened (n,), 0 or 1."""
        happened = observed > 0.5
        with_event, without_event = np.sort(margin[happened]), np.sort(margin[~happened])
        return cls(_covariance(margin), with_event, without_event, unknown)

    def __len__(self) -> int:
        return len(self.with_event) + len(self.without_event)

    def half_width(self, margin: Numbers, level: float) -> Numbers:
        """Half the band's width (n,) on the margin."""
        intercept, both, slope = self.covariance
        variance = intercept + 2.0 * both * margin + slope * np.square(margin) + self.unknown
        return NormalDist().inv_cdf(0.5 + level / 2.0) * np.sqrt(np.maximum(variance, 0.0))

    def possible(self, margin: float, level: float) -> tuple[bool, bool]:
        """Whether the event, and whether its absence, cannot be ruled out at this level."""
        event, absence = self.sets(np.array([margin]), level)[0].tolist()
        return event, absence

    def sets(self, margin: Numbers, level: float) -> NDArray[np.bool_]:
        """What `possible` says, of many patients at once (n, 2)."""
        as_low = 1 + np.searchsorted(self.with_event, margin, side="right")
        as_high = 1 + len(self.without_event) - np.searchsorted(self.without_event, margin, side="left")
        least = 1.0 - level + 1e-12
        ranks = as_low / (len(self.with_event) + 1), as_high / (len(self.without_event) + 1)
        return np.column_stack(ranks) > least


@dataclass(frozen=True)
class CalibrationBand:
    """What is known of a probability, by stratum; `all` answers for a stratum of fewer than `minimum`."""

    strata: Mapping[str, Calibrated]
    minimum: int

    def __post_init__(self) -> None:
        if ALL not in self.strata:
            raise StudyError(f"a calibration band needs the stratum '{ALL}'")

    def source(self, stratum: str) -> str:
        """The stratum that answers for `stratum`: itself, or `all` when it is too small."""
        own = self.strata.get(stratum)
        return ALL if own is None or len(own) < self.minimum else stratum

    def interval(self, margin: Numbers, strata: Sequence[str], level: float) -> tuple[Numbers, Numbers]:
        """Lower and upper ends (n,) around `margin` (n,)."""
        _check_level(level)
        half, labels = np.empty(len(margin)), np.array(strata, dtype=object)
        for stratum in set(strata):
            rows = labels == stratum
            half[rows] = self.strata[self.source(stratum)].half_width(margin[rows], level)
        return margin - half, margin + half

    def possible(self, margin: Numbers, strata: Sequence[str], level: float) -> tuple[tuple[bool, bool], ...]:
        """By patient, whether the event and whether its absence cannot be ruled out."""
        _check_level(level)
        pairs = zip(margin.tolist(), strata, strict=True)
        return tuple(self.strata[self.source(stratum)].possible(own, level) for own, stratum in pairs)

    def sets(self, margin: Numbers, strata: Sequence[str], level: float) -> NDArray[np.bool_]:
        """What `possible` says, of many patients at once (n, 2)."""
        _check_level(level)
        found, labels = np.empty((len(margin), 2), dtype=bool), np.array(strata, dtype=object)
        for stratum in set(strata):
            rows = labels == stratum
            found[rows] = self.strata[self.source(stratum)].sets(margin[rows], level)
        return found

    def to_json(self) -> dict[str, object]:
        """Plain lists of numbers."""
        strata = {
            name: {
                "covariance": list(own.covariance),
                "with_event": own.with_event.tolist(),
                "without_event": own.without_event.tolist(),
                "unknown": own.unknown,
            }
            for name, own in self.strata.items()
        }
        return {"minimum": self.minimum, "strata": strata}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """The band that wrote `data`."""
        match data:
            case {"minimum": int(minimum), "strata": dict(strata)}:
                return cls({name: _calibrated(own) for name, own in strata.items()}, minimum)
        raise BundleError("a calibration band does not hold exactly 'minimum' and 'strata'")


def fit_calibration(
    margin: Numbers, observed: Numbers, trust: float = 1.0, weights: Numbers | None = None
) -> tuple[float, float]:
    """Shift and scale (never negative) that turn out-of-fold margins (n,) into calibrated log-odds.

    Maximum likelihood with a normal prior about a scale of 1, of standard deviation 1/sqrt(`trust`), which
    steadies it where patients are few; the shift is free. `weights` (n,) count each patient, else once.
    """
    counted = np.ones(len(margin)) if weights is None else weights
    design = np.column_stack([np.ones(len(margin)), margin])
    coefficients, prior = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    penalty = np.diag([0.0, trust])
    for _ in range(_MAX_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(design @ coefficients, -700.0, 700.0)))
        gradient = design.T @ (counted * (observed - p)) - penalty @ (coefficients - prior)
        hessian = (design * (counted * p * (1.0 - p))[:, None]).T @ design + penalty + 1e-9 * np.eye(2)
        step = np.clip(np.linalg.solve(hessian, gradient), -2.0, 2.0)
        coefficients = coefficients + step
        if np.abs(step).max() < _CONVERGED:
            break
    return float(coefficients[0]), float(max(coefficients[1], 0.0))


def _covariance(margin: Numbers) -> tuple[float, float, float]:
    """Covariance of intercept and slope of a logistic regression on a margin that is calibrated."""
    p = 1.0 / (1.0 + np.exp(-margin))
    weight = p * (1.0 - p)
    information = np.array([[weight.sum(), (weight * margin).sum()]] * 2)
    information[1] = (weight * margin).sum(), (weight * np.square(margin)).sum()
    inverse = np.linalg.pinv(information)
    return float(inverse[0, 0]), float(inverse[0, 1]), float(inverse[1, 1])


def _calibrated(data: Mapping) -> Calibrated:
    try:
        first, both, last = map(float, data["covariance"])
        with_event = np.array(data["with_event"], dtype=np.float64)
        without_event = np.array(data["without_event"], dtype=np.float64)
        return Calibrated((first, both, last), with_event, without_event, float(data["unknown"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError("a calibration band's stratum is not as it was written") from error


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise SettingsError("the level of an interval must lie between 0 and 1, such as 0.9")
