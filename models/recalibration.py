"""How a model is adapted to a new site: an intercept and a slope on its margin, shrunk towards none.

With m the margin that the model gives, y what was measured, and c the middle of the margins learned from,

    adapted margin = m + a + b (m - c),   a ~ N(0, intercept_sd^2),   b ~ N(0, slope_sd^2)

The two standard deviations say how much sites differ: they are the random effects between the sites learned
from (DerSimonian and Laird 1986, doi:10.1016/0197-2456(86)90046-2), so a site is believed as far as its
patients outweigh that (empirical Bayes, doi:10.1080/01621459.1983.10477920). It is affine on the margin, so
it stands in the blend's weights and shift, and contributions stay exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.errors import BundleError, StudyError
from models.outcome import Outcome

Numbers = NDArray[np.float64]
LEAST_SITE = 10
"""Patients that a site must have to tell how much sites differ."""
LEAST_SITES = 3
LEAST_LOCAL, LEAST_OF_EACH = 20, 10
"""Patients with outcomes below which nothing is adapted; of a yes-or-no outcome also so many of each."""
DEFAULT_INTERCEPT, DEFAULT_SLOPE = 0.25, 0.1
"""Where nothing is known of sites: a quarter of a patient's own spread, and a tenth of the slope."""
_LOGISTIC_SD = math.pi / math.sqrt(3.0)
_MAX_STEPS, _CONVERGED = 50, 1e-10


@dataclass(frozen=True)
class SitePrior:
    """How much sites differ on the margin, about which margin, and how widely patients of one site spread.

    `n_sites` is how many sites told so, 0 for the default.
    """

    intercept_sd: float
    slope_sd: float
    patient_sd: float
    centre: float
    n_sites: int

    def __post_init__(self) -> None:
        numbers = (self.intercept_sd, self.slope_sd)
        if any(not n >= 0.0 for n in numbers) or not 0.0 < self.patient_sd < math.inf:
            raise StudyError("a prior of sites needs standard deviations that are not negative")

    @classmethod
    def default(cls, patient_sd: float, centre: float) -> Self:
        """What is assumed where the sites learned from are not known, or too few."""
        return cls(DEFAULT_INTERCEPT * patient_sd, DEFAULT_SLOPE, patient_sd, centre, 0)

    def to_json(self) -> dict[str, float]:
        """Plain numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping) -> Self:
        """The prior that wrote `data`."""
        try:
            return cls(**data)
        except TypeError as error:
            raise BundleError("the prior of sites is not as it was written") from error


@dataclass(frozen=True)
class Adaptation:
    """What is done to a margin: `shift` + `scale` x margin; a scale is never negative.

    `covariance` holds the variance of a, the covariance, and the variance of b (see above), about `centre`.
    """

    shift: float
    scale: float
    covariance: tuple[float, float, float]
    centre: float

    def __call__(self, margin: Numbers) -> Numbers:
        """The adapted margins (n,)."""
        return self.shift + self.scale * margin

    @property
    def covariance_adapted(self) -> tuple[float, float, float]:
        """The same covariance for an intercept and a slope of the adapted margin, about 0."""
        scale, middle = max(self.scale, 1e-6), self(np.array([self.centre]))[0]
        one, both, other = self.covariance
        both, other = both / scale, other / scale**2
        return one - 2.0 * both * middle + other * middle**2, both - other * middle, other


def between_sites(margin: Numbers, observed: Numbers, sites: NDArray, outcome: Outcome) -> SitePrior | None:
    """How much sites differ, from margins (n,) of models that had not learned from the site answered.

    None with fewer than three sites of ten patients.
    """
    labels, counts = np.unique(sites.astype(str), return_counts=True)
    kept = labels[counts >= LEAST_SITE]
    if len(kept) < LEAST_SITES:
        return None
    centre = float(np.median(margin))
    rows = [np.flatnonzero(sites.astype(str) == label) for label in kept]
    patient_sd = _LOGISTIC_SD if outcome.kind == "binary" else _within(margin, observed, rows, outcome)
    found = [_pull(margin[own], observed[own], outcome, centre, patient_sd) for own in rows]
    estimates = np.array([np.linalg.pinv(information) @ score for score, information in found])
    variances = np.array([np.diag(np.linalg.pinv(information)) for _, information in found])
    spread = [_random_effects(estimates[:, k], variances[:, k]) for k in (0, 1)]
    return SitePrior(spread[0], spread[1], patient_sd, centre, len(kept))


def adapt(margin: Numbers, observed: Numbers, prior: SitePrior, outcome: Outcome) -> Adaptation:
    """The most likely intercept and slope of a site, from its patients' margins (n,) and outcomes (n,).

    An infinite standard deviation leaves that number free, one of 0 leaves it out.
    """
    sds = np.array([prior.intercept_sd, prior.slope_sd])
    free = np.flatnonzero(sds > 0.0)
    coefficients, covariance = np.zeros(2), np.zeros((2, 2))
    if len(free):
        precision = np.diag(1.0 / np.square(sds[free]))
        found, information = _solve(margin, observed, prior, outcome, free, precision)
        coefficients[free] = found
        covariance[np.ix_(free, free)] = np.linalg.pinv(information + precision)
    a, b = float(coefficients[0]), max(float(coefficients[1]), -1.0)
    told = (float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1]))
    return Adaptation(a - b * prior.centre, 1.0 + b, told, prior.centre)


def left_out(margin: Numbers, observed: Numbers, prior: SitePrior, outcome: Outcome) -> Numbers:
    """Each patient's margin (n,) adapted by all the others, so that the site's errors are judged fairly."""
    if outcome.kind == "binary":
        return np.array([_by_the_others(i, margin, observed, prior, outcome) for i in range(len(margin))])
    design = np.column_stack([np.ones(len(margin)), margin - prior.centre])
    sds = np.array([prior.intercept_sd, prior.slope_sd])
    design = design[:, sds > 0.0]
    pull = design * ((outcome.to_margin(observed) - margin) / prior.patient_sd**2)[:, None]
    single = design[:, :, None] * design[:, None, :] / prior.patient_sd**2
    information = single.sum(axis=0) - single + np.diag(1.0 / np.square(sds[sds > 0.0]))
    found = np.linalg.pinv(information) @ (pull.sum(axis=0) - pull)[:, :, None]
    return margin + (design * found[:, :, 0]).sum(axis=1)


def _by_the_others(
    i: int, margin: Numbers, observed: Numbers, prior: SitePrior, outcome: Outcome
) -> np.float64:
    others = np.arange(len(margin)) != i
    return adapt(margin[others], observed[others], prior, outcome)(margin)[i]


def _solve(
    margin: Numbers,
    observed: Numbers,
    prior: SitePrior,
    outcome: Outcome,
    free: NDArray[np.int64],
    precision: Numbers,
) -> tuple[Numbers, Numbers]:
    """The free coefficients of highest posterior density, and their information, by Newton's steps."""
    design = np.column_stack([np.ones(len(margin)), margin - prior.centre])
    coefficients = np.zeros(len(free))
    for _ in range(_MAX_STEPS):
        moved = margin + design[:, free] @ coefficients
        score, information = _pull(moved, observed, outcome, prior.centre, prior.patient_sd, design)
        score, information = score[free], information[np.ix_(free, free)]
        gradient = score - precision @ coefficients
        step = np.clip(np.linalg.pinv(information + precision) @ gradient, *_bounds(outcome))
        coefficients = coefficients + step
        if np.abs(step).max() < _CONVERGED:
            break
    return coefficients, information


