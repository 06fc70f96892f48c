"""Whether answers are as good for one group of people as for another, and what leaving its mark out costs.

Point figures and their gaps are fairlearn's (Weerts et al. 2023, JMLR 24:257); intervals redraw patients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from numpy.typing import NDArray

from features.cohort import Cohort
from training.design import Design, build_design
from training.discrimination import auc
from training.holdout import LEVEL, LEVELS, MODEL, HeldOut, answer_splits
from training.redraw import SMALLEST_CELL, Rows, draws, pooled
from training.study import Study
from training.study_equity import EquityAsked, features_of
from training.study_parts import Protocol

Numbers = NDArray[np.float64]
Labels = NDArray[np.object_]
Mask = NDArray[np.bool_]
_LIGHT_RANDOM, _NOT_RECORDED = 10, "not_recorded"
_AT_90 = LEVELS.index(LEVEL)


def equity_section(
    study: Study, cohort: Cohort, design: Design, by_protocol: Mapping[Protocol, Sequence[HeldOut]]
) -> dict[str, Any] | None:
    """By protected attribute and protocol: figures of each group of ten or more, and gaps with intervals.

    None where the study declares no protected attribute.
    """
    asked = study.equity
    if asked is None:
        return None
    rows = {p.name: pooled(held, design.observed) for p, held in by_protocol.items() if held}
    told: dict[str, Any] = {}
    for attribute in asked.protected:
        labels = labels_of(asked, cohort, attribute)
        told[attribute] = {
            "reason": asked.reasons.get(attribute, "is not an input"),
            **{name: _by_group(own, labels, asked, study.outcome.is_binary) for name, own in rows.items()},
        }
        inputs = features_of(attribute, study.features)
        if asked.leave_out and inputs:
            told[attribute]["cost_of_leaving_out"] = _cost(study, cohort, design, by_protocol, attribute)
    return told


def labels_of(asked: EquityAsked, cohort: Cohort, attribute: str) -> Labels:
    """Each patient's group (n,) of an attribute: band of a quantity, category, or group of the cohort."""
    if attribute in cohort.groups:
        return _recorded(cohort.groups[attribute].tolist())
    if attribute not in asked.bands:
        return _recorded(cohort.texts(attribute).tolist())
    cuts = sorted(asked.bands[attribute])
    names = [f"below {cuts[0]:g}", *(f"{a:g} to {b:g}" for a, b in pairwise(cuts))]
    names.append(f"{cuts[-1]:g} or more")
    values = cohort.values(attribute)
    bands = np.array(names, dtype=object)[np.searchsorted(cuts, np.nan_to_num(values), side="right")]
    return np.where(np.isnan(values), _NOT_RECORDED, bands)


def _recorded(texts: Sequence[object]) -> Labels:
    return np.array([str(own or _NOT_RECORDED) for own in texts], dtype=object)


def _by_group(rows: Rows, labels: Labels, asked: EquityAsked, is_binary: bool) -> dict[str, Any]:
    """Groups, gaps between the best and the worst of them, and how many groups are too small to be told."""
    own = _once_each(rows) if is_binary else rows
    members = labels[own.patients]
    levels = sorted(set(members.tolist()))
    large = [level for level in levels if _is_large(own, members == level, is_binary)]
    told: dict[str, Any] = {"suppressed_groups": len(levels) - len(large), "groups": {}, "gap": {}}
    kept = np.isin(members.astype(str), large)
    if not kept.any():
        return told
    frame = (
        _of_events(own, members, kept, asked.threshold) if is_binary else _of_quantities(own, labels, kept)
    )
    for level in large:
        n = len(np.unique(own.patients[members == level]))
        figures = frame.by_group.loc[level].to_dict()
        told["groups"][level] = {"n": n, **{k: round(float(v), 6) for k, v in figures.items()}}
    if len(large) > 1:
        drawn = {level: _drawn(own, members == level, asked.threshold, is_binary) for level in large}
        told["gap"] = _gaps(frame, drawn)
    return told


