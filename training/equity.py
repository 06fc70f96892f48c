"""For whom the model answers worse: figures by protected attribute, and how surely groups lie apart.

Groups are compared by fairlearn's MetricFrame over all held-out answers of the study's first protocol; the
AUC counts pairs held out together, as everywhere here. Intervals redraw patients, each with all the answers
they were given. No figure is told of fewer than 10 patients, and none that looks at one outcome alone where
fewer than 10 patients have it or have it not.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from fairlearn.metrics import (
    MetricFrame,
    false_positive_rate,
    mean_prediction,
    selection_rate,
    true_positive_rate,
)
from numpy.typing import NDArray
from sklearn.metrics import mean_absolute_error, mean_squared_error

from features.cohort import Cohort
from training.design import Design
from training.discrimination import weighted_pairs
from training.equity_gaps import N_RESAMPLES, gap, interval, pairwise, redrawn, widest
from training.holdout import MODEL, HeldOut
from training.study import Study
from training.study_equity import EquityAsked, features_that_read

Numbers = NDArray[np.float64]
Resampled = Mapping[str, Numbers]
SMALLEST_CELL = 10
UNKNOWN = ("not_recorded", "not_stated")
"""Levels that are no group of people; told, but not compared."""

CONDITIONAL = ("auc", "true_positive_rate", "false_positive_rate")
_SIGNED = "signed_error"
_FEW, _FEW_OF_CLASS = "fewer than 10 patients", "fewer than 10 patients with or without the event"


@dataclass(frozen=True)
class HeldOutAnswers:
    """Every held-out answer, a row each: the patient's place in the cohort, what was observed and answered,
    and whether interval or set held it. `splits` are the rows of each split."""

    patients: NDArray[np.int64]
    observed: Numbers
    answered: Numbers
    held: Numbers
    splits: tuple[slice, ...]

    @classmethod
    def of(cls, design: Design, held: Sequence[HeldOut]) -> HeldOutAnswers:
        """The model's answers of these splits."""
        patients = np.concatenate([h.split.test for h in held])
        ends = np.cumsum([0, *(len(h.split.test) for h in held)]).tolist()
        answered = np.concatenate([h.answers[MODEL] for h in held])
        splits = tuple(slice(a, b) for a, b in itertools.pairwise(ends))
        covered = np.concatenate([h.held for h in held])
        return cls(patients, design.observed[patients], answered, covered, splits)


def equity(study: Study, asked: EquityAsked, cohort: Cohort, design: Design, held: Sequence[HeldOut]) -> dict:
    """The document's section of that name, but for the cost of leaving out; `held` is of one protocol.

    `<attribute>.groups.<group>.<figure>` and `<attribute>.gap.<figure>.difference` have value, lower, upper.
    """
    answers, drawn = HeldOutAnswers.of(design, held), redrawn(len(cohort), study.seed)
    told = {"threshold": asked.threshold} if study.outcome.is_binary else {}
    return {
        "protocol": held[0].split.protocol,
        "n_resamples": N_RESAMPLES,
        **told,
        **{
            name: {
                **_declared(study, asked, name),
                **_compared(study, asked, answers, levels_of(asked, cohort, name), drawn),
            }
            for name in asked.attributes
        },
    }


def levels_of(asked: EquityAsked, cohort: Cohort, name: str) -> NDArray:
    """Each patient's group (n,): of a category, a flag, a quantity's bands, or the cohort's groups."""
    if name in asked.bands:
        return _banded(cohort.values(name), asked.bands[name])
    values = cohort.values(name)
    if not np.isnan(values).all():
        return np.select([values == 1.0, values == 0.0], ["yes", "no"], "not_recorded").astype(object)
    texts = np.array([text or "not_recorded" for text in cohort.texts(name).tolist()], dtype=object)
    if (texts == "not_recorded").all() and name in cohort.groups:
        return np.array([str(label) or "not_recorded" for label in cohort.groups[name]], dtype=object)
    return texts


def _banded(values: Numbers, cuts: Sequence[float]) -> NDArray:
    edges = [f"{cut:g}" for cut in cuts]
    between = [f"{low} to below {high}" for low, high in itertools.pairwise(edges)]
    names = np.array([f"below {edges[0]}", *between, f"{edges[-1]} and above"], dtype=object)
    return np.where(
        np.isnan(values), "not_recorded", names[np.searchsorted(cuts, values, side="right") % len(names)]
    )


def _declared(study: Study, asked: EquityAsked, name: str) -> dict[str, object]:
    read = features_that_read(study, name)
    return {
        "is_input": bool(read),
        "features": list(read),
        "reason": asked.reasons.get(name) if read else None,
    }


def _compared(
    study: Study, asked: EquityAsked, answers: HeldOutAnswers, levels: NDArray, drawn: Numbers
) -> dict[str, object]:
    """Groups and gaps of one attribute."""
    threshold = asked.threshold if study.outcome.is_binary else None
    labels = levels[answers.patients]
    groups: dict[str, dict[str, object]] = {}
    found: dict[str, dict[str, Numbers]] = {}
    for level in sorted(set(levels.tolist())):
        n = len(np.unique(answers.patients[labels == level]))
        if n < SMALLEST_CELL:
            groups[level] = {"suppressed": _FEW}
            continue
        found[level] = resampled_figures(answers, labels == level, drawn, threshold)
        groups[level] = {"n": n}
    for figure, by_group in _framed(answers, labels, found, threshold).items():
        for level, value in by_group.items():
            found[level][figure][0] = value
    for level, figures in found.items():
        groups[level] |= {name: interval(values) for name, values in figures.items()}
        if threshold is not None and "auc" not in figures:
            groups[level]["suppressed"] = dict.fromkeys(CONDITIONAL, _FEW_OF_CLASS)
    compared = {level: figures for level, figures in found.items() if level not in UNKNOWN}
    return {"groups": groups, "gap": _gaps(compared)}


