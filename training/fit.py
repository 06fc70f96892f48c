"""Fitting: link, weights and intervals from out-of-fold answers within the training part, then refitting."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from features.cohort import Cohort, Texts
from features.errors import CohortError
from models.applicability import Applicability
from models.blend import Blend
from models.block_ridge import logistic_covariance
from models.calibration import Calibrated, CalibrationBand, fit_calibration
from models.conformal import ALL, ConformalScores
from models.model_set import ModelSet, Question
from models.outcome import Outcome
from models.response import ResponseModel, Uncertainty
from training.design import Design
from training.learners import (
    Fitted,
    Folds,
    TrainingPart,
    columns_of,
    fit_folds,
    learner_names,
    out_of_fold,
    ridge_settings,
)
from training.selection import steady_choice, steady_weights
from training.study import Study

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
_FILLED = "filled"


@dataclass(frozen=True)
class Learned:
    """Members, weights and uncertainty, the link they were learned on, the blends for patients who lack a
    mask, what was chosen, and the margins (n,) of those learned from by models that had not seen them."""

    outcome: Outcome
    blend: Blend
    conformal: Uncertainty
    without: Mapping[str, Blend] = field(default_factory=dict)
    choice: Mapping[str, object] = field(default_factory=dict)
    out_of_fold: Numbers = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class _Weighed:
    """One blend for each inner fold and for everybody, and its out-of-fold margins (n,)."""

    folds: Folds
    blends: Sequence[Blend]
    whole: Blend
    margin: Numbers
    choice: Mapping[str, object]


def fit_response(design: Design, cohort: Cohort, study: Study, seed: int) -> ResponseModel:
    """The study's model, fitted on all these patients."""
    return _response(learn(training_part(design, study), study, seed), design, cohort, study)


def _response(learned: Learned, design: Design, cohort: Cohort, study: Study) -> ResponseModel:
    domain = Applicability.learn(design.matrix, cohort, study.model.required_any, study.spec.absent)
    parts = (learned.blend, learned.conformal, study.model.strata, design.masks, domain, learned.without)
    return ResponseModel(learned.outcome, design.spec, study.spec.absent, *parts)


def fit_models(design: Design, cohort: Cohort, study: Study) -> ModelSet:
    """The study's models: one, whose treatments may be asked about."""
    return fit_and_hold_out(design, cohort, study)[0]


def fit_and_hold_out(design: Design, cohort: Cohort, study: Study) -> tuple[ModelSet, Numbers]:
    """The same, and each patient's margin (n,) by models of the inner folds that had not seen them."""
    part = training_part(design, study)
    learned = learn(part, study, study.seed)
    model = _response(learned, design, cohort, study)
    if study.question is None:
        return ModelSet((model,)), learned.out_of_fold
    question = Question(study.question.variable, study.question.options)
    return ModelSet((model,), question, _covariance(learned, part, study)), learned.out_of_fold


def _covariance(learned: Learned, part: TrainingPart, study: Study) -> Numbers | None:
    """How unsure the ridge's coefficients (p, p) are, as far as they count in the blend."""
    if study.ridge is None or learned.outcome.kind != "binary":
        return None
    weight = learned.blend.weights[learner_names(study).index("ridge")]
    settings = ridge_settings(part, learned.outcome, np.arange(len(part.observed)))
    margin, columns = learned.blend.margin(part.values), part.columns
    return weight**2 * logistic_covariance(part.values, margin, columns.groups, settings, columns.absent)


def training_part(design: Design, study: Study, rows: Index | None = None) -> TrainingPart:
    """What may be learned from: these rows of the design, or all."""
    kept = np.arange(len(design.observed)) if rows is None else rows
    columns = columns_of(study, design.spec, design.masks)
    values, observed = design.matrix.values[kept], design.observed[kept]
    return TrainingPart(columns, values, observed, design.inner[kept], design.strata[kept])


def learn(part: TrainingPart, study: Study, seed: int, lacking: Collection[str] | None = None) -> Learned:
    """Chooses link and weights by out-of-fold loss, refits on all, and keeps what intervals are made of.

    `lacking` names the masks to fit blends for, all if None. One thread, whatever the machine: quicker on
    matrices this small, and the same sums in the same order.
    """
    with threadpool_limits(1):
        return _learn(part, study, seed, part.columns.masks if lacking is None else lacking)


def _learn(part: TrainingPart, study: Study, seed: int, lacking: Collection[str]) -> Learned:
    happened = part.observed if study.outcome.is_binary else None
    folds = inner_folds(part.groups, study.model.inner_folds, happened, seed)
    outcome, first = steady_outcome(part, study, folds, seed)
    weighed = _weigh(part, study, folds, outcome, seed, first)
    choice = {"link": outcome.link, **weighed.choice}
    if study.model.without == _FILLED:
        uncertainty = _uncertainty(part, study, outcome, weighed, {})
        return Learned(outcome, weighed.whole, uncertainty, {}, choice, weighed.margin)
    reduced = {mask: _weigh(part.without(mask), study, folds, outcome, seed) for mask in lacking}
    uncertainty = _uncertainty(part, study, outcome, weighed, reduced)
    without = {mask: own.whole for mask, own in reduced.items()}
    return Learned(outcome, weighed.whole, uncertainty, without, choice, weighed.margin)


