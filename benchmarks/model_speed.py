"""The model without a server: contributions, a folder of patients, and what MLflow takes of a run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from inspect import isfunction
from pathlib import Path
from tempfile import TemporaryDirectory

import lightgbm
import numpy as np
from mlflow import MlflowClient

from benchmarks.results import Row
from features.encode import encode
from models.bundle import load
from models.members import TreeMember
from models.shelf import Shelf
from training.datasets.catalog import load_folder, provide
from training.predict_folder import predict_folder
from training.run import RunResult, run_study
from training.study import Study
from training.tracking import children

_N_PATIENTS = 10_000
_ROUNDS = 5


def kernel_rows(home: Path, study: Study, data: Path) -> list[Row]:
    """Exact contributions of 10,000 patients against LightGBM's own, on the same trees."""
    entry = Shelf(home).champions()[study.name]
    model = load(entry.folder, entry.digest).model
    trees = next(member for member in model.blend.members if isinstance(member, TreeMember))
    matrix = encode(load_folder(study.dataset, provide(study.dataset, data, home)), model.spec).values
    values = np.resize(matrix, (_N_PATIENTS, matrix.shape[1]))
    filled = np.where(np.isnan(values), trees.fill, values)
    booster = lightgbm.Booster(model_str=trees.model_text)
    ours = _seconds(lambda: trees.contributions(values))
    theirs = _seconds(lambda: booster.predict(filled, pred_contrib=True, num_threads=1))
    reference = np.asarray(booster.predict(filled, pred_contrib=True, num_threads=1))[:, :-1]
    difference = float(np.abs(trees.contributions(values)[0] - reference).max())
    return [
        Row(
            "contributions of 10,000 patients, times the rate of LightGBM's pred_contrib on one thread",
            "",
            f"{theirs / ours:.1f}",
            f"{ours:.2f} s against {theirs:.2f} s; largest difference {difference:.0e}",
        )
    ]


def folder_rows(home: Path, study: Study, data: Path) -> list[Row]:
    """`rxplain predict` of the whole cohort."""
    folder = provide(study.dataset, data, home)
    with TemporaryDirectory() as out:
        answers, parquet = Path(out) / "answers.csv", Path(out) / "contributions.parquet"
        plain = _seconds(lambda: predict_folder(study.name, folder, home, answers))
        explained = _seconds(lambda: predict_folder(study.name, folder, home, answers, parquet))
        n_patients = predict_folder(study.name, folder, home, answers).n_patients
    return [
        Row(
            f"`rxplain predict` of {n_patients} patients, reading, proving and writing included",
            "",
            f"{n_patients / explained:.0f} patients/s",
            f"{plain:.1f} s with intervals, {explained:.1f} s with contributions too",
        )
    ]


def help_rows() -> list[Row]:
    """`rxplain --help` against an interpreter that does nothing."""
    asked = [sys.executable, "-m", "training.cli", "--help"]
    ours = _seconds(lambda: subprocess.run(asked, capture_output=True, check=True))
    bare = _seconds(lambda: subprocess.run([sys.executable, "-c", ""], capture_output=True, check=True))
    return [Row("`rxplain --help`, seconds", "at most 0.4", f"{ours:.2f}", f"bare interpreter {bare:.2f} s")]


def fit_rows(study: Study, data: Path, home: Path) -> tuple[RunResult, list[Row]]:
    """A whole study in a new home, and what MLflow takes of its time there and in a standing store.

    For the second the record of the run is forgotten, so that all is tracked anew in the store of the first.
    """
    with clocked(MlflowClient) as fresh:
        began = time.perf_counter()
        result = run_study(study, data, home)
        whole = time.perf_counter() - began
    shutil.rmtree(home / "fits")
    with clocked(MlflowClient) as standing:
        run_study(study, data, home)
    again = whole - fresh.seconds + standing.seconds
    n_runs = 1 + len(list(children(result.evaluation.document)))
    return result, [
        Row(
            "MLflow's share of a run's time, new SQLite / existing store",
            "at most 10%",
            f"{100.0 * fresh.seconds / whole:.1f}% / {100.0 * standing.seconds / again:.1f}%",
            f"{fresh.seconds:.1f} s of {whole:.0f} s, {standing.seconds:.1f} s of {again:.0f} s, "
            f"{n_runs} runs, store initialisation and registry included",
        )
    ]


@dataclass
class Clock:
    """Seconds spent inside, calls within calls counted once."""

    seconds: float = 0.0
    depth: int = 0


@contextmanager
def clocked(kind: type) -> Iterator[Clock]:
    """Inside, the time that construction and every public method of a class take is added up."""
    clock, plain = Clock(), dict(vars(kind))
    timed = {name: own for name, own in plain.items() if isfunction(own) and _is_public(name)}
    for name, own in timed.items():
        setattr(kind, name, _timed(own, clock))
    try:
        yield clock
    finally:
        for name, own in timed.items():
            setattr(kind, name, own)


def _is_public(name: str) -> bool:
    return name == "__init__" or not name.startswith("_")


def _timed(own: Callable[..., object], clock: Clock) -> Callable[..., object]:
    @wraps(own)
    def timed(*given: object, **named: object) -> object:
        began, clock.depth = time.perf_counter(), clock.depth + 1
        try:
            return own(*given, **named)
        finally:
            clock.depth -= 1
            clock.seconds += 0.0 if clock.depth else time.perf_counter() - began

    return timed


def _seconds(work: Callable[[], object]) -> float:
    """The least of a few runs, after one to warm up."""
    work()
    found = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)
