"""What is left of a model's performance once labels, or one block of features, are permuted.

The whole of the pipeline is learned again on each, on the first repeat of the study's folds. The p-value is
that of Phipson and Smyth 2010, doi:10.2202/1544-6115.1585, and never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from features.derived import parts_of
from features.errors import StudyError
from training.design import Design
from training.discrimination import HeldOutProbabilities, auc_of
from training.holdout import MODEL, answer_split
from training.kin import kin_groups
from training.splits import Split, protocol_splits
from training.study import Study
from training.study_faults import block_of
from training.study_parts import Protocol
from training.workers import spread

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
_LABELS, _NOTHING = "labels", ""
_PLACES = 6
_DEFAULT = Protocol("folds", "folds", splits=1, folds=5)


@dataclass(frozen=True)
class _Task:
    """One split to answer, with what is permuted (a block, the labels or nothing) by the draw's own seed."""

    what: str
    draw: int
    split: Split


def randomisation(
    study: Study, cohort: Cohort, design: Design, report: Callable[[int], None]
) -> dict[str, object]:
    """The document's section: the real figure, permuted ones with their p-value, and the loss by block.

    The figure is the AUC over pairs held out together (within the groups that the study compares within), or
    the mean absolute error. Labels are permuted within those groups, too.
    """
    asked = study.randomisation
    if asked is None:
        raise StudyError("the study asks for no randomisation; write [randomisation]")
    missing = sorted(set(asked.blocks) - {feature.block for feature in design.matrix.features})
    if missing:
        raise StudyError(f"randomisation.blocks: no feature is of block {', '.join(missing)}")
    protocol, splits = light_splits(study, cohort, design)
    draws = [(_NOTHING, 0), *((_LABELS, i) for i in range(asked.permutations))]
    draws += [(block, i) for block in asked.blocks for i in range(asked.draws)]
    tasks = [_Task(what, i, split) for what, i in draws for split in splits]
    light = replace(study, comparators=(), transport=None, protocols=(protocol,))
    answers = spread(_answer, (design, light), tasks, report)
    found: dict[tuple[str, int], list[tuple[Split, Numbers]]] = {}
    for task, answered in zip(tasks, answers, strict=True):
        found.setdefault((task.what, task.draw), []).append((task.split, answered))
    figures = {draw: _figure(study, design, draw, own) for draw, own in found.items()}
    return _section(study, protocol, figures)


def light_splits(study: Study, cohort: Cohort, design: Design) -> tuple[Protocol, list[Split]]:
    """The first repeat of the study's folds, or of five of its own."""
    folds = next((protocol for protocol in study.protocols if protocol.kind == "folds"), _DEFAULT)
    light = replace(folds, splits=1)
    return light, protocol_splits(light, cohort, kin_groups(cohort), design.observed)


def permuted_labels(study: Study, design: Design, draw: int) -> Numbers:
    """The outcomes (n,), dealt anew among the patients of each group that the study compares within."""
    rng = np.random.default_rng([study.seed, draw])
    permuted = design.observed.copy()
    labels = design.within.astype(str)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        permuted[rows] = design.observed[rng.permutation(rows)]
    return permuted


def permuted_block(study: Study, design: Design, block: str, draw: int) -> Numbers:
    """The features (n, p) with a block's columns dealt anew, together, among the patients who have any of it.

    What is computed from the block goes with it.
    """
    names = design.matrix.names
    own = [any(block_of(part) == block for part in (parts_of(name) or (name,))) for name in names]
    columns = np.flatnonzero(own)
    values = design.matrix.values.copy()
    rows = np.flatnonzero(~np.isnan(values[:, columns]).all(axis=1))
    dealt = np.random.default_rng([study.seed, draw, 1]).permutation(rows)
    values[np.ix_(rows, columns)] = design.matrix.values[np.ix_(dealt, columns)]
    return values


def p_value(real: float, permuted: Sequence[float], higher_is_better: bool) -> float:
    """How often chance is as good, the real one counted among the permuted.

    >>> p_value(0.8, [0.5, 0.4, 0.6], True)
    0.25
    """
    as_good = sum(own >= real if higher_is_better else own <= real for own in permuted)
    return (1 + as_good) / (1 + len(permuted))


def randomisation_remarks(study: Study, section: dict[str, object] | None) -> list[str]:
    """A sentence on whether the model is better than with permuted labels."""
    if section is None:
        return []
    real, p = section["real"], section["p_value"]
    permuted = section["permuted"]
    if not (isinstance(real, float) and isinstance(p, float) and isinstance(permuted, dict)):
        return []
    kind = "AUC" if section["metric"] == "auc" else f"mean absolute error ({study.outcome.unit})"
    told = (
        f"{kind} {real:.3f}; with permuted labels {permuted['mean']:.3f} ({permuted['lowest']:.3f} to "
        f"{permuted['highest']:.3f}), p = {p:.3g}."
    )
    return [told if p <= 0.05 else f"{told} The model has not been shown to be better than chance."]


def _answer(design: Design, study: Study, task: _Task) -> Numbers:
    if task.what == _LABELS:
        design = replace(design, observed=permuted_labels(study, design, task.draw))
    elif task.what != _NOTHING:
        values = permuted_block(study, design, task.what, task.draw)
        design = replace(design, matrix=replace(design.matrix, values=values))
    return answer_split(design, study, task.split).answers[MODEL]


def _figure(
    study: Study, design: Design, draw: tuple[str, int], answered: Sequence[tuple[Split, Numbers]]
) -> float:
    what, i = draw
    observed = permuted_labels(study, design, i) if what == _LABELS else design.observed
    if not study.outcome.is_binary:
        errors = [np.abs(own - observed[split.test]) for split, own in answered]
        return float(np.concatenate(errors).mean())
    nothing = [np.full(len(own), np.nan) for _, own in answered]
    held = [
        HeldOutProbabilities(split.test, observed[split.test], own, none, none, design.within[split.test])
        for (split, own), none in zip(answered, nothing, strict=True)
    ]
    return auc_of(held)


def _section(study: Study, protocol: Protocol, figures: dict[tuple[str, int], float]) -> dict[str, object]:
    is_binary, real = study.outcome.is_binary, figures[_NOTHING, 0]
    of: dict[str, list[float]] = {}
    for (what, _), own in figures.items():
        of.setdefault(what, []).append(own)
    sign = 1.0 if is_binary else -1.0
    blocks = {
        what: _range([sign * (real - own) for own in drawn])
        for what, drawn in of.items()
        if what not in (_LABELS, _NOTHING)
    }
    return {
        "protocol": f"the first repeat of {protocol.folds} folds",
        "metric": "auc" if is_binary else "mae",
        "permutations": len(of[_LABELS]),
        "real": round(real, _PLACES),
        "permuted": _range(of[_LABELS]),
        "p_value": round(p_value(real, of[_LABELS], is_binary), _PLACES),
        "loss_without_block": blocks,
    }


def _range(drawn: Sequence[float]) -> dict[str, float]:
    told = {"mean": float(np.mean(drawn)), "lowest": min(drawn), "highest": max(drawn)}
    return {name: round(value, _PLACES) for name, value in told.items()}
