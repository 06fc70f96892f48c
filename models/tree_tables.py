"""Small trees answered by looking up, with exact TreeSHAP at the price of a prediction.

What a tree says of a patient, and every feature's share in it, depend only on which way each of its
splits sends the patient. A tree of 7 leaves has 6 splits, so 64 patterns: all are worked out once, and
a request only compares, packs bits and adds. Path-dependent Shapley values (doi:10.1038/s42256-019-0138-9)
come from the Beta integral of their weights, which Gauss-Legendre nodes give exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]

MOST_SPLITS = 8  # so that a pattern is a byte
_FEW, _BLOCK = (
    64,
    32_768,
)  # so few rows are quicker all at once; with so many numpy, not Python, takes the time
_CATEGORICAL, _DEFAULT_LEFT, _MISSING_ZERO, _MISSING_NAN = 1, 2, 4, 8


@dataclass(frozen=True)
class TreeTables:
    """T trees of at most S splits on p columns; unused places hold a split that always goes right, or 0.

    `column`, `threshold`, `missing_left` (T * 8,) describe the splits, a byte a tree; `answers` (T * 2**S,)
    what a tree says of a pattern, `shares` (T * 2**S, S) the contributions of its features, whose columns
    are `feature` (T * S,); `base` is the trees' mean answer over their training rows.
    """

    n_columns: int
    n_splits: int
    column: Index
    threshold: Numbers
    missing_left: NDArray[np.bool_]
    feature: Index
    answers: Numbers
    shares: Numbers
    base: float

    @classmethod
    def of(cls, model_text: str) -> Self | None:
        """The tables of a LightGBM model text, or None for trees too large or of another kind."""
        trees = [_Tree.parse(fields) for fields in _sections(model_text)]
        if not trees or any(tree is None for tree in trees):
            return None
        small = [tree for tree in trees if tree is not None]
        n_splits = max(1, *(len(tree.column) for tree in small))
        told = [tree.tabulate(n_splits) for tree in small]
        return cls(
            n_columns=_n_columns(model_text),
            n_splits=n_splits,
            column=np.concatenate([_padded(t.column, MOST_SPLITS, 0) for t in small]),
            threshold=np.concatenate([_padded(t.threshold, MOST_SPLITS, -np.inf) for t in small]),
            missing_left=np.concatenate([_padded(t.missing_left, MOST_SPLITS, False) for t in small]),
            feature=np.concatenate([_padded(np.unique(t.column), n_splits, 0) for t in small]),
            answers=np.concatenate([answers for answers, _ in told]),
            shares=np.concatenate([shares for _, shares in told]),
            base=float(sum(tree.mean for tree in small)),
        )

    def margin(self, values: Numbers) -> Numbers:
        """Each row's answer (n,), the trees added in their order as LightGBM adds them."""
        return (
            self._margin(self._pattern(values)) if 0 < len(values) <= _FEW else self._many(values, False)[0]
        )

    def contributions(self, values: Numbers) -> Numbers:
        """Each row's exact additive contributions (n, p); `base` is what they start from."""
        return self.explain(values)[1]

    def explain(self, values: Numbers) -> tuple[Numbers, Numbers]:
        """Margins and contributions, with the same bits as either alone."""
        if 0 < len(values) <= _FEW:
            at = self._pattern(values)
            return self._margin(at), self._contributions(at)
        return self._many(values, True)

    def _many(self, values: Numbers, explain: bool) -> tuple[Numbers, Numbers]:
        """The same bits for many rows: tree by tree down whole columns, some thousand rows at a time."""
        margin = np.zeros(len(values))
        shares = np.zeros((self.n_columns if explain else 0, len(values)))
        for start in range(0, len(values), _BLOCK):
            rows = slice(start, start + _BLOCK)
            for tree, pattern in enumerate(self._down(np.ascontiguousarray(values[rows].T))):
                at = slice(tree << self.n_splits, (tree + 1) << self.n_splits)
                margin[rows] += self.answers[at].take(pattern)
                if explain:
                    for feature, slot in self._told[tree]:
                        shares[feature, rows] += self.shares[at, slot].take(pattern)
        return margin, np.ascontiguousarray(shares.T)

    def _down(self, columns: Numbers) -> Iterator[NDArray[np.uint8]]:
        """Each tree's pattern of every row, from columns (p, rows)."""
        missing: NDArray[np.bool_] = np.isnan(columns)
        gaps = np.asarray(missing.any(axis=1))
        for splits in self._splits:
            pattern = np.zeros(columns.shape[1], dtype=np.uint8)
            for bit, column, threshold, missing_left in splits:
                left = columns[column] <= threshold
                if missing_left and gaps[column]:
                    left |= missing[column]
                pattern |= left.view(np.uint8) << bit
            yield pattern

    @cached_property
    def _splits(self) -> list[list[tuple[np.uint8, int, float, bool]]]:
        """By tree its splits: bit, column, threshold, and whether a missing value goes left."""
        rows = zip(self.column.tolist(), self.threshold.tolist(), self.missing_left.tolist(), strict=True)
        every = [(np.uint8(i % MOST_SPLITS), *row) for i, row in enumerate(rows)]
        starts = range(0, len(every), MOST_SPLITS)
        return [[split for split in every[i : i + MOST_SPLITS] if split[2] != -np.inf] for i in starts]

    @cached_property
    def _told(self) -> list[list[tuple[int, int]]]:
        """By tree the features that it gives a share, with their places in `shares`."""
        n, size = self.n_splits, 1 << self.n_splits
        trees = len(self.column) // MOST_SPLITS
        told = np.asarray(self.shares.reshape(trees, size, n).any(axis=1))
        feature = self.feature.reshape(trees, n)
        return [[(int(feature[t, slot]), slot) for slot in range(n) if told[t, slot]] for t in range(trees)]

    def _margin(self, at: Index) -> Numbers:
        return self.answers.take(at).cumsum(axis=1)[:, -1]

    def _contributions(self, at: Index) -> Numbers:
        n = len(at)
        places = self.feature
        if n > 1:
            places = ((np.arange(n) * self.n_columns)[:, None] + self.feature).ravel()
        shares = self.shares.take(at.ravel(), axis=0).ravel()
        sums: Numbers = np.bincount(places, shares, n * self.n_columns)  # type: ignore[assignment]
        return sums.reshape(n, self.n_columns)

    def _pattern(self, values: Numbers) -> Index:
        """Where each tree's pattern stands in the tables, shape (rows, T)."""
        left = values.take(self.column, axis=1) <= self.threshold
        missing = np.isnan(values)
        if missing.any():
            left |= missing.take(self.column, axis=1) & self.missing_left
        return np.packbits(left, bitorder="little").reshape(len(values), -1) + self._first

    @cached_property
    def _first(self) -> Index:
        """Where each tree's patterns begin."""
        return np.arange(len(self.column) // MOST_SPLITS) << self.n_splits


@dataclass(frozen=True)
class _Tree:
    """One tree: splits, children (leaf k is ~k), leaves, and how many training rows passed each."""

    column: Index
    threshold: Numbers
    missing_left: NDArray[np.bool_]
    children: NDArray[np.int64]
    leaf_value: Numbers
    leaf_count: Numbers
    split_count: Numbers

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> Self | None:
        """The tree of one section of the text; None when it is too large, linear or categorical."""
        n_splits = int(fields["num_leaves"]) - 1
        kinds = _row(fields, "decision_type", np.int64)
        unusual = int(fields.get("num_cat", "0")) or int(fields.get("is_linear", "0"))
        if n_splits > MOST_SPLITS or unusual or (kinds & (_CATEGORICAL | _MISSING_ZERO)).any():
            return None
        threshold = _row(fields, "threshold", np.float64)
        as_default = (kinds & _MISSING_NAN) > 0
        missing_left = np.where(as_default, (kinds & _DEFAULT_LEFT) > 0, threshold >= 0.0)
        children = np.stack([_row(fields, f"{side}_child", np.int64) for side in ("right", "left")], axis=1)
        return cls(
            _row(fields, "split_feature", np.int64),
            threshold,
            missing_left,
            children,
            _row(fields, "leaf_value", np.float64),
            _row(fields, "leaf_count", np.float64) if n_splits else np.ones(1),
            _row(fields, "internal_count", np.float64),
        )

    @property
    def mean(self) -> float:
        """The mean answer over the rows the tree was grown on."""
        return float((self.leaf_value * self.leaf_count).sum() / self.leaf_count.sum())

    def tabulate(self, n_splits: int) -> tuple[Numbers, Numbers]:
        """Of each of the 2**S patterns of splits: the answer (2**S,), and shares by feature (2**S, S)."""
        patterns = np.arange(1 << n_splits)
        goes_left = (patterns[:, None] >> np.arange(n_splits)) & 1
        answers, shares = np.zeros(len(patterns)), np.zeros((len(patterns), n_splits))
        names = np.unique(self.column)
        for leaf, path in self._paths():
            slots = [int(np.searchsorted(names, f)) for f in dict.fromkeys(self.column[s] for s, _ in path)]
            follows = np.ones((len(patterns), len(slots)))
            cover = np.ones(len(slots))
            for split, left in path:
                at = slots.index(int(np.searchsorted(names, self.column[split])))
                follows[:, at] *= goes_left[:, split] == left
                cover[at] *= self._count(self.children[split, left]) / self.split_count[split]
            answers += np.where(follows.all(axis=1), self.leaf_value[leaf], 0.0)
            shares[:, slots] += self.leaf_value[leaf] * _shapley(follows, cover)
        return answers, shares

    def _paths(self) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Each leaf with its path: the splits above it, and whether it lies left (1) or right (0) of them."""
        if not len(self.column):
            yield 0, []
            return
        waiting: list[tuple[int, list[tuple[int, int]]]] = [(0, [])]
        while waiting:
            node, path = waiting.pop()
            if node < 0:
                yield ~node, path
                continue
            waiting += [(int(self.children[node, side]), [*path, (node, side)]) for side in (0, 1)]

    def _count(self, node: int) -> float:
        return float(self.leaf_count[~node] if node < 0 else self.split_count[node])


def _shapley(follows: Numbers, cover: Numbers) -> Numbers:
    """Shapley values (patterns, d) of a game that pays 1 when every feature of a path lets a patient through.

    A known feature lets through or not (`follows`), an unknown one its share `cover` of the training rows.
    The weight k!(d-k-1)!/d! is the integral over y of y**k (1-y)**(d-k-1), so a value is the integral of
    (follows - cover) times the other features' y follows + (1-y) cover: a polynomial, summed exactly.
    """
    d = len(cover)
    nodes, weights = _gauss_legendre(d // 2 + 1)
    y = (nodes[:, None] + 1.0) / 2.0
    values = np.zeros(follows.shape)
    for at in range(d):
        others = np.delete(np.arange(d), at)
        product = np.ones((len(follows), len(nodes)))
        for other in others:
            product *= (y * follows[:, other] + (1.0 - y) * cover[other]).T
        values[:, at] = (follows[:, at] - cover[at]) * (product @ weights) / 2.0
    return values


@cache
def _gauss_legendre(n: int) -> tuple[Numbers, Numbers]:
    """Nodes and weights that sum polynomials of degree below 2 n exactly."""
    return np.polynomial.legendre.leggauss(n)


def _sections(model_text: str) -> Iterator[dict[str, str]]:
    """The `key=value` lines of each tree of a model text."""
    trees = model_text.partition("\nend of trees")[0].split("\nTree=")[1:]
    for tree in trees:
        yield dict(line.split("=", 1) for line in tree.splitlines()[1:] if "=" in line)


def _n_columns(model_text: str) -> int:
    line = next(line for line in model_text.splitlines() if line.startswith("max_feature_idx="))
    return int(line.partition("=")[2]) + 1


def _row(fields: Mapping[str, str], name: str, kind: type) -> NDArray:
    return np.array(fields.get(name, "").split(), dtype=kind)


def _padded(row: NDArray, length: int, filler: object) -> NDArray:
    padded = np.full(length, filler, dtype=row.dtype)
    padded[: len(row)] = row
    return padded
