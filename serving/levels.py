"""An explanation at several levels as JSON text: by feature, gene, block and pathway, each a whole sum.

Pathways are the shipped gene signatures, and they overlap. So each feature is counted once, under the exact
set of pathways that its gene (or the signature that it is) belongs to: `["cytolytic_activity",
"interferon_gamma"]` is a row of its own, and what belongs to none is told by its block.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.derived import parts_of
from features.encode import FeatureSpec
from features.errors import IntegrityError
from features.knowledge.signatures import signatures
from features.matrix import Feature
from models.results import ADDITIVITY_TOLERANCE, Explanation
from serving import json_text
from serving.explaining import largest

Numbers = NDArray[np.float64]
Json = dict[str, Any]  # Any: rows of JSON
_SIGNATURE = "signature."


class LevelWriter:
    """Writes explanations over one specification's features at the levels asked for."""

    def __init__(self, spec: FeatureSpec) -> None:
        self._features = spec.features
        kin = [_pathways(feature, spec) for feature in self._features]
        self._groups = {
            "gene": _Groups("genes", [_gene(f) for f in self._features]),
            "pathway": _Groups(
                "pathways", [_pathway(f, p) for f, p in zip(self._features, kin, strict=True)]
            ),
            "block": _Groups("blocks", [(f.block, f.block, ()) for f in self._features]),
        }

    def write(
        self, explanation: Explanation, levels: Sequence[str], depth: str, most: int, scale: str
    ) -> str:
        """The explanation at these levels; of `top` depth the `most` largest of each and the rest in one.

        The sum of each level is checked; one that is not the answer gives no number at all.
        """
        amounts = explanation.contributions
        if not np.isfinite(amounts).all() or np.isinf(explanation.values).any():
            raise IntegrityError("a contribution or a value is not a finite number; no number is given")
        kept = len(amounts) if depth == "full" else most
        parts = [f'"scale":{scale},"base":{explanation.base!r},"margin":{explanation.margin!r}']
        parts.append(f'"levels":{json_text.plain(list(levels))}')
        for level in levels:
            told = (
                self._rows(explanation, kept)
                if level == "feature"
                else self._groups[level].told(amounts, len(amounts) if level == "block" else kept)
            )
            _check(told, explanation, level)
            if level == "block":
                told.pop("other_blocks")
            parts.append(json_text.plain(told)[1:-1])
        return "{" + ",".join(parts) + "}"

    def _rows(self, explanation: Explanation, most: int) -> Json:
        order, rest = largest(explanation.contributions, most)
        rows = [
            {
                "name": feature.name, "label": feature.label, "block": feature.block, "gene": feature.gene,
                "unit": feature.unit, "value": None if math.isnan(value) else value, "contribution": amount,
            }
            for feature, value, amount in (
                (self._features[i], float(explanation.values[i]), float(explanation.contributions[i]))
                for i in order
            )
        ]  # fmt: skip
        return {"features": rows, "other_features": rest}


class _Groups:
    """Features under names, in the features' order; each in one of them."""

    def __init__(self, name: str, keys: Iterable[tuple[str, str, tuple[str, ...]]]) -> None:
        listed = list(keys)
        self._names = list(dict.fromkeys(listed))
        places = {key: place for place, key in enumerate(self._names)}
        self._place = np.array([places[key] for key in listed], dtype=np.int64)
        self._sizes = np.bincount(self._place, minlength=len(self._names)).tolist()
        self._name = name

    def told(self, amounts: Numbers, most: int) -> Json:
        """The largest sums, and the rest in one."""
        sums = np.asarray(np.bincount(self._place, amounts, len(self._names)), dtype=np.float64)
        order, rest = largest(sums, most)
        rows = [self._row(i, float(sums[i])) for i in order]
        return {self._name: rows, f"other_{self._name}": rest}

    def _row(self, place: int, total: float) -> Json:
        name, block, pathways = self._names[place]
        own: Json = {"name": name, "block": block or None}
        if self._name == "pathways":
            own = {"pathways": list(pathways), "block": None if pathways else block}
        return {**own, "n_features": self._sizes[place], "contribution": total}


def _check(told: Json, explanation: Explanation, level: str) -> None:
    """Refuse a level whose rows and rest do not add up to the answer."""
    rows, rest = told.values()
    total = math.fsum([explanation.base, rest, *(row["contribution"] for row in rows)])
    if not abs(total - explanation.margin) <= ADDITIVITY_TOLERANCE:
        raise IntegrityError(f"the contributions by {level} do not add up to the answer; no number is given")


def _gene(feature: Feature) -> tuple[str, str, tuple[str, ...]]:
    return (feature.gene or feature.block, feature.block if feature.gene is None else "", ())


def _pathway(feature: Feature, pathways: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]]:
    return ("", "" if pathways else feature.block, pathways)


def _pathways(feature: Feature, spec: FeatureSpec) -> tuple[str, ...]:
    """The signatures that a feature belongs to, by name; of a product those of either factor."""
    found: set[str] = set()
    for name in parts_of(feature.name) or (feature.name,):
        if name.startswith(_SIGNATURE):
            found.add(name.removeprefix(_SIGNATURE).partition(".")[0])
            continue
        column = spec.column_for(name)
        gene = None if column is None else column.feature.gene
        found |= set(_by_gene().get(gene or "", ()))
    return tuple(sorted(found))


@cache
def _by_gene() -> Mapping[str, tuple[str, ...]]:
    """By gene, the signatures that list it."""
    found: dict[str, list[str]] = {}
    for signature in signatures().values():
        for gene in signature.genes:
            found.setdefault(gene, []).append(signature.name)
    return {gene: tuple(names) for gene, names in found.items()}
