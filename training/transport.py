"""What a few dozen patients of a new site are worth: each site in turn adapted to by some, judged on others.

The model of each held-out site has learned from the other sites alone, and so has the prior of how much sites
differ. Draws are repeated; a patient's outcome counts either as one adapted to or as one judged, never both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.calibration import CalibrationBand
from models.conformal import ConformalScores
from models.local_scores import local_uncertainty
from models.outcome import Outcome
from models.recalibration import LEAST_OF_EACH, Adaptation, SitePrior, adapt, between_sites, left_out
from models.response import Uncertainty
from training.design import Design
from training.holdout import LEVEL, HeldOut, Unadapted
from training.statistics import Figure
from training.study import Study
from training.study_parts import TransportAsked

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
SMALLEST_CELL = 10
CHOSEN = "shrunken"
_N_RESAMPLES = 1000


def _shrunken(prior: SitePrior) -> SitePrior:
    return prior


def _intercept(prior: SitePrior) -> SitePrior:
    return replace(prior, slope_sd=0.0)


def _intercept_free(prior: SitePrior) -> SitePrior:
    return replace(prior, intercept_sd=math.inf, slope_sd=0.0)


def _both_free(prior: SitePrior) -> SitePrior:
    return replace(prior, intercept_sd=math.inf, slope_sd=math.inf)


VARIANTS: Mapping[str, Callable[[SitePrior], SitePrior]] = {
    CHOSEN: _shrunken,
    "shrunken_intercept": _intercept,
    "free_intercept": _intercept_free,
    "free_both": _both_free,
}
"""What `rxplain recalibrate` does first; the others stand beside it, so that all that was tried is told."""


@dataclass(frozen=True)
class _Judged:
    """Sums over a site's draws, a row a patient: times judged, loss and cover before, and after by variant.

    `loss` and `held` are (n, 1 + variants); a patient of no draw is all 0.
    """

    site: str
    times: Numbers
    loss: Numbers
    held: Numbers


def transport(study: Study, design: Design, held_out: Sequence[HeldOut]) -> dict[str, object] | None:
    """The document's section of that name; None where the study does not ask or no site is large enough."""
    asked = study.transport
    sites = [(h, h.unadapted) for h in held_out if h.unadapted is not None]
    if asked is None or not sites:
        return None
    judged = [
        _judge_site(asked, study.seed, design, h, own)
        for h, own in sites
        if len(h.split.test) >= asked.local + SMALLEST_CELL
    ]
    judged = [own for own in judged if own.times.any()]
    if not judged:
        return None
    told = _figures(judged, study)
    return {
        "group": asked.group,
        "local": asked.local,
        "repeats": asked.repeats,
        "n_sites": len(judged),
        "n_patients": sum(int((own.times > 0).sum()) for own in judged),
        "n_sites_too_small": len(sites) - len(judged),
        "chosen": CHOSEN,
        "loss": _loss_name(sites[0][1].outcome),
        "priors": _priors(design, sites),
        **told,
        "sites": {own.site: _of_site(own) for own in judged},
    }


def _loss_name(outcome: Outcome) -> str:
    return "log_loss" if outcome.kind == "binary" else "mae"


def _priors(design: Design, sites: Sequence[tuple[HeldOut, Unadapted]]) -> dict[str, dict[str, float]]:
    """By link, how much sites differ, for adapting to one more: each site answered by the others' model."""
    found = {}
    for link in sorted({own.outcome.link for _, own in sites}):
        of_link = [(h, own) for h, own in sites if own.outcome.link == link]
        margin = np.concatenate([own.margin for _, own in of_link])
        rows = np.concatenate([h.split.test for h, _ in of_link])
        labels = np.repeat([h.split.name for h, _ in of_link], [len(h.split.test) for h, _ in of_link])
        prior = between_sites(margin, design.observed[rows], labels, of_link[0][1].outcome)
        if prior is not None:
            found[link] = {name: round(value, 6) for name, value in prior.to_json().items()}
    return found


