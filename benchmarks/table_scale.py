"""A million patients' features through `rxplain score`, beside LightGBM's own predict and pred_contrib.

`python -m benchmarks.table_scale HOME TABLE OUT EXPLAIN` scores once in a process of its own and prints, as
JSON, patients, seconds and the highest memory of it and its workers.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.cohort_scale import Measured, peak_mb
from benchmarks.results import Row
from benchmarks.synthetic_bundle import STUDY, make_home
from features.encode import encode
from features.synthetic_blocks import synthetic_blocks
from models import bundle
from models.estimators import TreeSettings
from models.members import TreeMember
from models.response import ResponseModel
from models.shelf import Shelf
from training.score_table import score_table

N_PATIENTS, N_EXPLAINED, N_REFERENCE = 1_000_000, 200_000, 20_000
_N_TRAINING, _GROUP, _ROUNDS = 1_000, 50_000, 2
_GENES, _EXPRESSION, _CLINICAL = 2, 44, 4


def table_rows() -> list[Row]:
    """Rates with intervals and with contributions, the best of interleaved rounds; memory at two sizes."""
    with TemporaryDirectory(prefix="rxplain-bench-") as name:
        root = Path(name)
        model = _model(root / "home")
        trees = next(member for member in model.blend.members if isinstance(member, TreeMember))
        booster, part = lightgbm.Booster(model_str=trees.model_text), _part(model, 0)
        cores = os.cpu_count() or 1
        _write(root / "many.parquet", model, N_PATIENTS)
        _write(root / "few.parquet", model, N_EXPLAINED)
        own, contrib, many, told = [], [], [], []
        rows = part[:N_REFERENCE]
        for turn in range(_ROUNDS):
            own.append(_seconds(lambda: booster.predict(part, num_threads=cores)) * N_PATIENTS / _GROUP)
            many.append(_scored(root, "many", turn, explain=False))
            contrib.append(_seconds(lambda: booster.predict(rows, num_threads=cores, pred_contrib=True)))
            told.append(_scored(root, "few", turn, explain=True))
        few = _scored(root, "few", _ROUNDS, explain=False)
    rate, reference = N_PATIENTS / min(m.seconds for m in many), N_PATIENTS / min(own)
    explained, expected = N_EXPLAINED / min(t.seconds for t in told), N_REFERENCE / min(contrib)
    return [
        Row(
            f"`rxplain score` of {N_PATIENTS:,} patients x {part.shape[1]} features with intervals, Parquet "
            f"to Parquet, times the rate of LightGBM's predict in memory on {cores} threads",
            "at least 0.5",
            f"{rate / reference:.2f}",
            f"{rate:,.0f} patients/s against {reference:,.0f}; ridge and 300 trees of 7 leaves",
        ),
        Row(
            f"`rxplain score --explain` of {N_EXPLAINED:,} patients, times the rate of pred_contrib",
            "at least 0.7",
            f"{explained / expected:.2f}",
            f"{explained:,.0f} patients/s against {expected:,.0f}",
        ),
        Row(
            f"`rxplain score`: peak memory at {N_PATIENTS:,} patients against {N_EXPLAINED:,}",
            "at most 1.15",
            f"{many[-1].peak_mb / few.peak_mb:.2f}",
            f"{many[-1].peak_mb:.0f} MB against {few.peak_mb:.0f} MB in the largest process",
        ),
    ]


def _model(home: Path) -> ResponseModel:
    cohort, truth = synthetic_blocks(
        _N_TRAINING, 1, genes=_GENES, expression=_EXPRESSION, clinical=_CLINICAL, missing=0.1
    )
    digest = make_home(home, cohort, truth, TreeSettings())
    entry = Shelf(home).champions()[STUDY]
    assert encode(cohort, truth.spec).names == bundle.load(entry.folder, digest).model.spec.names
    return bundle.load(entry.folder, digest).model


def _part(model: ResponseModel, seed: int) -> NDArray[np.float64]:
    """As many patients as a row group holds, a twentieth of whose values is missing."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(_GROUP, len(model.spec.names)))
    values[rng.random(values.shape) < 0.05] = np.nan
    return values


def _write(path: Path, model: ResponseModel, n: int) -> None:
    names = model.spec.names
    schema = pa.schema([("patient_id", pa.string()), *((name, pa.float64()) for name in names)])
    with pq.ParquetWriter(path, schema, use_dictionary=False) as writer:
        for seed in range(n // _GROUP):
            ids = pa.array([f"synthetic-{seed * _GROUP + i}" for i in range(_GROUP)])
            columns = [pa.array(own, from_pandas=True) for own in _part(model, seed).T]
            writer.write_table(pa.Table.from_arrays([ids, *columns], schema=schema))


def _scored(root: Path, name: str, turn: int, explain: bool) -> Measured:
    paths = map(str, (root / "home", root / f"{name}.parquet", root / f"out-{name}-{turn}-{explain}"))
    asked = [sys.executable, "-m", "benchmarks.table_scale", *paths, str(int(explain))]
    return Measured(**json.loads(subprocess.run(asked, stdout=subprocess.PIPE, check=True).stdout))


def _score_here(home: Path, table: Path, out: Path, explain: bool) -> Measured:
    began = time.perf_counter()
    done = score_table(STUDY, table, home, out, explain)
    seconds = time.perf_counter() - began
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (
        1e-6 if sys.platform == "darwin" else 1.024e-3
    )
    return Measured(done.n_patients, seconds, max(peak_mb(), workers))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    found = _score_here(*map(Path, sys.argv[1:4]), explain=sys.argv[4] == "1")
    print(json.dumps(found.__dict__))
