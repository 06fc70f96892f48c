"""The learners a study may name, fitted fold by fold: robust linear, ridge over blocks, boosted trees.

Each answers with its members for the inner folds, so that links, weights and intervals are judged out of
fold, and with the way to fit it again on everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.cohort import Texts
from features.encode import FeatureSpec
from models.block_ridge import RidgeSettings, fit_block_logistic, fit_block_ridge, learned_settings
from models.estimators import LinearSettings, TreeSettings, fit_linear, fit_trees
from models.members import Member
from models.outcome import Outcome
from training.served import unknown_without
from training.study import Study

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]
Folds = list[tuple[Index, Index]]
Fit = Callable[[Index], Member]


@dataclass(frozen=True)
class Columns:
    """What is known of the columns before anything is learned: block (p,) and the group of it that the ridge
    scales alike (p,), silence read as no (p,), and the columns (p,) unknown to patients of each mask."""

    blocks: tuple[str, ...]
    groups: tuple[str, ...]
    absent: Mask
    masks: Mapping[str, Mask]


@dataclass(frozen=True)
class TrainingPart:
    """What may be learned from: features (n, p), outcome, inner groups and conformal strata (n,)."""

    columns: Columns
    values: Numbers
    observed: Numbers
    groups: Texts
    strata: Texts

    def without(self, mask: str) -> TrainingPart:
        """The same patients, of whom nothing of a mask is known."""
        return replace(self, values=np.where(self.columns.masks[mask], np.nan, self.values))


@dataclass(frozen=True)
class Fitted:
    """One learner's members by inner fold, how to fit it on any rows, and what it chose."""

    kind: str
    members: tuple[Member, ...]
    fit: Fit
    choice: Mapping[str, object]


def columns_of(study: Study, spec: FeatureSpec, masks: Mapping[str, tuple[str, ...]]) -> Columns:
    """The columns of a specification as the study reads them."""
    unknown = {name: np.isin(spec.names, unknown_without(spec, mask)) for name, mask in masks.items()}
    blocks = tuple(feature.block for feature in spec.features)
    asked = {} if study.ridge is None else study.ridge.groups
    groups = tuple(_group(feature.name, asked) or feature.block for feature in spec.features)
    return Columns(blocks, groups, np.isin(spec.names, study.spec.absent), unknown)


def _group(name: str, asked: Mapping[str, tuple[str, ...]]) -> str | None:
    """The first group one of whose patterns a feature's name fits."""
    fits = (g for g, patterns in asked.items() if any(fnmatchcase(name, p) for p in patterns))
    return next(fits, None)


def learner_names(study: Study) -> tuple[str, ...]:
    """The study's learners, in the order in which they are weighed."""
    asked = {"linear": study.linear, "ridge": study.ridge, "trees": study.trees}
    return tuple(name for name, settings in asked.items() if settings is not None)


def fit_folds(
    name: str, part: TrainingPart, study: Study, folds: Folds, outcome: Outcome, seed: int
) -> Fitted:
    """The learner's members for each inner fold's training rows."""
    if name == "ridge":
        return _ridge(part, study, folds, outcome)
    fit: Fit = partial(_FITS[name], part, study, outcome, seed)
    return Fitted(name, tuple(fit(train) for train, _ in folds), fit, {})


def out_of_fold(values: Numbers, folds: Folds, fitted: Sequence[Member]) -> Numbers:
    """Each patient's margin (n,) by the member that did not learn from them."""
    margins = np.empty(len(values))
    for (_, held_out), member in zip(folds, fitted, strict=True):
        margins[held_out] = member.margin(values[held_out])
    return margins


def _linear(part: TrainingPart, study: Study, outcome: Outcome, _seed: int, rows: Index) -> Member:
    margin, groups = outcome.to_margin(part.observed[rows]), part.groups[rows].astype(str)
    settings = LinearSettings(**asdict(study.linear)) if study.linear else LinearSettings()
    return fit_linear(part.values[rows], margin, groups, settings, part.columns.absent)


def _trees(part: TrainingPart, study: Study, outcome: Outcome, seed: int, rows: Index) -> Member:
    given = {} if study.trees is None else asdict(study.trees)
    kept = given.pop("blocks", ())
    settings = TreeSettings(**given, seed=seed)
    values = part.values[rows]
    if kept:
        values = np.where(np.isin(part.columns.blocks, kept), values, np.nan)
    target = part.observed[rows] if outcome.kind == "binary" else outcome.to_margin(part.observed[rows])
    return fit_trees(values, target, settings, part.columns.absent)


_FITS: Mapping[str, Callable[[TrainingPart, Study, Outcome, int, Index], Member]] = {
    "linear": _linear,
    "trees": _trees,
}


def _ridge(part: TrainingPart, study: Study, folds: Folds, outcome: Outcome) -> Fitted:
    """Ridge whose blocks are scaled by what they are worth on the rows it is fitted on."""
    fit: Fit = partial(_fit_ridge, part, outcome)
    scales = ridge_settings(part, outcome, np.arange(len(part.observed))).scales
    told = {"scales": {block: round(scale, 4) for block, scale in scales.items()}}
    return Fitted("ridge", tuple(fit(train) for train, _ in folds), fit, told)


def ridge_settings(part: TrainingPart, outcome: Outcome, rows: Index) -> RidgeSettings:
    """What each group of columns is worth to these rows."""
    columns, is_binary = part.columns, outcome.kind == "binary"
    target = part.observed[rows] if is_binary else outcome.to_margin(part.observed[rows])
    return learned_settings(part.values[rows], target, columns.groups, is_binary, columns.absent)


def _fit_ridge(part: TrainingPart, outcome: Outcome, rows: Index) -> Member:
    settings = ridge_settings(part, outcome, rows)
    columns, values, observed = part.columns, part.values[rows], part.observed[rows]
    if outcome.kind == "binary":
        return fit_block_logistic(values, observed, columns.groups, settings, columns.absent)
    return fit_block_ridge(values, outcome.to_margin(observed), columns.groups, settings, columns.absent)
