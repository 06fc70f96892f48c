"""The model without a server: contributions, a folder of patients, and a whole study."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import lightgbm
import numpy as np
import pandas as pd
from sklearn.model_selection import cross_val_score

from benchmarks.results import Row
from features.encode import FeatureSpec, encode
from models.bundle import load
from models.members import TreeMember
from models.shelf import Shelf
from training.datasets.catalog import load_folder, provide
from training.kin import twin_groups
from training.population import select_population
from training.predict_folder import predict_folder
from training.run import RunResult, run_study
from training.splits import protocol_splits
from training.study import Study

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
    """A whole study in a new home against the same splits with one LightGBM each, written plainly."""
    began = time.perf_counter()
    result = run_study(study, data, home)
    ours = time.perf_counter() - began
    theirs = _plain_protocol(study, data, home)
    return result, [
        Row(
            "whole study (121 splits, nested choice, intervals, 5 comparators, bundle, MLflow) "
            "against one LightGBM a split by cross_val_score",
            "",
            f"{ours / theirs:.1f} times as long",
            f"{ours:.0f} s against {theirs:.0f} s, two processes each",
        )
    ]


def _plain_protocol(study: Study, data: Path, home: Path) -> float:
    """Seconds for the same splits with scikit-learn, two processes, LightGBM as it comes."""
    cohort = select_population(study, load_folder(study.dataset, provide(study.dataset, data, home))).cohort
    matrix = encode(cohort, FeatureSpec(study.features, study.spec.linked_snps)).values
    table = pd.DataFrame(matrix, columns=[f"f{i}" for i in range(matrix.shape[1])])
    twins = twin_groups(cohort)
    splits = [
        (split.train, split.test)
        for protocol in study.protocols
        for split in protocol_splits(protocol, cohort, twins)
    ]
    model = lightgbm.LGBMRegressor(n_jobs=1, verbosity=-1)
    began = time.perf_counter()
    cross_val_score(model, table, cohort.outcome(study.outcome.name), cv=splits, n_jobs=2)
    return time.perf_counter() - began


def _seconds(work: Callable[[], object]) -> float:
    """The least of a few runs, after one to warm up."""
    work()
    found = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)