def _bounds(outcome: Outcome) -> tuple[float, float]:
    """How far one step may go: log-odds are not quadratic far out, residuals are."""
    return (-2.0, 2.0) if outcome.kind == "binary" else (-math.inf, math.inf)


def _pull(
    margin: Numbers,
    observed: Numbers,
    outcome: Outcome,
    centre: float,
    patient_sd: float,
    design: Numbers | None = None,
) -> tuple[Numbers, Numbers]:
    """Where the patients pull intercept and slope (2,), and how strongly (2, 2): score and information."""
    if design is None:
        design = np.column_stack([np.ones(len(margin)), margin - centre])
    residual, weight = _LIKELIHOODS[outcome.kind](margin, observed, outcome, patient_sd)
    return design.T @ residual, (design * weight[:, None]).T @ design


def _of_quantity(
    margin: Numbers, observed: Numbers, outcome: Outcome, patient_sd: float
) -> tuple[Numbers, Numbers]:
    weight = np.full(len(margin), patient_sd**-2)
    return weight * (outcome.to_margin(observed) - margin), weight


def _of_event(margin: Numbers, observed: Numbers, outcome: Outcome, _sd: float) -> tuple[Numbers, Numbers]:
    p = outcome.from_margin(margin)
    return observed - p, p * (1.0 - p)


_LIKELIHOODS: Mapping[str, Callable[[Numbers, Numbers, Outcome, float], tuple[Numbers, Numbers]]] = {
    "continuous": _of_quantity,
    "binary": _of_event,
}


def _within(margin: Numbers, observed: Numbers, rows: list[NDArray[np.int64]], outcome: Outcome) -> float:
    """The pooled spread of residuals about each site's own mean."""
    residual = outcome.to_margin(observed) - margin
    squares = sum(float(np.square(residual[own] - residual[own].mean()).sum()) for own in rows)
    return math.sqrt(squares / sum(len(own) - 1 for own in rows))


def _random_effects(estimates: Numbers, variances: Numbers) -> float:
    """DerSimonian and Laird's standard deviation between estimates (k,) of known variances (k,)."""
    weights = 1.0 / variances
    mean = float((weights * estimates).sum() / weights.sum())
    excess = float((weights * np.square(estimates - mean)).sum()) - (len(estimates) - 1)
    scale = float(weights.sum() - np.square(weights).sum() / weights.sum())
    return math.sqrt(max(excess / scale, 0.0))
