"""What the answers of each protocol are worth to who acts on them: the sections beside the plain figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.abstention import abstention_section
from training.decision import decision_section, dose_section
from training.design import Design
from training.holdout import MODEL, HeldOut
from training.measures import Measures
from training.redraw import SMALLEST_CELL, Rows, draws, figure, pooled, redrawn
from training.reliability import calibration_section
from training.statistics import Figure
from training.study import Study
from training.study_parts import Protocol

Numbers = NDArray[np.float64]
Figures = Mapping[str, Mapping[str, Any]]


def answer_sections(
    study: Study,
    design: Design,
    by_protocol: Mapping[Protocol, Sequence[HeldOut]],
    levels: Mapping[str, NDArray],
    measures: Measures,
    protocols: object,
) -> dict[str, object]:
    """`calibration`, `decision`, `abstention` and `groups`, each by protocol.

    `levels` holds each patient's label (n,) by variable, `protocols` each one's figures by who answered.
    """
    is_binary, found = study.outcome.is_binary, _mapping(protocols)
    rows = {p: pooled(held, design.observed) for p, held in by_protocol.items() if held}
    rivals = {p: best_comparator(found.get(p.name, {}), measures.leading) for p in rows}
    named = () if study.decision is None else study.decision.thresholds
    decisions = {
        p.name: decision_section(own, named, rivals[p]) if is_binary else dose_section(own)
        for p, own in rows.items()
    }
    grouped = [p for p in rows if p.kind == "group"]
    return {
        "calibration": {
            p.name: calibration_section(own, levels, is_binary=is_binary) for p, own in rows.items()
        },
        "decision": decisions if is_binary or study.outcome.lowest >= 0.0 else {},
        "abstention": {
            p.name: abstention_section(p, by_protocol[p], measures, design.observed, is_binary=is_binary)
            for p in rows
        },
        "groups": {
            p.name: _groups(p, by_protocol[p], rivals[p], measures, design.observed, is_binary=is_binary)
            for p in grouped
        },
    }


def best_comparator(figures: Figures, leading: str) -> str | None:
    """Who of the others does best by the leading metric; None where there is nobody."""
    others = {who: own[leading]["value"] for who, own in figures.items() if who != MODEL and leading in own}
    if not others:
        return None
    return (min if leading == "mae" else max)(others, key=lambda who: others[who])


def _groups(
    protocol: Protocol,
    held: Sequence[HeldOut],
    rival: str | None,
    measures: Measures,
    observed: Numbers,
    *,
    is_binary: bool,
) -> dict[str, dict[str, object]]:
    """By group held out (`n`), the leading figure of the model and the best comparator, patients redrawn."""
    found: dict[str, dict[str, object]] = {}
    for h in held:
        if len(h.split.test) < SMALLEST_CELL:
            continue
        found[h.split.name] = {"n": len(h.split.test)}
        for who in (MODEL, *(() if rival is None else (rival,))):
            if is_binary:
                own = measures.quick_figures(protocol, [h], who).get(measures.leading)
            else:
                own = _error(pooled([h], observed), who)
            found[h.split.name] |= {} if own is None else {who: {measures.leading: own}}
    return found


def _error(rows: Rows, who: str) -> Figure | None:
    """The mean absolute error of one group; draws are of its own patients."""
    place = np.arange(len(rows.patients))
    alone = Rows(len(place), place, rows.observed, rows.answers, rows.covered)
    errors = np.abs(rows.answers[who] - rows.observed)[:, None]
    return figure(redrawn(alone, errors, draws(len(place)))[:, 0])


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}
