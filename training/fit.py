"""Fitting: link, weights and intervals from out-of-fold answers within the training part, then refitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from features.cohort import Cohort, Texts
from features.encode import FeatureSpec
from features.errors import CohortError
from features.matrix import FeatureMatrix
from models.applicability import Applicability
from models.blend import Blend
from models.conformal import ALL, ConformalScores
from models.estimators import LinearSettings, TreeSettings, fit_linear, fit_trees
from models.members import Member
from models.outcome import ContinuousOutcome
from models.response import ResponseModel, mask_name, strata_of
from training.design import inner_groups
from training.selection import steady_link, steady_weights
from training.study import Study

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
Folds = list[tuple[Index, Index]]


@dataclass(frozen=True)
class TrainingPart:
    """What may be learned from: features (n, p), outcome, inner groups and conformal strata (n,)."""

    values: Numbers
    observed: Numbers
    groups: Texts
    strata: Texts


@dataclass(frozen=True)
class Learned:
    """Members, weights and scores, and the link they were learned on."""

    outcome: ContinuousOutcome
    blend: Blend
    conformal: ConformalScores


def fit_response(matrix: FeatureMatrix, cohort: Cohort, study: Study, seed: int) -> ResponseModel:
    """The study's model, fitted on all these patients."""
    strata = strata_of(matrix, cohort, study.model.strata, study.model.masks)
    part = TrainingPart(
        matrix.values,
        cohort.outcome(study.outcome.name),
        inner_groups(study, cohort),
        np.array(strata, dtype=object),
    )
    learned = learn(part, study, seed)
    return ResponseModel(
        outcome=learned.outcome,
        spec=FeatureSpec(study.features, study.spec.linked_snps),
        absent=study.spec.absent,
        blend=learned.blend,
        conformal=learned.conformal,
        strata=study.model.strata,
        masks=study.model.masks,
        applicability=Applicability.learn(matrix, cohort, study.model.required_any, study.spec.absent),
    )


def learn(part: TrainingPart, study: Study, seed: int) -> Learned:
    """Chooses link and weights by out-of-fold error, refits on all, and keeps the residuals as scores.

    One thread, whatever the machine: quicker on matrices this small, and the same sums in the same order.
    """
    with threadpool_limits(1):
        return _learn(part, study, seed)


def _learn(part: TrainingPart, study: Study, seed: int) -> Learned:
    folds = inner_folds(part.groups, study.model.inner_folds)
    linear_of = {link: _fit_folds(part, study, folds, link, seed, "linear") for link in study.outcome.links}
    errors = {known: _errors(part, study, folds, known, linear_of[known]) for known in study.outcome.links}
    link = steady_link(errors, part.groups)
    trees = _fit_folds(part, study, folds, link, seed, "trees")
    outcome = outcome_of(study, link)
    kinds = (linear_of[link], trees)
    margins = np.column_stack([_out_of_fold(part.values, folds, members) for members in kinds])
    weights = steady_weights(margins, part.observed, outcome, part.groups)
    blends = [Blend(members, weights) for members in zip(linear_of[link], trees, strict=True)]
    everybody = np.arange(len(part.observed))
    members = tuple(_fit_member(part, study, everybody, link, seed, kind) for kind in ("linear", "trees"))
    return Learned(outcome, Blend(members, weights), _scores(part, study, folds, blends, outcome))


def inner_folds(groups: Texts, n_folds: int) -> Folds:
    """Folds that keep each group together, as even as the groups allow."""
    n_groups = len(set(groups.tolist()))
    if n_groups < 2:
        raise CohortError("inner folds need patients of two or more groups; give more sites, or none")
    folding = GroupKFold(n_splits=min(n_folds, n_groups))
    return list(folding.split(np.zeros(len(groups)), groups=groups.astype(str)))


def outcome_of(study: Study, link: str) -> ContinuousOutcome:
    """The study's outcome on one of its links."""
    asked = study.outcome
    return ContinuousOutcome(asked.drug, asked.name, asked.unit, link, asked.lowest, asked.highest)


def _fit_folds(
    part: TrainingPart, study: Study, folds: Folds, link: str, seed: int, kind: str
) -> list[Member]:
    return [_fit_member(part, study, train, link, seed, kind) for train, _ in folds]


def _fit_member(part: TrainingPart, study: Study, rows: Index, link: str, seed: int, kind: str) -> Member:
    absent = np.isin(study.features, study.spec.absent)
    margin = outcome_of(study, link).to_margin(part.observed[rows])
    if kind == "linear":
        settings = LinearSettings(**asdict(study.linear))
        return fit_linear(part.values[rows], margin, part.groups[rows].astype(str), settings, absent)
    return fit_trees(part.values[rows], margin, TreeSettings(**asdict(study.trees), seed=seed), absent)


def _out_of_fold(values: Numbers, folds: Folds, fitted: Sequence[Member | Blend]) -> Numbers:
    margins = np.empty(len(values))
    for (_, held_out), member in zip(folds, fitted, strict=True):
        margins[held_out] = member.margin(values[held_out])
    return margins


def _errors(part: TrainingPart, study: Study, folds: Folds, link: str, members: list[Member]) -> Numbers:
    answered = outcome_of(study, link).from_margin(_out_of_fold(part.values, folds, members))
    return np.abs(answered - part.observed)


def _scores(
    part: TrainingPart, study: Study, folds: Folds, blends: list[Blend], outcome: ContinuousOutcome
) -> ConformalScores:
    """Out-of-fold residuals by stratum; for a mask, those of everybody with its features taken away."""
    residual = partial(_residuals, part, folds, blends, outcome)
    plain = residual(part.values)
    scores: dict[str, Numbers] = {ALL: plain}
    for stratum in sorted(set(part.strata.tolist())):
        own = plain[part.strata == stratum]
        if len(own) >= study.model.minimum:
            scores[stratum] = own
    for mask in study.model.masks:
        masked = np.where(np.isin(study.features, mask), np.nan, part.values)
        scores[mask_name(mask)] = residual(masked)
    return ConformalScores(scores, study.model.minimum)


def _residuals(
    part: TrainingPart, folds: Folds, blends: list[Blend], outcome: ContinuousOutcome, values: Numbers
) -> Numbers:
    return outcome.to_margin(part.observed) - _out_of_fold(values, folds, blends)


def describe(learned: Learned) -> Mapping[str, object]:
    """What was chosen, for the record: the link and the members' weights."""
    kinds = [member.kind for member in learned.blend.members]
    return {"link": learned.outcome.link, "weights": dict(zip(kinds, learned.blend.weights, strict=True))}
