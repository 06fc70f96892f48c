"""Learning a panel: all drugs over one matrix, with intervals and covariance from out-of-fold errors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.cohort import Cohort, Texts
from features.errors import CohortError
from models.applicability import Applicability
from models.blend import Blend
from models.conformal import ALL, ConformalScores
from models.members import LinearMember
from models.model_set import ModelSet
from models.panel_ridge import FittedPanel, PanelSettings, fit_panel_ridge
from models.response import ResponseModel
from training.design import Design
from training.fit import inner_folds
from training.learners import Columns, Folds, columns_of
from training.study import Study

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
_FEW_TOGETHER = 20  # patients of both drugs below which a correlation of errors is not believed


@dataclass(frozen=True)
class PanelPart:
    """What may be learned from: features (n, p), outcomes (n, drugs), inner groups and strata (n,)."""

    columns: Columns
    values: Numbers
    outcomes: Numbers
    groups: Texts
    strata: Texts

    def without(self, mask: str) -> PanelPart:
        """The same patients, of whom nothing of a mask is known."""
        return replace(self, values=np.where(self.columns.masks[mask], np.nan, self.values))


@dataclass(frozen=True)
class LearnedPanel:
    """Members and conformal scores by drug, those for patients who lack a mask, and the covariance (drugs,
    drugs) of out-of-fold errors."""

    members: tuple[LinearMember, ...]
    conformal: tuple[ConformalScores, ...]
    covariance: Numbers
    without: Mapping[str, tuple[LinearMember, ...]] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def margins(self, values: Numbers, strata: Sequence[str]) -> Numbers:
        """Answers (n, drugs), each patient by the members of their stratum."""
        answered = np.column_stack([member.margin(values) for member in self.members])
        for mask, members in self.without.items():
            rows = np.array([stratum == mask for stratum in strata], dtype=bool)
            if rows.any():
                answered[rows] = np.column_stack([member.margin(values[rows]) for member in members])
        return answered

    def held(self, observed: Numbers, margins: Numbers, strata: Sequence[str], level: float) -> Numbers:
        """Whether each interval held what was observed (n, drugs); NaN where nothing was."""
        held = np.full(observed.shape, np.nan)
        for i, scores in enumerate(self.conformal):
            lower, upper = scores.interval(margins[:, i], strata, level)
            known = ~np.isnan(observed[:, i])
            held[known, i] = ((lower <= observed[:, i]) & (observed[:, i] <= upper))[known]
        return held


def panel_part(design: Design, study: Study, rows: Index | None = None) -> PanelPart:
    """What may be learned from: these rows of a panel's design, or all; unmeasured patients are left out."""
    if design.outcomes is None:
        raise CohortError(f"study '{study.name}' has no panel of outcomes")
    asked = np.arange(len(design.outcomes)) if rows is None else rows
    kept = asked[~np.isnan(design.outcomes[asked]).all(axis=1)]
    columns = columns_of(study, design.spec, design.masks)
    tables = design.matrix.values[kept], design.outcomes[kept]
    return PanelPart(columns, *tables, design.inner[kept], design.strata[kept])


def learn_panel(
    part: PanelPart, study: Study, seed: int, lacking: Collection[str] | None = None
) -> LearnedPanel:
    """Fits all drugs on everybody and keeps out-of-fold residuals; `lacking` names masks to fit for, all if
    None."""
    with threadpool_limits(1):
        folds = inner_folds(part.groups, study.model.inner_folds)
        whole, residuals = _fitted(part, study, folds)
        masks = part.columns.masks if lacking is None else lacking
        reduced = {mask: _fitted(part.without(mask), study, folds) for mask in masks}
    conformal = _conformal(part, study, residuals, {mask: own for mask, (_, own) in reduced.items()})
    without = {mask: own.members for mask, (own, _) in reduced.items()}
    return LearnedPanel(whole.members, conformal, error_covariance(residuals), without, whole.weights)


def fit_panel(design: Design, cohort: Cohort, study: Study) -> ModelSet:
    """The study's models, one a drug, fitted on all these patients."""
    learned = learn_panel(panel_part(design, study), study, study.seed)
    domain = Applicability.learn(design.matrix, cohort, study.model.required_any, study.spec.absent)
    models = []
    for i, drug in enumerate(design.drugs):
        outcome = study.outcome.outcome(study.links[0], drug)
        without = {mask: Blend((members[i],), (1.0,)) for mask, members in learned.without.items()}
        blend = Blend((learned.members[i],), (1.0,))
        parts = blend, learned.conformal[i], study.model.strata, design.masks, domain, without
        models.append(ResponseModel(outcome, design.spec, study.spec.absent, *parts))
    return ModelSet(tuple(models), None, learned.covariance)


def error_covariance(residuals: Numbers) -> Numbers:
    """Covariance (drugs, drugs) of errors (n, drugs), NaN where not measured; positive semidefinite.

    A correlation of few patients is shrunken by n / (n + 20).
    """
    known = ~np.isnan(residuals)
    together = known.T.astype(np.float64) @ known
    spread = np.sqrt(np.nanmean(np.square(residuals), axis=0))
    scaled = np.where(known, residuals, 0.0) / spread
    correlation = (scaled.T @ scaled) / np.maximum(together, 1.0) * together / (together + _FEW_TOGETHER)
    np.fill_diagonal(correlation, 1.0)
    sizes, vectors = np.linalg.eigh(correlation)
    nearest = (vectors * np.maximum(sizes, 0.0)) @ vectors.T
    return spread[:, None] * nearest * spread[None, :]


def _fitted(part: PanelPart, study: Study, folds: Folds) -> tuple[FittedPanel, Numbers]:
    """The panel fitted on everybody, and its out-of-fold residuals (n, drugs)."""
    residuals = np.full(part.outcomes.shape, np.nan)
    for train, held_out in folds:
        members = _fit(part, study, train).members
        answered = np.column_stack([member.margin(part.values[held_out]) for member in members])
        residuals[held_out] = part.outcomes[held_out] - answered
    return _fit(part, study, np.arange(len(part.values))), residuals


def _fit(part: PanelPart, study: Study, rows: Index) -> FittedPanel:
    settings = PanelSettings() if study.panel is None else PanelSettings(study.panel.factors)
    columns = part.columns
    return fit_panel_ridge(part.values[rows], part.outcomes[rows], columns.groups, settings, columns.absent)


def _conformal(
    part: PanelPart, study: Study, residuals: Numbers, masked: Mapping[str, Numbers]
) -> tuple[ConformalScores, ...]:
    """By drug, residuals of everybody, of each stratum that is large enough, and without each mask."""
    found = []
    for i in range(residuals.shape[1]):
        own = residuals[:, i]
        known = ~np.isnan(own)
        scores = {ALL: own[known]}
        for stratum in sorted(set(part.strata.tolist()) - masked.keys()):
            rows = known & (part.strata == stratum)
            if rows.sum() >= study.model.minimum:
                scores[stratum] = own[rows]
        scores |= {mask: other[~np.isnan(other[:, i]), i] for mask, other in masked.items()}
        found.append(ConformalScores(scores, study.model.minimum))
    return tuple(found)