def _once_each(rows: Rows) -> Rows:
    """Each patient once, with the mean of the answers given while held out, and held if mostly held."""
    patients, where = np.unique(rows.patients, return_inverse=True)
    counts = np.bincount(where)
    answers = {who: np.bincount(where, own) / counts for who, own in rows.answers.items()}
    covered = np.column_stack([np.bincount(where, own) / counts for own in rows.covered.T])
    first = np.zeros(len(patients))
    first[where] = rows.observed
    return Rows(rows.n, patients, first, answers, covered)


def _is_large(rows: Rows, chosen: NDArray[np.bool_], is_binary: bool) -> bool:
    """Ten patients or more; of an event ten with it and ten without."""
    if not is_binary:
        return len(np.unique(rows.patients[chosen])) >= SMALLEST_CELL
    events = int((rows.observed[chosen] > 0.5).sum())
    return min(events, int(chosen.sum()) - events) >= SMALLEST_CELL


def _of_quantities(rows: Rows, labels: Labels, kept: Mask) -> MetricFrame:
    """Means over the `kept` answers; `bias` is how much too high they are.

    Each patient's answers are added up first, since fairlearn takes rows one by one.
    """
    people, where = np.unique(rows.patients[kept], return_inverse=True)
    observed, answered = rows.observed[kept], rows.answers[MODEL][kept]
    held, error = 100.0 * rows.covered[kept, _AT_90], np.abs(answered - observed)
    times, sums = np.bincount(where), [np.bincount(where, own) for own in (observed, answered, error, held)]
    return MetricFrame(
        metrics={
            "mae": lambda _y, _answered, total, times: float(total.sum() / times.sum()),
            "bias": lambda y, answered, times: float((answered - y).sum() / times.sum()),
            "coverage90": lambda _y, _answered, total, times: float(total.sum() / times.sum()),
        },
        y_true=sums[0],
        y_pred=sums[1],
        sensitive_features=labels[people].astype(str),
        sample_params={
            "mae": {"total": sums[2], "times": times},
            "bias": {"times": times},
            "coverage90": {"total": sums[3], "times": times},
        },
    )


def _of_events(rows: Rows, members: Labels, kept: Mask, threshold: float) -> MetricFrame:
    """Of each patient once; `bias` is how much too high answers are on average."""
    rates = {
        "selection_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
    }
    return MetricFrame(
        metrics={
            "auc": lambda y, answered: auc(np.asarray(y), np.asarray(answered)),
            "brier": lambda y, answered: float(np.mean(np.square(answered - y))),
            "bias": lambda y, answered: float(np.mean(answered - y)),
            "coverage90": lambda _y, _answered, held: float(100.0 * np.mean(held)),
            **{name: _at(rate, threshold) for name, rate in rates.items()},
        },
        y_true=rows.observed[kept],
        y_pred=rows.answers[MODEL][kept],
        sensitive_features=members[kept].astype(str),
        sample_params={"coverage90": {"held": rows.covered[kept, _AT_90]}},
    )


def _at(rate: Callable[..., float], threshold: float) -> Callable[..., float]:
    return lambda y, answered: float(rate(y, (np.asarray(answered) >= threshold) * 1.0, pos_label=1.0))


def _drawn(rows: Rows, chosen: NDArray[np.bool_], threshold: float, is_binary: bool) -> dict[str, Numbers]:
    """Each metric of one group when its patients are drawn anew (draws + 1,), first as they are."""
    people, where = np.unique(rows.patients[chosen], return_inverse=True)
    weights = draws(len(people))
    y, answered = rows.observed[chosen], rows.answers[MODEL][chosen]
    counts = weights @ np.bincount(where)

    def mean(values: Numbers) -> Numbers:
        return (weights @ np.bincount(where, values)) / counts

    shared = {"bias": mean(answered - y), "coverage90": 100.0 * mean(rows.covered[chosen, _AT_90])}
    if not is_binary:
        return {"mae": mean(np.abs(answered - y)), **shared}
    selected, event = (answered >= threshold).astype(np.float64), (y > 0.5).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "auc": _drawn_auc(weights, y, answered),
            "brier": mean(np.square(answered - y)),
            **shared,
            "selection_rate": mean(selected),
            "true_positive_rate": mean(selected * event) / mean(event),
            "false_positive_rate": mean(selected * (1.0 - event)) / mean(1.0 - event),
        }


