"""`python -m benchmarks`: train once in a home of its own, measure, print, and write results.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.batch_speed import batch_rows
from benchmarks.cohort_scale import scale_rows
from benchmarks.encoding import encoding_rows
from benchmarks.model_speed import fit_rows, folder_rows, help_rows, kernel_rows
from benchmarks.panel_request import panel_request_rows
from benchmarks.panel_speed import panel_rows
from benchmarks.results import Row, as_markdown, write_results
from benchmarks.serving_speed import serving_rows
from benchmarks.study_speed import study_rows
from benchmarks.table_scale import table_rows
from benchmarks.wide_request import wide_rows
from benchmarks.worklist_page import page_rows
from models.registry import Registry
from training.home import data_folder
from training.study import Study, load_study

STUDY = "warfarin"
RESULTS = Path(__file__).parent / "results.md"


@dataclass(frozen=True)
class Bench:
    """What is measured on: a study, where the cohorts lie, and a home of its own."""

    study: Study
    data: Path
    home: Path


FITTED: dict[str, Callable[[Bench], list[Row]]] = {
    "service": lambda bench: serving_rows(bench.home, bench.study.name),
    "batch": lambda bench: batch_rows(bench.home, bench.study, bench.data),
    "contributions": lambda bench: kernel_rows(bench.home, bench.study, bench.data),
    "tracking": lambda _bench: [],
    "folder": lambda bench: folder_rows(bench.home, bench.study, bench.data),
}
"""Groups of rows that want a fitted model; what `tracking` tells is found while it is fitted."""

ALONE: dict[str, Callable[[Bench], list[Row]]] = {
    "study": lambda bench: study_rows(bench.study, bench.data),
    "help": lambda _bench: help_rows(),
    "request": lambda _bench: wide_rows() + panel_request_rows(),
    "encoding": lambda _bench: encoding_rows(),
    "panel": lambda _bench: panel_rows(),
    "cohort": lambda _bench: scale_rows(),
    "table": lambda _bench: table_rows(),
    "pages": lambda _bench: page_rows(),
}
"""Groups of rows that want none."""


def main() -> None:
    """Everything in one run, so that the ratios are of the same machine in the same hour.

    `--only study panel` measures some groups of rows, prints them and leaves results.md as it was.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", nargs="+", choices=[*FITTED, *ALONE], metavar="GROUP")
    only = parser.parse_args().only
    with TemporaryDirectory(prefix="rxplain-bench-") as folder:
        rows = _measured(Bench(load_study(STUDY), data_folder(), Path(folder)), only or [*FITTED, *ALONE])
    print(as_markdown(rows) if only else write_results(rows, RESULTS))


def _measured(bench: Bench, groups: list[str]) -> list[Row]:
    tracking: list[Row] = []
    if not FITTED.keys().isdisjoint(groups):
        _tell("a full fit in a new home")
        result, tracking = fit_rows(bench.study, bench.data, bench.home)
        Registry(bench.home).promote(
            bench.study.name, int(result.version), reason="benchmark", who="make bench"
        )
    rows = []
    for group in groups:
        _tell(group)
        rows += tracking if group == "tracking" else {**FITTED, **ALONE}[group](bench)
    return rows


def _tell(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
