"""Held-out answers of the model and its comparators, split by split, wherever the work is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.calibration import CalibrationBand
from models.outcome import Outcome
from models.recalibration import SitePrior, between_sites
from models.response import Uncertainty
from training.comparators import comparator
from training.design import Design
from training.fit import Learned, describe, learn, training_part
from training.learners import TrainingPart
from training.splits import Split
from training.study import Study
from training.tuning import tuned_within
from training.workers import spread

Numbers = NDArray[np.float64]
Report = Callable[[int], None]
Held = TypeVar("Held")

LEVEL = 0.9
LEVELS = (0.5, 0.8, 0.9, 0.95)
MODEL = "model"


@dataclass(frozen=True)
class HeldOut:
    """Answers (n_test,) for one split's held-out patients, by who gave them.

    `held` is 1 where the model's interval, or its set of possible outcomes, held what was observed;
    `decided` 1 where that set named one outcome alone, and NaN where there are no sets. `covered` is what
    `held` is, at each of `LEVELS` (n_test, levels); `width` is of the 90% interval or band, in the outcome's
    unit, infinite where the interval has no end.
    """

    split: Split
    answers: dict[str, Numbers]
    held: Numbers
    decided: Numbers
    choice: dict[str, object]
    covered: Numbers
    width: Numbers
    unadapted: Unadapted | None = None


@dataclass(frozen=True)
class Unadapted:
    """A site's answers before anything of it was known: margins (n_test,), their intervals, and how much the
    sites learned from differ (None where too few)."""

    outcome: Outcome
    margin: Numbers
    uncertainty: Uncertainty
    prior: SitePrior | None


def answer_splits(design: Design, study: Study, splits: Sequence[Split], report: Report) -> list[HeldOut]:
    """Every split's held-out answers, in the splits' order; `report` hears how many are done."""
    return spread_out(answer_split, design, study, splits, report)


def spread_out(
    answer: Callable[[Design, Study, Split], Held],
    design: Design,
    study: Study,
    splits: Sequence[Split],
    report: Report,
) -> list[Held]:
    """What `answer` finds for each split, in their order, on the workers chosen."""
    return spread(answer, (design, study), splits, report)


def answer_split(design: Design, study: Study, split: Split) -> HeldOut:
    """Learns from the split's training part alone and answers for those held out."""
    train, test = split.train, split.test
    strata = design.strata[test].tolist()
    lacking = sorted(set(strata) & design.masks.keys())
    part = training_part(design, study, train)
    tuned, chosen = tuned_within(part, study)
    learned = learn(part, tuned, study.seed, lacking)
    margin = margins_of(learned, np.ascontiguousarray(design.matrix.values[test]), strata)
    answers = {MODEL: learned.outcome.from_margin(margin)}
    for name in study.comparators:
        answers[name] = comparator(name)(design, study, train, test)
    observed = design.observed[test]
    held, decided = _held(learned, margin, strata, observed, LEVEL)
    covered = np.column_stack([_held(learned, margin, strata, observed, level)[0] for level in LEVELS])
    width = _width(learned, margin, strata)
    unadapted = _unadapted(study, split, part, learned, margin)
    return HeldOut(split, answers, held, decided, {**describe(learned), **chosen}, covered, width, unadapted)


def _unadapted(
    study: Study, split: Split, part: TrainingPart, learned: Learned, margin: Numbers
) -> Unadapted | None:
    """What transport is judged by, where the study asks for it and the split holds out such a site."""
    asked = study.transport
    groups = {protocol.name: protocol.group for protocol in study.protocols if protocol.kind == "group"}
    if asked is None or groups.get(split.protocol) != asked.group:
        return None
    known = study.model.group == asked.group
    given = (learned.out_of_fold, part.observed, part.groups, learned.outcome)
    return Unadapted(learned.outcome, margin, learned.conformal, between_sites(*given) if known else None)


def margins_of(learned: Learned, values: Numbers, strata: Sequence[str]) -> Numbers:
    """Each patient's margin by the blend of their stratum."""
    margin = learned.blend.margin(values)
    for mask, blend in learned.without.items():
        rows = np.array([stratum == mask for stratum in strata], dtype=bool)
        if rows.any():
            margin[rows] = blend.margin(values[rows])
    return margin


def _held(
    learned: Learned, margin: Numbers, strata: Sequence[str], observed: Numbers, level: float
) -> tuple[Numbers, Numbers]:
    if isinstance(learned.conformal, CalibrationBand):
        possible = np.array(learned.conformal.possible(margin, strata, level)).reshape(-1, 2)
        return np.where(observed > 0.5, possible[:, 0], possible[:, 1]) * 1.0, (
            possible.sum(axis=1) == 1
        ) * 1.0
    low, high = _ends(learned, margin, strata, level)
    held = (low <= observed) & (observed <= high)
    return held.astype(np.float64), np.full(len(observed), np.nan)


def _width(learned: Learned, margin: Numbers, strata: Sequence[str]) -> Numbers:
    low, high = _ends(learned, margin, strata, LEVEL)
    return high - low


def _ends(learned: Learned, margin: Numbers, strata: Sequence[str], level: float) -> tuple[Numbers, Numbers]:
    """Both ends (n,) in the outcome's unit; -inf and inf where an interval has none."""
    ends = learned.conformal.interval(margin, strata, level)
    low, high = (np.where(np.isinf(end), end, learned.outcome.from_margin(end)) for end in ends)
    return low, high