def _drawn_auc(weights: Numbers, y: Numbers, answered: Numbers) -> Numbers:
    """The AUC under each draw; `weights` (draws, n) say how often each patient was drawn."""
    event = y > 0.5
    high, low = answered[event][:, None], answered[~event][None, :]
    right = (high > low) + 0.5 * (high == low)
    first, second = weights[:, event], weights[:, ~event]
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((first @ right) * second).sum(axis=1) / (first.sum(axis=1) * second.sum(axis=1))


def _gaps(frame: MetricFrame, drawn: Mapping[str, Mapping[str, Numbers]]) -> dict[str, Any]:
    """By metric the difference and ratio of the best and the worst group, the difference with its interval.

    Noise alone makes the gap of many small groups large: its interval tells how large it is when patients
    are redrawn, not that it is there.
    """
    difference, ratio = frame.difference(method="between_groups"), frame.ratio(method="between_groups")
    gaps: dict[str, Any] = {}
    for metric in frame.by_group.columns:
        values = np.array([own[metric] for own in drawn.values()])
        spread = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
        lower, upper = np.nanquantile(spread[1:], [0.025, 0.975])
        gaps[metric] = {"difference": _figure(float(difference[metric]), float(lower), float(upper))}
        if metric not in ("bias",) and np.isfinite(ratio[metric]):
            gaps[metric]["ratio"] = round(float(ratio[metric]), 6)
    return gaps


def _figure(value: float, lower: float, upper: float) -> dict[str, float]:
    return {"value": round(value, 6), "lower": round(lower, 6), "upper": round(upper, 6)}


def _cost(
    study: Study,
    cohort: Cohort,
    design: Design,
    by_protocol: Mapping[Protocol, Sequence[HeldOut]],
    attribute: str,
) -> dict[str, Any]:
    """How much worse the study does without the attribute's features, on a few splits of its first protocol.

    `loss` is the mean absolute error or the Brier score; above 0 the cost of leaving out is real.
    """
    protocol, held = next(iter(by_protocol.items()))
    some = list(held)[: protocol.folds if protocol.kind == "folds" else _LIGHT_RANDOM]
    without = without_attribute(study, attribute)
    bare = build_design(without, cohort)
    again = answer_splits(bare, replace(without, comparators=()), [h.split for h in some], lambda _done: None)
    first, second = pooled(some, design.observed), pooled(again, bare.observed)
    loss = np.square if study.outcome.is_binary else np.abs
    change = loss(second.answers[MODEL] - second.observed) - loss(first.answers[MODEL] - first.observed)
    people, where = np.unique(first.patients, return_inverse=True)
    weights = draws(len(people))
    values = (weights @ np.bincount(where, change)) / (weights @ np.bincount(where))
    lower, upper = np.quantile(values[1:], [0.025, 0.975])
    return {
        "metric": "brier" if study.outcome.is_binary else "mae",
        "splits": len(some),
        "n": len(people),
        "loss": _figure(float(values[0]), float(lower), float(upper)),
    }


def without_attribute(study: Study, attribute: str) -> Study:
    """The study without the features of one attribute, products of them included."""
    gone = set(features_of(attribute, study.features))
    kept = tuple(name for name in study.spec.names if name not in gone)
    spec = replace(study.spec, names=kept, absent=tuple(n for n in study.spec.absent if n not in gone))
    groups = (tuple(n for n in group if n not in gone) for group in study.model.required_any)
    masks = tuple(mask for mask in study.model.masks if not gone.intersection(mask))
    model = replace(study.model, required_any=tuple(g for g in groups if g), masks=masks)
    return replace(study, spec=spec, model=model, transport=None)
