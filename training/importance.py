"""How much each feature moves the answers, how surely, for whom, and which features act together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from models.blend import Blend
from training.design import Design
from training.fit import learn, training_part
from training.study import Study

Numbers = NDArray[np.float64]
SMALLEST_CELL = 10
_N_RESAMPLES, _N_GRID, _Z = 1000, 40, 1.96


@dataclass(frozen=True)
class Importance:
    """Mean absolute contribution (p,) on the margin, its standard error over refits, and each patient's
    contributions (n, p)."""

    value: Numbers
    error: Numbers
    contributions: Numbers
    blend: Blend

    @property
    def lower(self) -> Numbers:
        """Lower ends (p,) of 95% intervals, never below 0."""
        return np.maximum(self.value - _Z * self.error, 0.0)

    @property
    def upper(self) -> Numbers:
        """Upper ends (p,) of 95% intervals."""
        return self.value + _Z * self.error


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more a feature moves answers of a level's patients than of all others, with a 95% interval."""

    column: int
    variable: str
    level: str
    n: int
    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Interaction:
    """What two features do together beyond the sum of each: root mean square on the margin, and its share of
    what both do (Friedman and Popescu's H, doi:10.1214/07-AOAS148)."""

    first: int
    second: int
    strength: float
    share: float


def importance(study: Study, design: Design, refits: int) -> Importance:
    """The study's model on everybody, and again on halves, which differ from it as much as it would from one
    of other patients (the delete-half jackknife, doi:10.1214/aos/1176347263).

    The link is that of the model on everybody, since contributions on another are no measure of these.
    """
    values = np.ascontiguousarray(design.matrix.values)
    learned = learn(training_part(design, study), study, study.seed, ())
    blend = learned.blend
    if not study.outcome.is_binary:
        study = replace(study, outcome=replace(study.outcome, links=(learned.outcome.link,)))
    contributions = blend.contributions(values)[0]
    rng = np.random.default_rng([study.seed, 3])
    n = len(values)
    halves = [np.sort(rng.permutation(n)[: n // 2]) for _ in range(refits)]
    again = [np.abs(_blend(study, design, half).contributions(values)[0]).mean(axis=0) for half in halves]
    error = np.array(again).std(axis=0, ddof=1) if refits > 1 else np.full(values.shape[1], np.nan)
    return Importance(np.abs(contributions).mean(axis=0), error, contributions, blend)


def _blend(study: Study, design: Design, rows: NDArray[np.int64]) -> Blend:
    return learn(training_part(design, study, rows), study, study.seed, ()).blend


def differences(
    contributions: Numbers, levels: Mapping[str, NDArray], columns: Sequence[int], seed: int
) -> list[Difference]:
    """Of each level of ten patients or more, and each of `columns`; patients are redrawn, the model stays."""
    rng = np.random.default_rng([seed, 4])
    amounts = np.abs(contributions[:, list(columns)])
    found = []
    for variable, labels in levels.items():
        for level in sorted(set(labels.tolist())):
            inside = labels == level
            n = int(inside.sum())
            if min(n, len(labels) - n) < SMALLEST_CELL:
                continue
            drawn = _means(amounts[inside], rng) - _means(amounts[~inside], rng)
            value = amounts[inside].mean(axis=0) - amounts[~inside].mean(axis=0)
            ends = np.percentile(drawn, [2.5, 97.5], axis=0)
            rows = zip(columns, value.tolist(), *ends.tolist(), strict=True)
            found += [Difference(column, variable, level, n, *told) for column, *told in rows]
    return found


def _means(amounts: Numbers, rng: np.random.Generator) -> Numbers:
    """Means of redrawn patients, (resamples, columns)."""
    n = len(amounts)
    return rng.multinomial(n, np.full(n, 1.0 / n), size=_N_RESAMPLES) @ amounts / n


def interactions(blend: Blend, values: Numbers, columns: Sequence[int], seed: int) -> list[Interaction]:
    """Every pair of `columns`, the strongest first, from what the model would answer with both exchanged."""
    rng = np.random.default_rng([seed, 5])
    rows = values[np.sort(rng.permutation(len(values))[:_N_GRID])]
    alone = {column: _partial(blend, rows, (column,)) for column in columns}
    found = []
    for one, other in combinations(columns, 2):
        both = _partial(blend, rows, (one, other))
        beyond = float(np.sqrt(np.square(both - alone[one] - alone[other]).mean()))
        whole = float(np.sqrt(np.square(both).mean()))
        found.append(Interaction(one, other, beyond, beyond / whole if whole > 1e-12 else 0.0))
    return sorted(found, key=lambda own: -own.strength)


def _partial(blend: Blend, rows: Numbers, columns: tuple[int, ...]) -> Numbers:
    """The mean margin over patients at each patient's values of some columns, about its own mean (k,)."""
    k = len(rows)
    asked = np.tile(rows, (k, 1))
    asked[:, list(columns)] = np.repeat(rows[:, list(columns)], k, axis=0)
    means = blend.margin(np.ascontiguousarray(asked)).reshape(k, k).mean(axis=1)
    return means - means.mean()
