"""Training patients near a patient, in aggregate: groups that a few named questions part, and what is told.

No row is kept. A group has 20 patients or more; of an event ten with it and ten without. A quantile is told
where ten patients lie beyond it, and of finer cells only what gives away no count under ten (`small_cells`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort, Texts
from features.derived import BLOCK as PRODUCT
from features.encode import encode
from features.errors import BundleError
from features.matrix import FeatureMatrix
from models.calibration import CalibrationBand
from models.model_set import ModelSet, with_text
from models.outcome import BinaryOutcome
from models.partition import Asked, Growth, Partition, Split, grow
from models.reference import SMALLEST_CELL
from models.response import ResponseModel
from models.small_cells import nested
from models.summaries import counted, event_summary, quantity_summary

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
Json = dict[str, Any]  # Any: aggregates as JSON
Summary = Callable[[Numbers], Mapping[str, Any] | None]
KEY = "neighbourhood"
LEVEL = 0.9
_MOST_COLUMNS, _MOST_TARGETS = 40, 3
_FIELDS = frozenset({"split", "n", "outcome", "options", "shares", "held_out"})


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


@dataclass(frozen=True)
class Neighbourhood:
    """A partition, and by node the aggregates of its training patients; `absent` features read silence as no.

    `told` by node: `n`, `outcome`, `options` (outcomes by drug or treatment), `shares` (by attribute and
    level), `held_out` (error and coverage); what may not be told is None.
    """

    partition: Partition
    told: tuple[Mapping[str, Any], ...]
    absent: frozenset[str]

    def steps(self, row: Mapping[str, float]) -> tuple[tuple[int, int], ...]:
        """One patient's way through the partition, from the features' values by name."""

        def value_of(feature: str) -> float:
            value = row[feature]
            return 0.0 if value != value and feature in self.absent else value

        return self.partition.path(value_of)

    def split(self, node: int) -> Split:
        """The question asked at a node that is parted."""
        found = self.partition.splits[node]
        if found is None:
            raise BundleError("a leaf of a neighbourhood asks nothing")
        return found

    def plain(self, steps: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        """The first of the steps, as far as they tell nothing molecular."""
        n_plain = next((i for i, (node, _) in enumerate(steps) if not self.split(node).is_plain), len(steps))
        return tuple(steps[:n_plain])

    @classmethod
    def from_json(
        cls, data: object, absent: Sequence[str], names: Sequence[str], options: Sequence[str]
    ) -> Self:
        """The neighbourhood in a bundle of models of these features and options; anything else is refused."""
        nodes = data.get("nodes") if isinstance(data, dict) else None
        if not isinstance(nodes, list) or not all(isinstance(n, dict) and set(n) == _FIELDS for n in nodes):
            raise BundleError("reference.json: the neighbourhood is not as it was written")
        partition = Partition.from_json([node["split"] for node in nodes])
        known = frozenset(names)
        if any(split is not None and split.feature not in known for split in partition.splits):
            raise BundleError("reference.json: the neighbourhood asks about features the model does not read")
        if any(node["options"] and set(node["options"]) != set(options) for node in nodes):
            raise BundleError("reference.json: the neighbourhood tells of other options than the models")
        return cls(partition, tuple(nodes), frozenset(absent))


def unjudged(neighbourhood: object) -> object:
    """The same aggregates without how the model did, for a model that was adapted since."""
    if not isinstance(neighbourhood, dict):
        return neighbourhood
    return {"nodes": [{**node, "held_out": None} for node in neighbourhood["nodes"]]}


def build_neighbourhood(models: ModelSet, population: Population, growth: Growth | None = None) -> Json:
    """The neighbourhood of each training patient, as JSON.

    The tree follows the models' answers: to every option of a question, to every drug of a panel.
    """
    wanted = Growth.of(len(population.matrix)) if growth is None else growth
    whole = population.whole
    is_event = isinstance(models.models[0].outcome, BinaryOutcome)
    asked = Asked(
        population.matrix.names,
        _silent_as_no(population.matrix, models.models[0].absent),
        _columns(models, population),
        _targets(models, population),
        whole if is_event else None,
    )
    partition, members = grow(asked, wanted)
    told = _aggregates(models, population, partition, members, whole)
    pairs = zip(partition.splits, told, strict=True)
    return {"nodes": [{"split": None if split is None else split.to_json(), **own} for split, own in pairs]}


def _silent_as_no(matrix: FeatureMatrix, absent: Sequence[str]) -> Numbers:
    gone = np.isin(matrix.names, absent)
    return np.where(np.isnan(matrix.values) & gone, 0.0, matrix.values)


def _columns(models: ModelSet, population: Population) -> tuple[int, ...]:
    """The features that carry most of the answers, first the strongest; none that asks for the treatment."""
    values = np.ascontiguousarray(population.matrix.values)
    amounts = [np.abs(model.blend.contributions(values)[0]).mean(axis=0) for model in models.models]
    carried = np.mean(amounts, axis=0)
    asked = "" if models.question is None else f"clinical/{models.question.variable}"
    inputs = models.spec.inputs
    order = np.argsort(-carried, kind="stable").tolist()
    features = models.spec.features
    kept = (
        i for i in order
        if carried[i] > 0.0 and features[i].block != PRODUCT and asked not in inputs[features[i].name]
    )  # fmt: skip
    return tuple(list(kept)[:_MOST_COLUMNS])


def _targets(models: ModelSet, population: Population) -> Numbers:
    """What is answered of each patient (n, k), an option a column; of many the few main directions."""
    if models.question is None:
        margins = [_margins(model, population.matrix, population.cohort) for model in models.models]
        columns = np.column_stack([own / max(float(own.std()), 1e-12) for own in margins])
    else:
        variable, options = models.question.variable, models.question.options
        each = (with_text(population.cohort, variable, option) for option in options)
        columns = np.column_stack([_margins(models.model, encode(c, models.spec), c) for c in each])
    if columns.shape[1] <= _MOST_TARGETS:
        return columns
    left, sizes, _ = np.linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
    return np.asarray(left[:, :_MOST_TARGETS] * sizes[:_MOST_TARGETS])


def _margins(model: ResponseModel, matrix: FeatureMatrix, cohort: Cohort) -> Numbers:
    values = np.ascontiguousarray(matrix.values)
    strata = model.strata_for(values, cohort.clinical.texts_of(model.strata))
    return model.margins(values, strata, explain=False)[0]


def _aggregates(
    models: ModelSet,
    population: Population,
    partition: Partition,
    members: Sequence[Index],
    whole: Numbers | None,
) -> list[Json]:
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
            "held_out": None if judged is None else judged.of(rows),
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

    def of(self, rows: Index) -> Json | None:
        """The mean error and the share held; None of fewer than ten."""
        known = rows[~np.isnan(self.errors[rows])]
        if len(known) < SMALLEST_CELL:
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