def transport_remarks(study: Study, section: Mapping[str, Any] | None) -> list[str]:
    """What the section says in a sentence: the change of the others' loss, and of their intervals."""
    if section is None:
        return []
    found = section["after"][section["chosen"]]
    loss, after = found["loss_difference"], found["coverage90"]["value"]
    unit = "" if study.outcome.is_binary or study.outcome.unit == "1" else f" {study.outcome.unit}"
    name = "log loss" if study.outcome.is_binary else "mean absolute error"
    told = f"{loss['value']:+.2f}{unit} ({loss['lower']:+.2f} to {loss['upper']:+.2f})"
    covers = (
        f"90% intervals cover {section['before']['coverage90']['value']:.1f}% before and {after:.1f}% after"
    )
    who = f"{section['local']} patients of a {section['group']} it has never seen"
    return [f"Adapting the model to {who} changes the {name} of the others there by {told}; {covers}."]


def sites_prior(document: Mapping[str, object]) -> dict[str, object]:
    """What a bundle keeps of the section, under `transport_priors`; nothing where it was not asked for."""
    section = document.get("transport")
    return {"transport_priors": section["priors"]} if isinstance(section, Mapping) else {}


def _default(own: Unadapted) -> SitePrior:
    return default_prior(own.uncertainty, float(np.median(own.margin)))


def default_prior(uncertainty: Uncertainty, centre: float) -> SitePrior:
    """What is assumed of sites where nothing was learned of them, on the scale of a model's own errors."""
    if isinstance(uncertainty, ConformalScores):
        return SitePrior.default(float(uncertainty.scores["all"].std()), centre)
    return SitePrior.default(math.pi / math.sqrt(3.0), centre)


def _judge_site(asked: TransportAsked, seed: int, design: Design, held: HeldOut, own: Unadapted) -> _Judged:
    rows = held.split.test
    observed, strata = design.observed[rows], design.strata[rows]
    prior = own.prior or _default(own)
    losses = own.outcome.losses(own.margin, observed)
    holds = _holds(own.uncertainty, own, own.margin, observed, strata)
    times = np.zeros(len(rows))
    loss, cover = (np.zeros((len(rows), 1 + len(VARIANTS))) for _ in range(2))
    for local in _draws(asked, seed, held, observed, own.outcome):
        others = np.setdiff1d(np.arange(len(rows)), local)
        times[others] += 1.0
        loss[others, 0] += losses[others]
        cover[others, 0] += holds[others]
        for k, loosen in enumerate(VARIANTS.values(), 1):
            after = _after(own, loosen(prior), observed, strata, local, others)
            loss[others, k] += after[0]
            cover[others, k] += after[1]
    return _Judged(held.split.name, times, loss, cover)


def _draws(
    asked: TransportAsked, seed: int, held: HeldOut, observed: Numbers, outcome: Outcome
) -> Iterator[Index]:
    """Local patients, draw by draw; a draw that `recalibrate` would refuse is left out."""
    rng = np.random.default_rng([seed, *held.split.name.encode()])
    for _ in range(asked.repeats):
        drawn = np.sort(rng.choice(len(observed), asked.local, replace=False))
        n_events = int((observed[drawn] > 0.5).sum())
        if outcome.kind == "binary" and min(n_events, asked.local - n_events) < LEAST_OF_EACH:
            continue
        yield drawn


def _after(
    own: Unadapted, prior: SitePrior, observed: Numbers, strata: NDArray, local: Index, others: Index
) -> tuple[Numbers, Numbers]:
    """Losses and cover of the others after adapting to the local ones."""
    adaptation, uncertainty = adapted_to(own, prior, observed[local], strata[local], own.margin[local])
    margin, unseen = adaptation(own.margin[others]), observed[others]
    return own.outcome.losses(margin, unseen), _holds(uncertainty, own, margin, unseen, strata[others])


