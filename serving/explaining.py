"""An explanation as JSON text: every feature, or the largest ones with the rest in one sum.

The features of a panel's models are the same, so that what names them is turned into text once for all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from features.errors import IntegrityError
from features.matrix import Feature
from models.results import Explanation
from serving import json_text

N_TOP = 10
MOST_GENES = 50
"""Genes whose sums a short explanation tells one by one; of more it tells the largest and the rest."""

Numbers = NDArray[np.float64]


class ExplanationWriter:
    """Writes explanations over one list of features."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self.heads = [_head(feature) for feature in features]
        self._genes = _Sums("genes", [feature.gene or feature.block for feature in features])
        self._blocks = _Sums("blocks", [feature.block for feature in features])

    def write(self, explanation: Explanation | None, depth: str, scale: str) -> str:
        """The explanation at one of the depths of `serving.schemas`; `scale` is JSON already."""
        if explanation is None or depth == "none":
            return "null"
        values, amounts = explanation.values, explanation.contributions
        if not np.isfinite(amounts).all() or np.isinf(values).any():
            raise IntegrityError("a contribution or a value is not a finite number; no number is given")
        head = f'{{"scale":{scale},"base":{explanation.base!r},"margin":{explanation.margin!r},'
        if depth == "top":
            return head + self._top(values, amounts)
        texts = list(map(repr, amounts.tolist()))
        rows = self._rows(range(len(texts)), values.tolist(), texts)
        return f"{head}{rows},{self._genes.write_all(amounts, texts)},{self._blocks.write(amounts)}}}"

    def _top(self, values: Numbers, amounts: Numbers) -> str:
        top, rest = largest(amounts)
        rows = self._rows(top, values[top].tolist(), list(map(repr, amounts[top].tolist())))
        genes = self._genes.write(amounts, MOST_GENES)
        return f'{rows},{genes},{self._blocks.write(amounts)},"other_features":{rest!r}}}'

    def _rows(self, shown: Iterable[int], values: list[float], amounts: list[str]) -> str:
        heads, number = self.heads, json_text.number
        told = zip(shown, values, amounts, strict=True)
        rows = [f'{heads[i]}{number(value)},"contribution":{amount}}}' for i, value, amount in told]
        return f'"features":[{",".join(rows)}]'


class _Sums:
    """Contributions summed by gene or block, in the features' order, as an object under a name."""

    def __init__(self, name: str, keys: list[str]) -> None:
        places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        self._name = name
        self._openings = [f"{json_text.plain(key)}:" for key in places]
        self._place = np.array([places[key] for key in keys], dtype=np.int64)
        firsts: dict[str, int] = {}
        for i, key in enumerate(keys):
            firsts.setdefault(key, i)
        self._first = list(firsts.values())
        self._several = np.flatnonzero(np.bincount(self._place, minlength=len(places)) > 1)

    def write(self, amounts: Numbers, most: int | None = None) -> str:
        """The sums of one patient's contributions; of more than `most` the largest, and the rest in one."""
        sums = np.asarray(np.bincount(self._place, amounts, len(self._openings)), dtype=np.float64)
        if most is None or len(self._openings) <= most:
            return self._object(range(len(self._openings)), sums.tolist())
        top, rest = largest(sums)
        return f'{self._object(top, sums[top].tolist())},"other_{self._name}":{rest!r}'

    def write_all(self, amounts: Numbers, texts: list[str]) -> str:
        """All sums; `texts` are the amounts as JSON, so that a gene of one feature is not told anew."""
        sums = np.bincount(self._place, amounts, len(self._openings))[self._several].tolist()
        told = [texts[i] for i in self._first]
        for place, total in zip(self._several.tolist(), sums, strict=True):
            told[place] = repr(total)
        return f'"{self._name}":{{{",".join(map(str.__add__, self._openings, told))}}}'

    def _object(self, shown: Iterable[int], sums: list[float]) -> str:
        pairs = ",".join([f"{self._openings[i]}{total!r}" for i, total in zip(shown, sums, strict=True)])
        return f'"{self._name}":{{{pairs}}}'


def largest(amounts: Numbers, most: int = N_TOP) -> tuple[list[int], float]:
    """Where the largest amounts stand, the largest first, and the exact sum of all others."""
    sizes = np.abs(amounts)
    if len(sizes) > most:
        least = np.partition(sizes, len(sizes) - most)[len(sizes) - most]
        candidates = np.flatnonzero(sizes >= least)
    else:
        candidates = np.arange(len(sizes))
    order = candidates[np.argsort(-sizes[candidates], kind="stable")][:most].tolist()
    return order, math.fsum(np.delete(amounts, order).tolist())


def _head(feature: Feature) -> str:
    known = {
        "name": feature.name, "label": feature.label, "block": feature.block, "gene": feature.gene,
        "unit": feature.unit,
    }  # fmt: skip
    return json_text.plain(known)[:-1] + ',"value":'
