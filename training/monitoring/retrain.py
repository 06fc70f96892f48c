"""The study again on old and new patients, and how the new model would have done on the new ones.

The champion never saw the new patients, so its answers to them are honest; for the new model they are held
out in turn, and the rest of them learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold

from features.cohort import Cohort
from features.errors import CohortError
from models import bundle
from models.reference import SMALLEST_CELL
from models.shelf import CHAMPION, Shelf
from training.design import build_design
from training.discrimination import auc
from training.holdout import MODEL, answer_splits
from training.kin import kin_groups
from training.population import select_population
from training.prepared import Progress, quiet
from training.run import RunResult, run_study
from training.splits import Split, without_twins
from training.study import Study
from training.study_cohort import study_cohort, with_more

Numbers = NDArray[np.float64]
_FOLDS, _N_DRAWS, _LEAST = 5, 1000, 30


@dataclass(frozen=True)
class Comparison:
    """Champion and new model on the n new patients whom both answered, by the leading metric.

    `gain` is by how much the new model is better, with a 95% interval that redraws patients.
    """

    metric: str
    n: int
    champion: float
    retrained: float
    gain: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Retrained:
    """The new candidate, and how it compares; None without a champion or with too few new patients."""

    result: RunResult
    n_new: int
    comparison: Comparison | None


def retrain(
    study: Study, folders: Sequence[Path], data_dir: Path, home: Path, progress: Progress = quiet
) -> Retrained:
    """Fits the study on its own patients and those of the folders, and registers a challenger."""
    old = study_cohort(study, data_dir, home)
    whole = select_population(study, with_more(study, old, folders)).cohort
    known = set(old.patient_ids)
    new = np.flatnonzero([patient not in known for patient in whole.patient_ids])
    if not len(new):
        raise CohortError("no new patient is of the study's population with an outcome; check the folder")
    comparison = None if study.panel else compare(study, whole, new, home, progress)
    result = run_study(study, data_dir, home, progress, folders)
    return Retrained(result, len(new), comparison)


def compare(
    study: Study, cohort: Cohort, new: NDArray[np.int64], home: Path, progress: Progress = quiet
) -> Comparison | None:
    """Champion against a model that learned from everybody else, on the patients at positions `new`."""
    entry = Shelf(home).entry(study.name, CHAMPION)
    if entry is None or len(new) < _LEAST:
        return None
    design = build_design(study, cohort)
    everybody, kin = np.arange(len(cohort)), kin_groups(cohort)
    dealt = KFold(_FOLDS, shuffle=True, random_state=study.seed).split(new)
    parts = [new[test] for _, test in dealt]
    splits = [
        Split("new", str(i), without_twins(np.setdiff1d(everybody, test), test, kin), test)
        for i, test in enumerate(parts)
    ]
    held = answer_splits(design, study, splits, lambda done: progress("compare", done, len(splits)))
    retrained = np.full(len(cohort), np.nan)
    for own in held:
        retrained[own.split.test] = own.answers[MODEL]
    patients = cohort.take(np.array(cohort.patient_ids)[new])
    champion = bundle.load(entry.folder, entry.digest).models.model.predict(patients).value
    return compared(design.observed[new], champion, retrained[new], study.outcome.is_binary)


def compared(observed: Numbers, champion: Numbers, retrained: Numbers, is_binary: bool) -> Comparison | None:
    """The comparison of two models' answers (n,); None where too few were answered by both."""
    both = ~(np.isnan(champion) | np.isnan(retrained))
    y, first, second = observed[both], champion[both], retrained[both]
    classes = min(y.sum(), (1.0 - y).sum()) if is_binary else len(y)
    if len(y) < _LEAST or classes < SMALLEST_CELL:
        return None
    gain, figures = (_auc_gain, auc) if is_binary else (_mae_gain, _mae)
    rng = np.random.default_rng(0)
    drawn = (rng.integers(0, len(y), len(y)) for _ in range(_N_DRAWS))
    gains = np.array([gain(y[rows], first[rows], second[rows]) for rows in drawn])
    lower, upper = np.nanquantile(gains, [0.025, 0.975])
    numbers = (figures(y, first), figures(y, second), gain(y, first, second), lower, upper)
    return Comparison("auc" if is_binary else "mae", len(y), *(round(float(number), 6) for number in numbers))


def _mae(observed: Numbers, answered: Numbers) -> float:
    return float(np.abs(observed - answered).mean())


def _mae_gain(observed: Numbers, first: Numbers, second: Numbers) -> float:
    return _mae(observed, first) - _mae(observed, second)


def _auc_gain(observed: Numbers, first: Numbers, second: Numbers) -> float:
    return auc(observed, second) - auc(observed, first)