def adapted_to(
    own: Unadapted, prior: SitePrior, observed: Numbers, strata: NDArray, margin: Numbers
) -> tuple[Adaptation, Uncertainty]:
    """What is learned of local patients (n,): how margins move, and what intervals are made of then."""
    known = margin, observed, prior, own.outcome
    adaptation = adapt(*known)
    target = observed if own.outcome.kind == "binary" else own.outcome.to_margin(observed)
    given = (strata.tolist(), left_out(*known), target)
    return adaptation, local_uncertainty(own.uncertainty, adaptation, *given)


def _holds(
    uncertainty: Uncertainty, own: Unadapted, margin: Numbers, observed: Numbers, strata: NDArray
) -> Numbers:
    """1 where the interval, or the set of possible outcomes, holds what was observed."""
    if isinstance(uncertainty, CalibrationBand):
        possible = np.array(uncertainty.possible(margin, strata.tolist(), LEVEL)).reshape(-1, 2)
        return np.where(observed > 0.5, possible[:, 0], possible[:, 1]) * 1.0
    low, high = uncertainty.interval(margin, strata.tolist(), LEVEL)
    target = own.outcome.to_margin(observed)
    return np.asarray((low <= target) & (target <= high), dtype=np.float64)


def _figures(judged: Sequence[_Judged], study: Study) -> dict[str, object]:
    """Pooled loss and cover before, and of each variant after and their difference, with 95% intervals that
    redraw sites and, within them, patients."""
    n, loss, held = _resampled(judged, study.seed)
    cover = 100.0 * held / n[:, None]
    loss = loss / n[:, None]
    after = {
        name: {
            "loss": _figure(loss[:, k]),
            "loss_difference": _figure(loss[:, k] - loss[:, 0]),
            "coverage90": _figure(cover[:, k]),
            "coverage90_difference": _figure(cover[:, k] - cover[:, 0]),
        }
        for k, name in enumerate(VARIANTS, 1)
    }
    return {"before": {"loss": _figure(loss[:, 0]), "coverage90": _figure(cover[:, 0])}, "after": after}


def _resampled(judged: Sequence[_Judged], seed: int) -> tuple[Numbers, Numbers, Numbers]:
    """Sums of times, loss and cover; the first row of all as they are, the rest redrawn."""
    rng = np.random.default_rng([seed, 1])
    k = len(judged)
    sites = rng.multinomial(k, np.full(k, 1.0 / k), size=_N_RESAMPLES)
    n, loss, held = (
        np.zeros(_N_RESAMPLES + 1),
        *(np.zeros((_N_RESAMPLES + 1, 1 + len(VARIANTS))) for _ in "ab"),
    )
    for j, own in enumerate(judged):
        size = len(own.times)
        drawn = rng.multinomial(sites[:, j] * size, np.full(size, 1.0 / size))
        counts = np.vstack([np.ones(size), drawn])
        n, loss, held = n + counts @ own.times, loss + counts @ own.loss, held + counts @ own.held
    return n, loss, held


def _figure(found: Numbers) -> Figure:
    ends = np.percentile(found[1:][np.isfinite(found[1:])], [2.5, 97.5])
    numbers = (float(found[0]), float(ends[0]), float(ends[1]))
    return dict(zip(("value", "lower", "upper"), (round(x, 6) for x in numbers), strict=True))


def _of_site(own: _Judged) -> dict[str, float]:
    total = own.times.sum()
    before, after = (float(own.loss[:, k].sum() / total) for k in (0, 1))
    covers = (100.0 * float(own.held[:, k].sum() / total) for k in (0, 1))
    names = ("loss_before", "loss_after", "coverage90_before", "coverage90_after")
    told = dict(zip(names, (round(x, 6) for x in (before, after, *covers)), strict=True))
    return {"n": int((own.times > 0).sum()), **told}
