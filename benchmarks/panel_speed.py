"""A panel of 100 drugs learned together, against one LightGBM a drug and fold on a DataFrame."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.results import Row
from models.panel_ridge import PanelSettings, fit_panel_ridge

N_PATIENTS, N_FEATURES, N_DRUGS, N_FOLDS = 800, 3_000, 100, 5
N_TIMED = 2
"""Drugs of one fold that the naive loop is timed on; all 500 of its fits would take more than an hour."""

_N_CAUSAL, _N_PROGRAMMES = 12, 40
_NOISE = 0.6
_WORSE = 0.005  # correlation that may be lost, as the design's bars say

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """Features (patients, features), outcomes (patients, drugs), and each patient's fold."""

    features: Numbers
    outcomes: Numbers
    fold: NDArray[np.int64]


@dataclass(frozen=True)
class Timed:
    """Seconds for every drug and fold, and the held-out correlation of the drugs of the first fold."""

    seconds: float
    correlations: Numbers


def few_genes(seed: int = 0) -> Panel:
    """Independent features, of which twelve cause every drug's outcome with effects of its own."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((N_PATIENTS, N_FEATURES))
    causal = features[:, rng.choice(N_FEATURES, _N_CAUSAL, replace=False)]
    return _panel(rng, features, causal)


def own_genes(seed: int = 0) -> Panel:
    """Independent features, of which every drug's outcome is caused by twelve of its own."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((N_PATIENTS, N_FEATURES))
    effects = np.zeros((N_FEATURES, N_DRUGS))
    for drug in range(N_DRUGS):
        effects[rng.choice(N_FEATURES, _N_CAUSAL, replace=False), drug] = rng.normal(0.0, 0.86, _N_CAUSAL)
    return _observed(rng, features, features @ effects)


def programmes(seed: int = 0) -> Panel:
    """Features that go together as genes of programmes do, and outcomes that follow twelve programmes."""
    rng = np.random.default_rng(seed)
    activity = rng.standard_normal((N_PATIENTS, _N_PROGRAMMES))
    loads = rng.standard_normal((_N_PROGRAMMES, N_FEATURES)) * (rng.random((_N_PROGRAMMES, N_FEATURES)) < 0.1)
    features = 0.6 * activity @ loads + rng.standard_normal((N_PATIENTS, N_FEATURES))
    return _panel(rng, features, activity[:, :_N_CAUSAL])


def _panel(rng: np.random.Generator, features: Numbers, causes: Numbers) -> Panel:
    shared = rng.normal(0.0, 0.7, (_N_CAUSAL, 1))
    return _observed(rng, features, causes @ (shared + rng.normal(0.0, 0.5, (_N_CAUSAL, N_DRUGS))))


def _observed(rng: np.random.Generator, features: Numbers, signal: Numbers) -> Panel:
    outcomes = signal + _NOISE * signal.std(axis=0) * rng.standard_normal(signal.shape)
    return Panel(features, outcomes, rng.permutation(N_PATIENTS) % N_FOLDS)


def together(panel: Panel) -> Timed:
    """Every drug of every fold by the panel's learner, held-out predictions included."""
    predicted = np.full(panel.outcomes.shape, np.nan)
    absent = np.zeros(N_FEATURES, dtype=bool)
    blocks = ["expression"] * N_FEATURES
    began = time.perf_counter()
    for fold in range(N_FOLDS):
        held_out = panel.fold == fold
        parts = panel.features[~held_out], panel.outcomes[~held_out]
        fitted = fit_panel_ridge(*parts, blocks, PanelSettings(), absent)
        rows = panel.features[held_out]
        predicted[held_out] = np.column_stack([member.margin(rows) for member in fitted.members])
    seconds = time.perf_counter() - began
    first = panel.fold == 0
    return Timed(seconds, _correlations(predicted[first], panel.outcomes[first]))


def one_by_one(panel: Panel) -> Timed:
    """A default LightGBM on a DataFrame for the first drugs of one fold, its time taken for all of them."""
    table = pd.DataFrame(panel.features, columns=[f"gene_{i}" for i in range(N_FEATURES)])
    held_out = panel.fold == 0
    predicted = np.full((int(held_out.sum()), N_TIMED), np.nan)
    began = time.perf_counter()
    for drug in range(N_TIMED):
        model = lightgbm.LGBMRegressor(n_jobs=1, verbosity=-1)
        model.fit(table[~held_out], panel.outcomes[~held_out, drug])
        predicted[:, drug] = model.predict(table[held_out])
    seconds = (time.perf_counter() - began) / N_TIMED * N_DRUGS * N_FOLDS
    return Timed(seconds, _correlations(predicted, panel.outcomes[held_out, :N_TIMED]))


def panel_rows() -> list[Row]:
    """How many times faster, and how much better or worse, on outcomes of three makings."""
    return [
        *_rows("outcomes of few genes that drugs share", few_genes),
        *_rows("outcomes of few genes, each drug's its own", own_genes),
        *_rows("outcomes of programmes that drugs share", programmes),
    ]


def _rows(which: str, make: Callable[[], Panel]) -> list[Row]:
    panel = make()
    with threadpool_limits(1):  # of two threads one may wait for another process, which would flatter ours
        ours, naive = together(panel), one_by_one(panel)
    same, theirs = float(ours.correlations[:N_TIMED].mean()), float(naive.correlations.mean())
    size = f"{N_DRUGS} drugs x {N_FOLDS} folds x {N_PATIENTS} x {N_FEATURES:,}"
    return [
        Row(
            f"panel learner, {size}, {which}: times as fast as one default LightGBM a drug and fold",
            "at least 15",
            f"{naive.seconds / ours.seconds:.0f}",
            f"{ours.seconds:.1f} s against {naive.seconds:.0f} s, "
            f"extrapolated from {N_TIMED} drugs of one fold ({N_TIMED} of {N_DRUGS * N_FOLDS} fits); "
            "one thread each",
        ),
        Row(
            f"the same, {which}: held-out correlation less LightGBM's, on the drugs timed",
            f"at least -{_WORSE}",
            f"{same - theirs:+.3f}",
            f"{same:.3f} against {theirs:.3f}; ours of all {N_DRUGS} drugs, same fold, "
            f"{ours.correlations.mean():.3f}",
        ),
    ]


def _correlations(predicted: Numbers, observed: Numbers) -> Numbers:
    pairs = zip(predicted.T, observed.T, strict=True)
    return np.array([np.corrcoef(one, other)[0, 1] for one, other in pairs])


if __name__ == "__main__":
    for row in panel_rows():
        print(row.what, "|", row.asked, "|", row.found, "|", row.detail)
