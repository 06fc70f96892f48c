"""The whole evaluation of a study against the same protocol written plainly; see `plain_study`."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.plain_study import PlainRun, by_blending, by_grid_search, plain_cohort, plain_study
from benchmarks.results import Row
from training.evaluate import study_splits
from training.prepared import prepare, quiet
from training.run import evaluate_study
from training.study import Study

_EVERY, _GRID = 6, 5
"""Each sixth split is timed plainly, each fifth of those by grid search: an even number for two processes."""


def study_rows(study: Study, data: Path) -> list[Row]:
    """How many times longer the plain ways take, and whether they err less on the splits that both answered.

    The plain splits are timed half before and half after the study's own evaluation.
    """
    with TemporaryDirectory(prefix="rxplain-study-") as folder:
        prepared = prepare(study, data, Path(folder), quiet)
        cohort = plain_cohort(study, prepared)
        splits = study_splits(study, prepared.cohort, prepared.design.observed)
        some, fewer = splits[_EVERY::_EVERY], splits[_EVERY :: _EVERY * _GRID]
        before = plain_study(cohort, some[::2], by_blending)
        began, used = time.perf_counter(), _processor_seconds()
        document = evaluate_study(study, data, Path(folder)).document
        ours = (time.perf_counter() - began) / len(splits)
        used = (_processor_seconds() - used) / len(splits)
        after = plain_study(cohort, some[1::2], by_blending)
        grid = plain_study(cohort, fewer, by_grid_search)
    blended = (before.seconds + after.seconds) / len(some)
    gridded = grid.seconds / len(fewer)
    plain = before.processor + after.processor
    processors = grid.processor / len(fewer) / used, plain / len(some) / used
    whole = f"{len(splits)} splits in {ours * len(splits):.0f} s, reading and the whole document included"
    return [
        Row(
            "whole warfarin evaluation, times as fast as the same protocol written plainly, by grid search",
            "at least 5",
            f"{gridded / ours:.1f}",
            f"{whole}; {len(fewer)} plain splits in {grid.seconds:.0f} s; two processes each; "
            f"processor seconds {processors[0]:.1f}; {_errors(document, [grid])}; "
            f"load {os.getloadavg()[0]:.1f}",
        ),
        Row(
            "the same, weights sought in the out-of-fold answers of members fitted once",
            "",
            f"{blended / ours:.1f}",
            f"{len(some)} plain splits in {blended * len(some):.0f} s; "
            f"processor seconds {processors[1]:.1f}; {_errors(document, [before, after])}",
        ),
    ]


def _processor_seconds() -> float:
    """Of this process and of those it has waited for."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(own.ru_utime + own.ru_stime for own in spent)


def _errors(document: Mapping[str, Any], runs: Sequence[PlainRun]) -> str:
    """Both sides' error and coverage on the repeated random splits that both answered."""
    told = []
    for protocol, splits in document["splits"].items():
        own = {split["name"]: split["figures"] for split in splits}
        plain = {name: figures for run in runs for name, figures in run.alone(protocol).items()}
        shared = [name for name in plain if own[name]]
        if not shared:
            continue
        means = [
            sum(figures[name][metric] for name in shared) / len(shared)
            for metric in ("mae", "coverage90")
            for figures in ({name: own[name]["model"] for name in shared}, plain)
        ]
        told.append(
            f"{protocol}: MAE {means[0]:.2f} against {means[1]:.2f}, "
            f"coverage {means[2]:.1f}% against {means[3]:.1f}% ({len(shared)} splits)"
        )
    return "; ".join(told)
