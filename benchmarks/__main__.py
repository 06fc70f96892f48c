"""`python -m benchmarks`: train once in a home of its own, measure, print, and write results.md."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cohort_scale import scale_rows
from benchmarks.encoding import encoding_rows
from benchmarks.model_speed import fit_rows, folder_rows, help_rows, kernel_rows
from benchmarks.panel_speed import panel_rows
from benchmarks.results import Row, write_results
from benchmarks.serving_speed import serving_rows
from benchmarks.table_scale import table_rows
from benchmarks.wide_request import wide_rows
from models.registry import Registry
from training.home import data_folder
from training.study import load_study

STUDY = "warfarin"
RESULTS = Path(__file__).parent / "results.md"


def main() -> None:
    """Everything in one run, so that the ratios are of the same machine in the same hour."""
    study, data = load_study(STUDY), data_folder()
    with TemporaryDirectory(prefix="rxplain-bench-") as folder:
        home = Path(folder)
        _tell("a full fit in a new home")
        result, rows = fit_rows(study, data, home)
        Registry(home).promote(study.name, int(result.version), reason="benchmark", who="make bench")
        _tell("contributions")
        rows = [*kernel_rows(home, study, data), *rows]
        _tell("a folder of patients")
        rows = [*rows, *folder_rows(home, study, data), *help_rows()]
        _tell("the service")
        rows = [*serving_rows(home, study.name), *rows, *_wide()]
    print(write_results(rows, RESULTS))


def _wide() -> list[Row]:
    """What concerns thousands of genes, many drugs or many patients, all synthetic."""
    parts = {
        "a request of 3,000 genes": wide_rows,
        "a transcriptome encoded and read": encoding_rows,
        "a panel of drugs": panel_rows,
        "100,000 patients": scale_rows,
        "a table of 1,000,000 patients": table_rows,
    }
    found = []
    for what, rows in parts.items():
        _tell(what)
        found += rows()
    return found


def _tell(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
