"""The whole evaluation of a study against the same protocol written plainly; see `plain_study`."""

from __future__ import annotations

import os
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
"""Each sixth split is timed plainly, the others being alike, and each fifth of those with the grid search."""


def study_rows(study: Study, data: Path) -> list[Row]:
    """How many times longer the plain ways take, and whether they err less on the splits that both answered.

    The plain splits are timed half before and half after the study's own evaluation.
    """
    with TemporaryDirectory(prefix="rxplain-study-") as folder:
        prepared = prepare(study, data, Path(folder), quiet)
        cohort = plain_cohort(study, prepared)
        splits = study_splits(study, prepared.cohort, prepared.design.observed)
        some = splits[::_EVERY]
        before = plain_study(cohort, some[::2], by_blending)
        began = time.perf_counter()
        document = evaluate_study(study, data, Path(folder)).document
        ours = (time.perf_counter() - began) / len(splits)
        after = plain_study(cohort, some[1::2], by_blending)
        grid = plain_study(cohort, some[::_GRID], by_grid_search)
    blended = (before.seconds + after.seconds) / len(some)
    gridded = grid.seconds / len(some[::_GRID])
    whole = f"{len(splits)} splits in {ours * len(splits):.0f} s, reading and the whole document included"
    shared = "two processes each"
    return [
        Row(
            "whole warfarin evaluation, times as fast as the same protocol written plainly, by grid search",
            "at least 5",
            f"{gridded / ours:.1f}",
            f"{whole}; {len(some[::_GRID])} plain splits in {grid.seconds:.0f} s; {shared}; "
            f"{_errors(document, [grid])}; load {os.getloadavg()[0]:.1f}",
        ),
        Row(
            "the same, weights sought in the out-of-fold answers of members fitted once",
            "",
            f"{blended / ours:.1f}",
            f"{len(some)} plain splits in {blended * len(some):.0f} s; {_errors(document, [before, after])}",
        ),
    ]


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