def _framed(
    answers: HeldOutAnswers, labels: NDArray, found: Mapping[str, Resampled], threshold: float | None
) -> dict[str, dict[str, float]]:
    """By figure and group, the values that MetricFrame tells of the groups that have the figure."""
    errors = {"mae": mean_absolute_error} if threshold is None else {"brier": mean_squared_error}
    told = _by_group(
        errors | {_SIGNED: _signed_error}, answers.observed, answers.answered, labels, list(found)
    )
    covered = 100.0 * answers.held
    told |= _by_group({"coverage90": mean_prediction}, answers.observed, covered, labels, list(found))
    if threshold is None:
        return told
    event, yes = (answers.observed > 0.5).astype(int), (answers.answered >= threshold).astype(int)
    told |= _by_group({"selection_rate": selection_rate}, event, yes, labels, list(found))
    both = [level for level, figures in found.items() if "auc" in figures]
    rates = {"true_positive_rate": true_positive_rate, "false_positive_rate": false_positive_rate}
    return told | _by_group(rates, event, yes, labels, both)


def _by_group(
    figures: Mapping[str, Callable[..., float]],
    observed: NDArray,
    answered: NDArray,
    labels: NDArray,
    levels: Sequence[str],
) -> dict[str, dict[str, float]]:
    own = np.isin(labels.astype(str), levels)
    if not own.any():
        return {}
    groups = {"sensitive_features": labels[own].astype(str)}
    frame = MetricFrame(metrics=dict(figures), y_true=observed[own], y_pred=answered[own], **groups)
    return {name: frame.by_group[name].astype(float).to_dict() for name in figures}


def _signed_error(observed: Numbers, answered: Numbers) -> float:
    return float(np.mean(answered - observed))


def resampled_figures(
    answers: HeldOutAnswers, own: NDArray[np.bool_], drawn: Numbers, threshold: float | None
) -> dict[str, Numbers]:
    """Each figure (resamples + 1,) of the answers in `own`, the first of the patients as they are.

    Those that look at one outcome alone are left out where 10 patients of each are not there.
    """
    observed, answered, held = answers.observed[own], answers.answered[own], answers.held[own]
    error = answered - observed
    ones = np.ones(len(observed))
    if threshold is None:
        sums = {"n": ones, "mae": np.abs(error), _SIGNED: error, "coverage90": 100.0 * held}
    else:
        event, yes = observed > 0.5, answered >= threshold
        sums = {"n": ones, "brier": np.square(error), _SIGNED: error, "coverage90": 100.0 * held}
        sums |= {"selection_rate": yes * ones, "events": event * ones}
        sums |= {"true_positive_rate": (yes & event) * ones, "false_positive_rate": (yes & ~event) * ones}
    names, columns = list(sums), np.column_stack(list(sums.values()))
    patients = answers.patients[own]
    people, place = np.unique(patients, return_inverse=True)
    per_person = np.column_stack([np.bincount(place, column) for column in columns.T])
    totals = dict(zip(names, (drawn[:, people] @ per_person).T, strict=True))
    n, events = totals.pop("n"), totals.pop("events", None)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = {name: totals.pop(name) for name in CONDITIONAL if name in totals}
        figures = {name: total / n for name, total in totals.items()}
        if events is None or not _has_both(observed, patients):
            return figures
        of = {"true_positive_rate": events, "false_positive_rate": n - events}
        return {"auc": _auc(answers, own, drawn), **figures, **{k: v / of[k] for k, v in rates.items()}}


def _has_both(observed: Numbers, patients: NDArray[np.int64]) -> bool:
    with_event, without = (len(np.unique(patients[mask])) for mask in (observed > 0.5, observed <= 0.5))
    return min(with_event, without) >= SMALLEST_CELL


def _auc(answers: HeldOutAnswers, own: NDArray[np.bool_], drawn: Numbers) -> Numbers:
    """The share (resamples + 1,) of pairs in order, of patients who were held out together."""
    pairs = np.zeros((2, len(drawn)))
    for rows in answers.splits:
        mine = own[rows]
        patients = answers.patients[rows][mine]
        pairs += weighted_pairs(
            answers.observed[rows][mine], answers.answered[rows][mine], drawn[:, patients]
        )
    return pairs[0] / pairs[1]


def _gaps(found: Mapping[str, Resampled]) -> dict[str, object]:
    """Gaps between the groups that have a figure, by figure; none where fewer than two have it."""
    gaps: dict[str, object] = {}
    apart: dict[str, Numbers] = {}
    for figure in dict.fromkeys(name for figures in found.values() for name in figures):
        names = [level for level, figures in found.items() if figure in figures]
        if len(names) > 1:
            stacked = np.column_stack([found[level][figure] for level in names])
            apart[figure] = pairwise(stacked)
            gaps[figure] = gap(names, stacked, with_ratio=figure != _SIGNED)
    if "true_positive_rate" in apart:
        odds = np.hstack([apart[rate] for rate in CONDITIONAL[1:]])
        gaps["equalized_odds"] = {"difference": widest(odds)}
    if "selection_rate" in apart:
        gaps["demographic_parity"] = {"difference": widest(apart["selection_rate"])}
    return gaps or {"suppressed": "fewer than two groups of 10 patients"}
