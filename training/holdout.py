"""Held-out answers of the model and its comparators, split by split, on a process a core."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from training.comparators import COMPARATORS
from training.design import Design
from training.fit import TrainingPart, describe, learn
from training.splits import Split
from training.study import Study

Numbers = NDArray[np.float64]
Report = Callable[[int], None]

LEVEL = 0.9
MODEL = "model"
_FEW = 4


@dataclass(frozen=True)
class HeldOut:
    """Answers (n_test,) for one split's held-out patients, by who gave them; the ends are the model's."""

    split: Split
    answers: dict[str, Numbers]
    lower: Numbers
    upper: Numbers
    choice: dict[str, object]


@dataclass
class _Work:
    """What a worker process was given once, at its start."""

    given: list[tuple[Design, Study]] = field(default_factory=list)


_WORK = _Work()


def answer_splits(design: Design, study: Study, splits: Sequence[Split], report: Report) -> list[HeldOut]:
    """Every split's held-out answers, in the splits' order; `report` hears how many are done."""
    n_workers = min(os.cpu_count() or 1, len(splits) // _FEW)
    if n_workers < 2:
        return _one_by_one(design, study, splits, report)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_workers, spawn, _start_worker, (design, study)) as pool:
        positions = {pool.submit(_answer_here, split): i for i, split in enumerate(splits)}
        found: dict[int, HeldOut] = {}
        for future in as_completed(positions):
            found[positions[future]] = future.result()
            report(len(found))
    return [found[i] for i in range(len(splits))]


def _one_by_one(design: Design, study: Study, splits: Sequence[Split], report: Report) -> list[HeldOut]:
    found = []
    for split in splits:
        found.append(answer_split(design, study, split))
        report(len(found))
    return found


def _start_worker(design: Design, study: Study) -> None:
    threadpool_limits(1)
    _WORK.given.append((design, study))


def _answer_here(split: Split) -> HeldOut:
    return answer_split(*_WORK.given[0], split)


def answer_split(design: Design, study: Study, split: Split) -> HeldOut:
    """Learns from the split's training part alone and answers for those held out."""
    train, test = split.train, split.test
    values, strata = design.matrix.values, design.strata
    part = TrainingPart(values[train], design.observed[train], design.inner[train], strata[train])
    learned = learn(part, study, study.seed)
    margin = learned.blend.margin(np.ascontiguousarray(values[test]))
    lower, upper = learned.conformal.interval(margin, strata[test].tolist(), LEVEL)
    to_value = learned.outcome.from_margin
    answers = {MODEL: to_value(margin)}
    for name in study.comparators:
        answers[name] = COMPARATORS[name](design, train, test)
    low, high = (np.where(np.isinf(end), end, to_value(end)) for end in (lower, upper))
    return HeldOut(split, answers, low, high, dict(describe(learned)))
