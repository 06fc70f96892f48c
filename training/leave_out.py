"""What it costs to leave a protected attribute out: the study fitted again without whatever reads it.

On a light protocol, the first splits of the study's first: the same patients are held out and answered with
the attribute and without it; strata of intervals stay. Intervals of the figures redraw patients, the same
with and without; they do not tell what refitting on other patients would add.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from training.design import Design, build_design
from training.equity import (
    SMALLEST_CELL,
    UNKNOWN,
    HeldOutAnswers,
    equity,
    levels_of,
    resampled_figures,
)
from training.equity_gaps import interval, pairwise, redrawn
from training.holdout import HeldOut, answer_splits
from training.served import served_spec
from training.study import Study
from training.study_equity import EquityAsked

Numbers = NDArray[np.float64]
RANDOM_SPLITS = 10


@dataclass(frozen=True)
class Without:
    """A study without the features that read a protected attribute.

    `uninferred` does not infer a SNP from its neighbours either, where that asks for the attribute.
    """

    study: Study
    features: tuple[str, ...]
    uninferred: Study | None


def equity_of(
    study: Study, asked: EquityAsked, cohort: Cohort, design: Design, held: Sequence[HeldOut]
) -> dict[str, object]:
    """The document's section `equity`, with the cost of leaving out where the study asks for it."""
    given = (study, asked, cohort, design, held)
    cost = {"cost_of_leaving_out": cost_of_leaving_out(*given)} if asked.leave_out else {}
    return {**equity(*given), **cost}


def cost_of_leaving_out(
    study: Study, asked: EquityAsked, cohort: Cohort, design: Design, held: Sequence[HeldOut]
) -> dict[str, object]:
    """By attribute that is an input: the leading metric and the gap in it, with, without, and the difference.

    `held` are the held-out answers of the study's first protocol.
    """
    light = _light(study, held)
    drawn = redrawn(len(cohort), study.seed)
    told: dict[str, object] = {}
    for name in asked.attributes:
        if not any(f"clinical/{name}" in inputs for inputs in design.spec.inputs.values()):
            continue
        of = without(study, cohort, name)
        if not of.study.features:
            told[name] = {"suppressed": "nothing else is an input"}
            continue

        def cost(lean: Study, name: str = name) -> dict[str, object]:
            left = build_design(lean, cohort)
            again = answer_splits(left, lean, [h.split for h in light], _nobody)
            both = HeldOutAnswers.of(design, light), HeldOutAnswers.of(left, again)
            return _differences(study, asked, both, levels_of(asked, cohort, name), drawn)

        told[name] = {
            "features": list(of.features),
            "protocol": light[0].split.protocol,
            "n_splits": len(light),
            "n": len({patient for h in light for patient in h.split.test.tolist()}),
            **(cost(of.study) if of.features else {}),
            **({} if of.uninferred is None else {"inference_too": cost(of.uninferred)}),
        }
    return told


def without(study: Study, cohort: Cohort, attribute: str) -> Without:
    """The study on what does not read a clinical variable."""
    source = f"clinical/{attribute}"
    spec = served_spec(study, cohort)
    plain = served_spec(replace(study, spec=replace(study.spec, linked_snps=False)), cohort)
    gone = tuple(name for name, inputs in plain.inputs.items() if source in inputs)
    asks = any(source in inputs and name not in gone for name, inputs in spec.inputs.items())

    def stays(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in gone)

    model = replace(
        study.model,
        masks=tuple(mask for mask in study.model.masks if stays(mask) == mask),
        required_any=tuple(left for group in study.model.required_any if (left := stays(group))),
    )
    asked = replace(study.spec, names=stays(spec.names), absent=stays(study.spec.absent))
    bare = replace(study, comparators=(), transport=None, biomarkers=None, equity=None)
    lean = replace(bare, spec=asked, model=model)
    uninferred = replace(lean, spec=replace(asked, linked_snps=False)) if asks else None
    return Without(lean, gone, uninferred)


def _light(study: Study, held: Sequence[HeldOut]) -> list[HeldOut]:
    """The first random splits, the first round of folds, or every group."""
    protocol = study.protocols[0]
    if protocol.kind == "random":
        return list(held[:RANDOM_SPLITS])
    return list(held[: protocol.folds] if protocol.kind == "folds" else held)


def _nobody(_done: int) -> None:
    """Progress that nobody watches."""


def _differences(
    study: Study,
    asked: EquityAsked,
    both: tuple[HeldOutAnswers, HeldOutAnswers],
    levels: NDArray,
    drawn: Numbers,
) -> dict[str, object]:
    """Of each figure of everybody, of each group, and of the gap between groups."""
    threshold = asked.threshold if study.outcome.is_binary else None

    def figures(answers: HeldOutAnswers, own: NDArray[np.bool_]) -> dict[str, Numbers]:
        return resampled_figures(answers, own, drawn, threshold)

    labels = levels[both[0].patients]
    everybody = [figures(answers, np.ones(len(labels), dtype=bool)) for answers in both]
    of = _of_groups(both[0], labels)
    by_level = {level: [figures(answers, labels == level) for answers in both] for level in of}
    compared = [level for level in of if level not in UNKNOWN]
    gaps = {}
    for figure in everybody[0]:
        having = [level for level in compared if figure in by_level[level][0]]
        if len(having) > 1:
            stacked = [np.column_stack([by_level[x][k][figure] for x in having]) for k in (0, 1)]
            gaps[figure] = _change(*(np.abs(pairwise(own)).max(axis=1) for own in stacked))
    return {
        "figures": _changes(everybody),
        "groups": {level: _changes(pair) for level, pair in by_level.items()},
        "gap": gaps,
    }


def _of_groups(answers: HeldOutAnswers, labels: NDArray) -> list[str]:
    """The groups of which 10 patients were held out."""
    counts = {
        level: len(np.unique(answers.patients[labels == level])) for level in sorted(set(labels.tolist()))
    }
    return [level for level, n in counts.items() if n >= SMALLEST_CELL]


def _changes(pair: Sequence[dict[str, Numbers]]) -> dict[str, object]:
    return {figure: _change(pair[0][figure], pair[1][figure]) for figure in pair[0]}


def _change(before: Numbers, after: Numbers) -> dict[str, object]:
    return {"with": interval(before), "without": interval(after), "difference": interval(after - before)}
