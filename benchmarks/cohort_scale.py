"""A cohort of any size through `rxplain predict` with explanations: memory goes with the chunk.

`python -m benchmarks.cohort_scale HOME FOLDER OUT` predicts once in a process of its own and prints, as JSON,
patients, seconds and the process's peak memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.results import Row
from benchmarks.synthetic_bundle import STUDY, make_home
from features.cohort import Cohort
from features.readers.folder import write_folder_chunks
from features.synthetic_blocks import Truth, synthetic_blocks
from training.predict_folder import predict_folder

N_PATIENTS, N_FEWER = 100_000, 20_000
_N_TRAINING = 400
_PART = 2_000
_GENES, _EXPRESSION, _CLINICAL = 2, 24, 4
_MISSING = 0.1


@dataclass(frozen=True)
class Measured:
    """One prediction of a whole folder: how many patients, how long, and the highest memory in MB."""

    n_patients: int
    seconds: float
    peak_mb: float


def patients(n: int, seed: int) -> tuple[Cohort, Truth]:
    """Synthetic patients with germline, expression and clinical facts, a tenth of each missing."""
    return synthetic_blocks(
        n, seed, genes=_GENES, expression=_EXPRESSION, clinical=_CLINICAL, missing=_MISSING
    )


def parts(n: int) -> Iterator[Cohort]:
    """`n` patients some at a time, ids running on."""
    for first in range(0, n, _PART):
        cohort, _ = patients(min(_PART, n - first), first)
        yield replace(cohort, patient_ids=tuple(f"synthetic-{first + i}" for i in range(len(cohort))))


def scale_rows() -> list[Row]:
    """Peak memory and rate at both sizes."""
    with TemporaryDirectory(prefix="rxplain-bench-") as name:
        root = Path(name)
        make_home(root / "home", *patients(_N_TRAINING, 1))
        few, many = (_measured(root, n) for n in (N_FEWER, N_PATIENTS))
    return [
        Row(
            f"`rxplain predict` with explanations: peak memory at {N_PATIENTS:,} synthetic patients "
            f"against {N_FEWER:,}",
            "at most 1.15",
            f"{many.peak_mb / few.peak_mb:.2f}",
            f"{many.peak_mb:.0f} MB against {few.peak_mb:.0f} MB, each a process of its own; "
            f"{many.n_patients / many.seconds:.0f} patients/s against {few.n_patients / few.seconds:.0f}, "
            f"{_GENES + _EXPRESSION + _CLINICAL} features",
        )
    ]


def _measured(root: Path, n: int) -> Measured:
    folder = root / f"cohort-{n}"
    write_folder_chunks(parts(n), folder)
    paths = map(str, (root / "home", folder, root / f"out-{n}"))
    asked = [sys.executable, "-m", "benchmarks.cohort_scale", *paths]
    told = subprocess.run(asked, stdout=subprocess.PIPE, check=True).stdout
    return Measured(**json.loads(told))


def _predicted(home: Path, folder: Path, out: Path) -> Measured:
    began = time.perf_counter()
    done = predict_folder(STUDY, folder, home, out / "answers.csv", out / "contributions.parquet")
    seconds = time.perf_counter() - began
    return Measured(done.n_patients, seconds, peak_mb())


def peak_mb() -> float:
    """The highest resident memory of this program so far.

    On Linux `getrusage` would tell that of the process which started this one, if it was higher.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(float(line.split()[1]) * 1.024e-3 for line in lines if line.startswith("VmHWM:"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1.024e-3


if __name__ == "__main__":
    found = _predicted(*map(Path, sys.argv[1:4]))
    print(json.dumps(found.__dict__))
