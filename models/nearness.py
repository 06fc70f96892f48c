"""Which questions part training patients best: those whose groups a model answers differently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from features.derived import BLOCK as PRODUCT
from features.encode import encode
from features.matrix import FeatureMatrix
from models.model_set import ModelSet, with_text
from models.near_patients import Population, aggregates
from models.outcome import BinaryOutcome
from models.partition import Asked, Growth, grow
from models.response import ResponseModel

Numbers = NDArray[np.float64]
Json = dict[str, Any]  # Any: aggregates as JSON
_MOST_COLUMNS, _MOST_TARGETS = 40, 3


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
    told = aggregates(models, population, partition, members, whole)
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
