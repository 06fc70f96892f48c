"""What more patients would bring: the model's figures when it learns from a share of each training part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.design import Design
from training.holdout import MODEL, answer_splits
from training.measures import Measures
from training.splits import Split
from training.study import Study


def learning_curve_section(
    study: Study, design: Design, splits: Sequence[Split], measures: Measures
) -> dict[str, object]:
    """Figures at each share that the study asks for, on the first splits of its first protocol.

    Of a smaller share every patient is also among those of a larger one.
    """
    if study.learning_curve is None:
        return {}
    protocol, asked = study.protocols[0], study.learning_curve
    light = [split for split in splits if split.protocol == protocol.name][: asked.splits]
    alone = replace(study, comparators=())
    parts = [part for share in asked.shares for part in _parts(light, share, study.seed)]
    held = answer_splits(design, alone, parts, lambda _done: None)
    points = []
    for i, share in enumerate(asked.shares):
        own = held[i * len(light) : (i + 1) * len(light)]
        n_train = round(float(np.mean([len(h.split.train) for h in own])))
        points.append({"share": share, "n_train": n_train, **measures.quick_figures(protocol, own, MODEL)})
    return {"protocol": protocol.name, "splits": len(light), "points": points}


def _parts(splits: Sequence[Split], share: float, seed: int) -> list[Split]:
    """The splits with a share of their training patients, drawn by the study's seed."""
    parts = []
    for i, split in enumerate(splits):
        order = np.random.default_rng([seed, i]).permutation(split.train)
        kept = np.sort(order[: max(round(share * len(order)), 1)])
        parts.append(replace(split, train=kept))
    return parts
