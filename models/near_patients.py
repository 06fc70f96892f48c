"""What is told of groups of training patients: outcomes, attributes, and how the model did for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort, Texts
from features.matrix import FeatureMatrix
from models.calibration import CalibrationBand
from models.model_set import ModelSet
from models.outcome import BinaryOutcome
from models.partition import Partition
from models.reference import SMALLEST_CELL
from models.response import ResponseModel
from models.small_cells import nested
from models.summaries import counted, event_summary, quantity_summary

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
Json = dict[str, Any]  # Any: aggregates as JSON
Summary = Callable[[Numbers], Mapping[str, Any] | None]
LEVEL = 0.9


@dataclass(frozen=True)
class Population:
    """Training patients: encoded, what was observed (n,) of each option (NaN where it was not had), their
    group (n,) of each attribute, and margins (n,) by models that had not seen them, if they are at hand."""

    matrix: FeatureMatrix
    cohort: Cohort
    observed: Mapping[str, Numbers]
    levels: Mapping[str, Texts]
    held_out: Numbers | None = None

    @classmethod
    def of(
        cls,
        models: ModelSet,
        matrix: FeatureMatrix,
        cohort: Cohort,
        outcomes: Mapping[str, str],
        levels: Mapping[str, Texts],
        held_out: Numbers | None = None,
    ) -> Self:
        """The patients that models were learned from; `outcomes` names the cohort's outcome of each drug."""
        observed = {drug: cohort.outcome(name) for drug, name in outcomes.items()}
        if models.question is not None:
            (own,) = observed.values()
            had = cohort.texts(models.question.variable)
            observed = {
                option: np.where(np.array(had == option, dtype=bool), own, np.nan)
                for option in models.question.options
            }
        return cls(matrix, cohort, observed, levels, held_out)

    @property
    def whole(self) -> Numbers | None:
        """What was observed of each under the one option they had; None of a panel of several drugs."""
        columns = np.column_stack(list(self.observed.values()))
        if ((~np.isnan(columns)).sum(axis=1) > 1).any():
            return None
        return np.where(np.isnan(columns).all(axis=1), np.nan, np.nansum(columns, axis=1))


def aggregates(
    models: ModelSet,
    population: Population,
    partition: Partition,
    members: Sequence[Index],
    whole: Numbers | None,
) -> list[Json]:
    """What is told of the patients (rows) of each node; `whole` is what was observed of each, where there is
    one thing."""
    model = models.models[0]
    summary = event_summary if isinstance(model.outcome, BinaryOutcome) else quantity_summary
    variable = None if models.question is None else models.question.variable
    shares = {
        name: _shares(own, partition, members) for name, own in population.levels.items() if name != variable
    }
    options = _options(population.observed, partition, members, summary)
    judged = _judged(model, population, whole)
    return [
        {
            "n": len(rows),
            "outcome": None if whole is None else summary(whole[rows]),
            "options": {name: own[node] for name, own in options.items()},
            "shares": {name: own[node] for name, own in shares.items()},
            "held_out": None
            if judged is None
            else judged.of([members[leaf] for leaf in partition.within(node)]),
        }
        for node, rows in enumerate(members)
    ]


def _shares(levels: Texts, partition: Partition, members: Sequence[Index]) -> list[dict[str, float | None]]:
    """By node, the share of each level that may be told."""
    names, counts = counted(levels, members)
    told = _told(partition, [counts])
    sizes = [len(rows) for rows in members]
    return [
        {
            name: round(int(counts[node, i]) / sizes[node], 4) if told[node, i] else None
            for i, name in enumerate(names)
        }
        for node in range(len(members))
    ]


def _options(
    observed: Mapping[str, Numbers], partition: Partition, members: Sequence[Index], summary: Summary
) -> dict[str, list[Mapping[str, Any] | None]]:
    """By option and node, the outcome that may be told.

    Quantiles of a quantity give away nothing of those not told; rates of an event would, by subtraction.
    """
    if len(observed) < 2:
        return {}
    told = np.ones((len(members), len(observed)), dtype=bool)
    if summary is event_summary:
        counts = [
            np.array([[int((own[rows] == value).sum()) for own in observed.values()] for rows in members])
            for value in (1.0, 0.0)
        ]
        told = _told(partition, counts)
    return {
        name: [summary(own[rows]) if told[node, i] else None for node, rows in enumerate(members)]
        for i, (name, own) in enumerate(observed.items())
    }


def _told(partition: Partition, tables: Sequence[NDArray[np.int64]]) -> NDArray[np.bool_]:
    """Which cells (nodes, columns) may be told: of the outer groups first, then of the leaves within them,
    and of any other node where it says no more than those."""
    outer = partition.outer
    inner = [partition.within(node) for node in outer]
    told = nested(tables, outer, inner)
    known = {*outer, *partition.leaves}
    for node in range(len(partition.splits)):
        if node not in known:
            leaves = set(partition.within(node))
            groups = [group for group, own in zip(outer, inner, strict=True) if leaves.issuperset(own)]
            told[node] = told[groups or sorted(leaves)].all(axis=0)
    return told


@dataclass(frozen=True)
class _Judged:
    """Errors (n,) of answers by models that had not seen the patient, and whether the interval or set at 90%
    held what was observed; NaN where there is no such answer."""

    name: str
    errors: Numbers
    held: Numbers

    def of(self, leaves: Sequence[Index]) -> Json | None:
        """The mean error and the share held of these leaves; None where one of them has fewer than ten."""
        each = [rows[~np.isnan(self.errors[rows])] for rows in leaves]
        known = np.concatenate(each)
        if len(known) < SMALLEST_CELL or any(0 < len(own) < SMALLEST_CELL for own in each):
            return None
        error, held = float(self.errors[known].mean()), float(self.held[known].mean())
        return {self.name: round(error, 6), "level": LEVEL, "coverage": round(held, 4)}


def _judged(model: ResponseModel, population: Population, whole: Numbers | None) -> _Judged | None:
    """How the model does; not of those answered by a blend of their own, whom the margins do not tell of."""
    if population.held_out is None or whole is None:
        return None
    texts = population.cohort.clinical.texts_of(model.strata)
    strata = model.strata_for(np.ascontiguousarray(population.matrix.values), texts)
    gone = np.isin(strata, list(model.without))
    margin, band = population.held_out, model.conformal
    value = model.outcome.from_margin(margin)
    if isinstance(band, CalibrationBand):
        sets = band.sets(margin, strata, LEVEL)
        held, name, errors = np.where(whole > 0.5, sets[:, 0], sets[:, 1]), "brier", np.square(value - whole)
    else:
        lower, upper = band.interval(margin, strata, LEVEL)
        true = model.outcome.to_margin(whole)
        held, name, errors = (lower <= true) & (true <= upper), "mean_absolute_error", np.abs(value - whole)
    return _Judged(name, np.where(gone, np.nan, errors), np.where(gone, np.nan, held.astype(np.float64)))