def inner_folds(groups: Texts, n_folds: int, happened: Numbers | None = None, seed: int = 0) -> Folds:
    """Folds that keep each group together, as even as the groups allow.

    Where what happened (n,) is given as 0 or 1, each fold holds the same share of it.
    """
    labels = groups.astype(str)
    n_groups = len(set(labels.tolist()))
    if n_groups < 2:
        raise CohortError("inner folds need patients of two or more groups; give more sites, or none")
    nothing = np.zeros(len(labels))
    if happened is None:
        return list(GroupKFold(n_splits=min(n_folds, n_groups)).split(nothing, groups=labels))
    dealt = StratifiedGroupKFold(min(n_folds, n_groups), shuffle=True, random_state=seed)
    return list(dealt.split(nothing, happened, groups=labels))


def steady_outcome(part: TrainingPart, study: Study, folds: Folds, seed: int) -> tuple[Outcome, Fitted]:
    """The outcome on the link whose first learner errs least, and that learner."""
    name = learner_names(study)[0]
    outcomes = {link: study.outcome.outcome(link) for link in study.links}
    tried = {link: fit_folds(name, part, study, folds, own, seed) for link, own in outcomes.items()}
    losses = {
        link: own.losses(out_of_fold(part.values, folds, tried[link].members), part.observed)
        for link, own in outcomes.items()
    }
    link = steady_choice(losses, part.groups)
    return outcomes[link], tried[link]


def _weigh(
    part: TrainingPart, study: Study, folds: Folds, outcome: Outcome, seed: int, first: Fitted | None = None
) -> _Weighed:
    """Every learner's members blended by weights from out-of-fold answers; probabilities are calibrated."""
    names = learner_names(study)
    known = {} if first is None else {first.kind: first}
    fitted = [known.get(name) or fit_folds(name, part, study, folds, outcome, seed) for name in names]
    margins = np.column_stack([out_of_fold(part.values, folds, own.members) for own in fitted])
    weights = steady_weights(margins, part.observed, outcome, part.groups)
    everybody = np.arange(len(part.observed))
    whole = Blend(tuple(own.fit(everybody) for own in fitted), weights)
    blends = [Blend(members, weights) for members in zip(*(own.members for own in fitted), strict=True)]
    chosen = {own.kind: dict(own.choice) for own in fitted if own.choice}
    choice: dict[str, object] = {"weights": dict(zip(names, weights, strict=True)), **chosen}
    if study.outcome.is_binary:
        shift, scale = fit_calibration(margins @ np.array(weights), part.observed)
        whole, blends = whole.calibrated(shift, scale), [own.calibrated(shift, scale) for own in blends]
    return _Weighed(folds, blends, whole, whole.joined(margins), choice)


def _blended(values: Numbers, folds: Folds, blends: Sequence[Blend]) -> Numbers:
    margins = np.empty(len(values))
    for (_, held_out), blend in zip(folds, blends, strict=True):
        margins[held_out] = blend.margin(values[held_out])
    return margins


def _uncertainty(
    part: TrainingPart, study: Study, outcome: Outcome, weighed: _Weighed, reduced: Mapping[str, _Weighed]
) -> Uncertainty:
    """What intervals are made of, by stratum; of a mask from everybody with its features taken away."""
    masked = {name: own.margin for name, own in reduced.items()}
    if study.model.without == _FILLED:
        gaps = {name: part.without(name).values for name in part.columns.masks}
        masked = {name: _blended(values, weighed.folds, weighed.blends) for name, values in gaps.items()}
    strata = {ALL: np.ones(len(part.observed), dtype=bool)}
    for stratum in sorted(set(part.strata.tolist())):
        own = part.strata == stratum
        if own.sum() >= study.model.minimum:
            strata[stratum] = own
    if study.outcome.is_binary:
        return _band(part, study, weighed.margin, strata, masked)
    observed = outcome.to_margin(part.observed)
    scores = {name: (observed - weighed.margin)[own] for name, own in strata.items()}
    scores |= {name: observed - margin for name, margin in masked.items()}
    return ConformalScores(scores, study.model.minimum)


def _band(
    part: TrainingPart,
    study: Study,
    margin: Numbers,
    strata: Mapping[str, NDArray[np.bool_]],
    masked: Mapping[str, Numbers],
) -> CalibrationBand:
    """Calibrated margins by stratum; for a mask also how far the whole model's answer lies from it."""
    observed = part.observed
    kinds = {name: own for name, own in strata.items() if len(np.unique(observed[own])) == 2}
    found = {name: Calibrated.of(margin[own], observed[own]) for name, own in kinds.items()}
    for name, own_margin in masked.items():
        unknown = float(np.square(margin - own_margin).mean())
        found[name] = Calibrated.of(own_margin, observed, unknown)
    return CalibrationBand(found, study.model.minimum)


def describe(learned: Learned) -> dict[str, Any]:
    """What was chosen, for the record: the link, the members' weights and their settings."""
    return dict(learned.choice)
