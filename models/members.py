"""What was learned, ready to answer: a linear and a boosted member, both exactly additive.

Neither knows patients or names, only columns. A row alone and the same row in a batch give the same
bits: linear sums run along each row in a fixed order, trees walk each row by itself on one thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple, Protocol, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray

from features.errors import BundleError, FeatureError
from models.tree_tables import TreeTables

Numbers = NDArray[np.float64]


class Explained(NamedTuple):
    """Margins (n,) and their exact additive contributions: `base` + contributions (n, p) = margin."""

    margin: Numbers
    contributions: Numbers
    base: float


class Member(Protocol):
    """One learner of a blend; `values` are (patients, features) with NaN where nothing was recorded."""

    kind: ClassVar[str]

    def margin(self, values: Numbers) -> Numbers:
        """Each patient's answer on the margin, shape (n,)."""

    def contributions(self, values: Numbers) -> tuple[Numbers, float]:
        """Exact additive contributions (n, p), and the base they start from."""

    def explain(self, values: Numbers) -> Explained:
        """Both of them in one pass, with the same bits."""


@dataclass(frozen=True)
class LinearMember:
    """margin = intercept + sum(coefficients * filled values); `centre` is the training mean.

    Contributions are `coefficients * (value - centre)`: linear SHAP in closed form, for features taken
    as independent (doi:10.1007/s10115-013-0679-x).
    """

    kind: ClassVar[str] = "linear"

    coefficients: Numbers
    intercept: float
    centre: Numbers
    fill: Numbers

    def margin(self, values: Numbers) -> Numbers:
        """Each patient's answer on the margin, shape (n,)."""
        return self._margin(_filled(values, self.fill))

    def contributions(self, values: Numbers) -> tuple[Numbers, float]:
        """Exact additive contributions (n, p), and the answer for the average patient."""
        return self._contributions(_filled(values, self.fill)), self.base

    def explain(self, values: Numbers) -> Explained:
        """Margins and contributions in one pass, with the same bits as either alone."""
        filled = _filled(values, self.fill)
        return Explained(self._margin(filled), self._contributions(filled), self.base)

    def _margin(self, filled: Numbers) -> Numbers:
        return self.intercept + (self.coefficients * filled).sum(axis=1)

    def _contributions(self, filled: Numbers) -> Numbers:
        return self.coefficients * (filled - self.centre)

    @cached_property
    def base(self) -> float:
        """The answer for a patient who is average in every column."""
        return float(self.intercept + (self.coefficients * self.centre).sum())

    def to_json(self) -> dict[str, object]:
        """Plain numbers; floats keep every bit through `repr`."""
        arrays = {name: getattr(self, name).tolist() for name in _LINEAR_ARRAYS}
        return {"intercept": self.intercept, **arrays}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """The member that wrote `data`."""
        if set(data) != {"intercept", *_LINEAR_ARRAYS}:
            raise BundleError("a linear member does not hold exactly intercept, " + ", ".join(_LINEAR_ARRAYS))
        arrays = {name: np.array(data[name], dtype=np.float64) for name in _LINEAR_ARRAYS}
        return cls(intercept=float(str(data["intercept"])), **arrays)


_LINEAR_ARRAYS = ("coefficients", "centre", "fill")


@dataclass(frozen=True)
class TreeMember:
    """Gradient-boosted trees in LightGBM's text; `fill` is NaN where the trees decide about missing.

    Contributions are path-dependent TreeSHAP (doi:10.1038/s42256-019-0138-9): looked up where every tree is
    small, by LightGBM itself where one is not. The margins are LightGBM's to the bit either way.
    """

    kind: ClassVar[str] = "trees"

    model_text: str
    fill: Numbers

    def margin(self, values: Numbers) -> Numbers:
        """Each patient's answer on the margin, shape (n,)."""
        if len(values) == 0:
            return np.zeros(0)
        looked_up = len(values) <= _FEW_ROWS or len(values) >= _MANY_ROWS
        if looked_up and self._tables is not None:
            return self._tables.margin(_filled(values, self.fill))
        return self._grown(values, raw_score=True)

    def contributions(self, values: Numbers) -> tuple[Numbers, float]:
        """Exact additive contributions (n, p), and the trees' mean answer over their training rows."""
        if self._tables is not None:
            return self._tables.contributions(_filled(values, self.fill)), self._tables.base
        if len(values) == 0:
            return np.zeros((0, len(self.fill))), self.base
        both = self._grown(values, pred_contrib=True)
        return both[:, :-1], float(both[0, -1])

    def explain(self, values: Numbers) -> Explained:
        """Margins and contributions in one pass, with the same bits as either alone."""
        if len(values) and self._tables is not None:
            return Explained(*self._tables.explain(_filled(values, self.fill)), self._tables.base)
        return Explained(self.margin(values), *self.contributions(values))

    def _grown(self, values: Numbers, raw_score: bool = False, pred_contrib: bool = False) -> Numbers:
        """What LightGBM itself says, on one thread."""
        told = self._booster.predict(
            _filled(values, self.fill),
            raw_score=raw_score,
            pred_contrib=pred_contrib,
            num_threads=1,
            predict_disable_shape_check=True,
        )
        return np.asarray(told)

    @cached_property
    def base(self) -> float:
        """The trees' mean answer over their training rows."""
        return self.contributions(np.zeros((1, len(self.fill))))[1]

    @cached_property
    def _tables(self) -> TreeTables | None:
        tables = TreeTables.of(self.model_text)
        if tables is not None:
            self._check_columns(tables.n_columns)
        return tables

    @cached_property
    def _booster(self) -> lightgbm.Booster:
        booster = lightgbm.Booster(model_str=self.model_text)
        self._check_columns(booster.num_feature())
        return booster

    def _check_columns(self, n_columns: int) -> None:
        if n_columns != len(self.fill):
            raise BundleError(f"the trees read {n_columns} columns, the model {len(self.fill)}")


_FEW_ROWS, _MANY_ROWS = 64, 10_000
"""Between them LightGBM is quicker than making the tables first; the bits are the same."""


def absent_fill(n_columns: int, absent: NDArray[np.bool_]) -> Numbers:
    """What trees are told of missing values: 0 in columns of which silence means no, else NaN."""
    fill = np.full(n_columns, np.nan)
    fill[absent] = 0.0
    return fill


def _filled(values: Numbers, fill: Numbers) -> Numbers:
    if values.ndim != 2 or values.shape[1] != len(fill):
        raise FeatureError(f"values of shape {values.shape} were given where (n, {len(fill)}) is needed")
    return np.ascontiguousarray(np.where(np.isnan(values), fill, values), dtype=np.float64)
