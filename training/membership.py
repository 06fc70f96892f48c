"""Whether a model's answers betray who was learned from: attacks by its error and by its confidence.

Whoever knows a patient's outcome and the answer guesses that a small error, or a sure answer, is a member's
(Yeom et al. 2018, doi:10.1109/CSF.2018.00027). The AUC of a guess is 0.5 where nothing is betrayed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from features.cohort import Cohort
from models.model_set import ModelSet
from models.reference import SMALLEST_CELL
from training.design import Design
from training.study import Study

Numbers = NDArray[np.float64]
_Z95 = 1.959964


def membership(
    study: Study, models: ModelSet, cohort: Cohort, design: Design, held_out: Numbers
) -> dict[str, object]:
    """The surest attack on the final models, and each attack: `auc`, `lower`, `upper`, and how many answers.

    Members are the patients learned from, as the final models answer them; the others are the evaluation's
    held-out (observed, answered) pairs (n, 2). None is told of fewer than ten answers on a side.
    """
    members, others = _answered(models, cohort, design), held_out[~np.isnan(held_out).any(axis=1)]
    sizes = {"n_members": len(members), "n_held_out": len(others)}
    if min(sizes.values()) < SMALLEST_CELL:
        return {**sizes, "auc": None, "attacks": {}}
    attacks = {"error": attack(-_errors(members), -_errors(others))}
    if study.outcome.is_binary:
        attacks["confidence"] = attack(_confidence(members), _confidence(others))
    surest = max(attacks.values(), key=lambda found: found["auc"])
    return {**sizes, **surest, "attacks": attacks}


def attack(members: Numbers, others: Numbers) -> dict[str, float]:
    """AUC of calling high scores members, with a 95% interval (DeLong et al. 1988, doi:10.2307/2531595).

    >>> attack(np.array([0.9, 0.8]), np.array([0.8, 0.1]))["auc"]
    0.875
    """
    n, m = len(members), len(others)
    ranks = rankdata(np.concatenate([members, others]))
    above = (ranks[:n] - rankdata(members)) / m
    below = 1.0 - (ranks[n:] - rankdata(others)) / n
    found = float(above.mean())
    spread = np.sqrt(above.var(ddof=1) / n + below.var(ddof=1) / m)
    ends = np.clip([found - _Z95 * spread, found + _Z95 * spread], 0.0, 1.0)
    return {"auc": round(found, 6), "lower": round(float(ends[0]), 6), "upper": round(float(ends[1]), 6)}


def _answered(models: ModelSet, cohort: Cohort, design: Design) -> Numbers:
    """(observed, answered) of those learned from, under the treatment they had; declined ones are left."""
    if models.question is None:
        values = [own.value for own in models.answer(cohort).values()]
    else:
        values = [models.model.predict(cohort).value]
    observed = design.observed[:, None] if design.outcomes is None else design.outcomes
    pairs = np.column_stack([observed.T.ravel(), np.concatenate(values)])
    return pairs[~np.isnan(pairs).any(axis=1)]


def _errors(pairs: Numbers) -> Numbers:
    return np.abs(pairs[:, 0] - pairs[:, 1])


def _confidence(pairs: Numbers) -> Numbers:
    return np.abs(pairs[:, 1] - 0.5)
