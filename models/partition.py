"""Patients parted by a few named questions: a shallow tree in which what was not recorded is its own branch.

Splits on clinical facts and medications come first, so that whoever may not see molecular features is told of
the patients whom those first questions part; every finer group lies wholly within one of theirs.
Regression trees: Breiman et al. 1984; ours asks for round values, so that no patient's own value is told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.errors import BundleError, SettingsError
from models.reference import SMALLEST_CELL

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
PLAIN = ("clinical.", "medication.")
"""How the names of features begin that tell nothing molecular of a patient."""

BELOW, AT_LEAST, NOT_RECORDED = 0, 1, 2
_FEW_VALUES = 10
_DECILES = np.linspace(0.1, 0.9, 9)


@dataclass(frozen=True, slots=True)
class Growth:
    """How far patients are parted: `minimum` patients a group and `typical` where something was recorded, at
    most `plain_depth` questions of clinical facts and medications, each of which explains `plain_gain` of the
    answers' variance, and then more up to `depth` in all, each of which explains `least_gain` of it."""

    minimum: int = 20
    typical: int = 20
    plain_depth: int = 2
    plain_gain: float = 0.05
    depth: int = 5
    least_gain: float = 0.01

    @classmethod
    def of(cls, n: int) -> Self:
        """How far `n` patients are parted where nothing is said: a 50th of them in a group, or 20."""
        return cls(typical=max(cls().minimum, n // 50))

    def __post_init__(self) -> None:
        if self.minimum < SMALLEST_CELL:
            raise SettingsError(f"groups of fewer than {SMALLEST_CELL} patients are never told; ask for more")


@dataclass(frozen=True, slots=True)
class Split:
    """Whether a feature is at least a value, and the node for no, for yes, and where it was not recorded;
    None where nobody in training went that way."""

    feature: str
    at_least: float
    children: tuple[int | None, int | None, int | None]

    @property
    def is_plain(self) -> bool:
        """Whether the question tells nothing molecular."""
        return self.feature.startswith(PLAIN)

    def branch(self, value: float) -> int:
        """Which way a value goes: `BELOW`, `AT_LEAST` or `NOT_RECORDED`."""
        return NOT_RECORDED if math.isnan(value) else int(value >= self.at_least)

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return {"feature": self.feature, "at_least": self.at_least, "children": list(self.children)}


@dataclass(frozen=True)
class Partition:
    """Nodes by number, the root first: a node's split, or None for a leaf."""

    splits: tuple[Split | None, ...]

    def __post_init__(self) -> None:
        below = [c for split in self.splits if split for c in split.children if c is not None]
        if not self.splits or sorted(below) != list(range(1, len(self.splits))):
            raise BundleError("a neighbourhood's groups do not hang together; retrain with rxplain fit")
        later = (c > i for i, s in enumerate(self.splits) if s for c in s.children if c is not None)
        if not all(later):
            raise BundleError("a neighbourhood's groups lie in each other; retrain with rxplain fit")

    def path(self, value_of: Callable[[str], float]) -> tuple[tuple[int, int], ...]:
        """The way of one patient: nodes passed and the branch taken at each; it ends early where nobody in
        training went on."""
        steps: list[tuple[int, int]] = []
        node = 0
        while (split := self.splits[node]) is not None:
            branch = split.branch(value_of(split.feature))
            child = split.children[branch]
            if child is None:
                break
            steps.append((node, branch))
            node = child
        return tuple(steps)

    def end(self, steps: Sequence[tuple[int, int]]) -> int:
        """The node to which these steps lead."""
        if not steps:
            return 0
        node, branch = steps[-1]
        split = self.splits[node]
        child = None if split is None else split.children[branch]
        if child is None:
            raise BundleError("a way through a neighbourhood leads nowhere")
        return child

    @property
    def leaves(self) -> tuple[int, ...]:
        """The nodes that are parted no further."""
        return tuple(i for i, split in enumerate(self.splits) if split is None)

    @property
    def outer(self) -> tuple[int, ...]:
        """The nodes that questions of clinical facts and medications alone lead to; they part everybody."""
        found, waiting = [], [0]
        while waiting:
            node = waiting.pop()
            split = self.splits[node]
            if split is None or not split.is_plain:
                found.append(node)
            else:
                waiting += [child for child in split.children if child is not None]
        return tuple(sorted(found))

    def within(self, node: int) -> tuple[int, ...]:
        """The leaves below a node; of a leaf itself alone."""
        split = self.splits[node]
        if split is None:
            return (node,)
        return tuple(leaf for child in split.children if child is not None for leaf in self.within(child))

    @classmethod
    def from_json(cls, data: Sequence[object]) -> Self:
        """The partition whose splits wrote `data`."""
        return cls(tuple(map(_split, data)))


def _split(data: object) -> Split | None:
    match data:
        case None:
            return None
        case {"feature": str(name), "at_least": float(value), "children": [*children]} if len(
            children
        ) == 3 and all(c is None or type(c) is int for c in children):
            below, at_least, missing = children
            return Split(name, value, (below, at_least, missing))
    raise BundleError("a neighbourhood's question is not as it was written")


@dataclass(frozen=True)
class Asked:
    """Patients to be parted: values (n, p) under `names`, the columns that may be asked about in order, what
    is answered of each (n, k), and where groups must hold ten of both what happened (n,), as 0, 1 or NaN."""

    names: tuple[str, ...]
    values: Numbers
    columns: tuple[int, ...]
    targets: Numbers
    happened: Numbers | None = None

    def both(self, rows: Index) -> Numbers:
        """Whether the event and whether its absence was observed of these patients (n, 2); where groups need
        hold neither, ten of both are put down for each."""
        if self.happened is None:
            return np.full((len(rows), 2), float(SMALLEST_CELL))
        own = self.happened[rows]
        return np.column_stack([own == 1.0, own == 0.0]).astype(np.float64)


def grow(asked: Asked, growth: Growth) -> tuple[Partition, list[Index]]:
    """The partition, and the patients (rows) of each of its nodes; the same patients give the same tree."""
    centred = asked.targets - asked.targets.mean(axis=0)
    whole = float(np.square(centred).sum())
    splits: list[Split | None] = [None]
    members: list[Index] = [np.arange(len(asked.values), dtype=np.int64)]
    waiting = [(0, 0, True)]
    while waiting:
        node, depth, is_plain = waiting.pop(0)
        found = None
        if is_plain and depth < growth.plain_depth:
            found = _best(asked, centred, members[node], growth, growth.plain_gain * whole, is_plain=True)
        if found is None and depth < growth.depth:
            is_plain = False
            found = _best(asked, centred, members[node], growth, growth.least_gain * whole, is_plain=False)
        if found is None:
            continue
        column, value = found
        rows = members[node]
        own = asked.values[rows, column]
        parts = (own < value, own >= value, np.isnan(own))
        children: list[int | None] = []
        for part in parts:
            if not part.any():
                children.append(None)
                continue
            children.append(len(splits))
            waiting.append((len(splits), depth + 1, is_plain))
            splits.append(None)
            members.append(rows[part])
        below, at_least, missing = children
        splits[node] = Split(asked.names[column], value, (below, at_least, missing))
    return Partition(tuple(splits)), members


def _best(
    asked: Asked, targets: Numbers, rows: Index, growth: Growth, least: float, is_plain: bool
) -> tuple[int, float] | None:
    """The column and value whose groups differ most, if they differ by `least`; of equals the first."""
    best, found = least, None
    given = targets[rows], asked.both(rows)
    for column in asked.columns:
        if is_plain and not asked.names[column].startswith(PLAIN):
            continue
        gain, value = _best_value(asked.values[rows, column], *given, growth)
        if gain > best * (1.0 + 1e-9):
            best, found = gain, (column, value)
    return found


def _best_value(own: Numbers, targets: Numbers, both: Numbers, growth: Growth) -> tuple[float, float]:
    """How much the round value that best parts patients of these values (n,) explains, and it; 0 if none."""
    missing = np.isnan(own)
    values = round_values(own[~missing])
    if (
        not len(values)
        or not _may_be_told(missing[:, None].astype(np.float64), both, growth.minimum, True)[0]
    ):
        return 0.0, 0.0
    above = (own[:, None] >= values).astype(np.float64)
    below = (own[:, None] < values).astype(np.float64)
    allowed = _may_be_told(above, both, growth.typical) & _may_be_told(below, both, growth.typical)
    if not allowed.any():
        return 0.0, 0.0
    absent = targets[missing].sum(axis=0)
    explained = _squares(above.T @ targets, above.sum(axis=0)) + _squares(
        below.T @ targets, below.sum(axis=0)
    )
    whole = _squares(absent, float(missing.sum())) - _squares(targets.sum(axis=0), float(len(own)))
    gains = np.where(allowed, explained + whole, 0.0)
    place = int(np.argmax(gains))
    return float(gains[place]), float(values[place])


def _may_be_told(chosen: Numbers, both: Numbers, minimum: int, or_nobody: bool = False) -> NDArray[np.bool_]:
    """Which groups, the columns of `chosen` (n, m) as 0 or 1, are large enough in all and on either side."""
    sizes = chosen.sum(axis=0)
    enough = (sizes >= minimum) & (chosen.T @ both >= SMALLEST_CELL).all(axis=1)
    return enough | (sizes == 0.0) if or_nobody else enough


def _squares(sums: Numbers, counts: Numbers | float) -> Numbers:
    """Squared sums over their counts; nothing where nobody is counted."""
    return np.asarray(np.square(sums).sum(axis=-1) / np.maximum(counts, 1.0))


def round_values(recorded: Numbers) -> Numbers:
    """Values of two digits at which recorded ones (n,) may be parted; with few values, each but the lowest.

    >>> round_values(np.array([0.0, 1.0, 2.0, 1.0]))
    array([1., 2.])
    """
    distinct = np.unique(recorded)
    if len(distinct) < 2:
        return np.empty(0)
    cuts = distinct[1:] if len(distinct) <= _FEW_VALUES else np.quantile(recorded, _DECILES)
    return np.unique([float(f"{cut:.2g}") for cut in cuts.tolist()])
