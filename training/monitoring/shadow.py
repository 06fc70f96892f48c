"""A challenger in the champion's shadow: both answer the patients of the prediction log once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from features.errors import DataError
from models.answers import Answers
from models.model_set import ModelSet
from models.reference import SMALLEST_CELL
from models.shelf import CHALLENGER, CHAMPION
from training.monitoring.logged import read_log
from training.predict_folder import model_of
from training.study import Study

LEVEL = 0.9
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class ShadowOption:
    """How one option is answered otherwise, in the outcome's unit; shares are of the n patients.

    `quantiles` (5, 25, 50, 75, 95%) are of challenger minus champion where both answer, `beyond` the share
    of those n_both that moved by more than the tolerance; None where both answer fewer than ten. `notices`
    is by code the share of patients who get it from one model only.
    """

    option: str
    unit: str
    n: int
    n_both: int
    mean: float | None
    mean_absolute: float | None
    quantiles: tuple[float, ...] | None
    beyond: float | None
    declined_by_champion_only: float
    declined_by_challenger_only: float
    notices: Mapping[str, float]


@dataclass(frozen=True)
class Shadow:
    """Champion and challenger on the logged patients, by option; and options that only one of them has."""

    study: str
    champion: int
    challenger: int
    n: int
    tolerance: float
    options: tuple[ShadowOption, ...]
    only_champion: tuple[str, ...]
    only_challenger: tuple[str, ...]


def shadow(home: Path, study: str, tolerance: float | None = None) -> Shadow:
    """The comparison on everybody in the log, each as last asked about; refuses fewer than ten patients.

    Without a tolerance it is the largest change that the champion's plan allows golden patients, else 0.
    """
    old, new = (model_of(study, home, alias, LEVEL) for alias in (CHAMPION, CHALLENGER))
    cohort = read_log(home, study, old.loaded.models.spec).cohort
    if len(cohort) < SMALLEST_CELL:
        raise DataError(f"the log holds fewer than {SMALLEST_CELL} patients of '{study}'; ask about more")
    allowed = _planned(old.study) if tolerance is None else tolerance
    first, second = old.loaded.models, new.loaded.models
    return Shadow(
        study,
        old.version,
        new.version,
        len(cohort),
        allowed,
        shadowed(first, second, cohort, allowed),
        tuple(own for own in first.options if own not in second.options),
        tuple(own for own in second.options if own not in first.options),
    )


def shadowed(
    champion: ModelSet, challenger: ModelSet, cohort: Cohort, tolerance: float
) -> tuple[ShadowOption, ...]:
    """Every option that both know, on these patients."""
    both = [option for option in champion.options if option in challenger.options]
    if not both:
        return ()
    old, new = (models.answer(cohort, LEVEL, options=both) for models in (champion, challenger))
    return tuple(_option(option, old[option], new[option], tolerance) for option in both)


def _planned(study: Study) -> float:
    return 0.0 if study.change_plan is None else study.change_plan.largest_golden_change


def _option(option: str, old: Answers, new: Answers, tolerance: float) -> ShadowOption:
    gone, lost = np.isnan(old.value), np.isnan(new.value)
    moved = (new.value - old.value)[~(gone | lost)]
    told = len(moved) >= SMALLEST_CELL
    return ShadowOption(
        option,
        old.outcome.unit,
        len(old),
        len(moved),
        _rounded(moved.mean()) if told else None,
        _rounded(np.abs(moved).mean()) if told else None,
        tuple(_rounded(end) for end in np.quantile(moved, _QUANTILES)) if told else None,
        _rounded((np.abs(moved) > tolerance).mean()) if told else None,
        _share(gone & ~lost),
        _share(lost & ~gone),
        _other_notices(old, new),
    )


def _other_notices(old: Answers, new: Answers) -> dict[str, float]:
    pairs = zip(old.notices, new.notices, strict=True)
    codes = (({n.code for n in first}, {n.code for n in second}) for first, second in pairs)
    counted = Counter(code for first, second in codes for code in first ^ second)
    return {code: _rounded(n / len(old)) for code, n in sorted(counted.items())}


def _share(chosen: NDArray[np.bool_]) -> float:
    return _rounded(chosen.mean())


def _rounded(number: float | np.floating) -> float:
    return round(float(number), 6)
