"""Which cells of a table of counts may be told so that no smaller one can be worked out from the rest.

Whoever reads the table is taken to know each row's and each column's sum, and which cells are empty. A count
under ten is never told, and further cells are kept back with it (complementary suppression, Cox 1980,
doi:10.1080/01621459.1980.10477481) until each line keeps back none or ten patients or more in two cells or
more, and each small cell lies on a ring of cells kept back, around which one patient could be moved unseen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.reference import SMALLEST_CELL

Counts = NDArray[np.int64]
Told = NDArray[np.bool_]
Edge = tuple[int, int]


def tellable(*tables: Counts, allowed: Told | None = None) -> Told:
    """Which cells (rows, columns) may be told; of several tables of one shape, those that may in all.

    Nothing at all where no choice of cells would do. `allowed` keeps further cells back from the start.

    >>> tellable(np.array([[30, 4], [30, 40]])).tolist()
    [[False, False], [False, False]]
    >>> bool(tellable(np.array([[30, 20], [30, 40]])).all())
    True
    """
    told: Told = np.logical_and.reduce([table >= SMALLEST_CELL for table in tables])
    told = told if allowed is None else told & allowed
    while True:
        lines = [line for table in tables for line in _weak_lines(table, told)]
        lines = lines or [line for table in tables for line in _exposed(table, told)]
        if not lines:
            return told
        hidden = _smallest_told(tables[0] if len(tables) == 1 else np.minimum.reduce(tables), told, lines)
        if hidden is None:
            return np.zeros_like(told)
        told[hidden] = False


def nested(tables: Sequence[Counts], outer: Sequence[int], inner: Sequence[Sequence[int]]) -> Told:
    """Which cells of groups and of the groups within them may be told.

    Each of `tables` counts by group (groups, columns); `outer` are groups that part everybody, and `inner`
    those that part each of them. What is kept back of a group is kept back of all within it.
    """
    told = np.zeros(tables[0].shape, dtype=bool)
    told[list(outer)] = tellable(*(table[list(outer)] for table in tables))
    for group, within in zip(outer, inner, strict=True):
        if list(within) != [group]:
            parts = [table[list(within)] for table in tables]
            told[list(within)] = tellable(*parts, allowed=np.broadcast_to(told[group], parts[0].shape))
    return told


Line = tuple[int | None, int | None]
"""A row (i, None) or a column (None, j)."""


def _weak_lines(table: Counts, told: Told) -> list[Line]:
    """Lines whose cells kept back sum to fewer than ten."""
    kept = np.where(told, 0, table)
    rows, columns = kept.sum(axis=1), kept.sum(axis=0)
    weak_rows = np.flatnonzero((rows > 0) & (rows < SMALLEST_CELL)).tolist()
    weak_columns = np.flatnonzero((columns > 0) & (columns < SMALLEST_CELL)).tolist()
    return [(i, None) for i in weak_rows] + [(None, j) for j in weak_columns]


def _exposed(table: Counts, told: Told) -> list[Line]:
    """The row and the column of the first small cell that the sums give away."""
    edges = {(int(i), int(j)) for i, j in np.argwhere(~told & (table > 0))}
    for i, j in sorted(edges):
        if table[i, j] < SMALLEST_CELL and not _on_a_ring((i, j), edges):
            return [(i, None), (None, j)]
    return []


def _on_a_ring(edge: Edge, edges: set[Edge]) -> bool:
    """Whether a cell's row and column are joined by other cells kept back."""
    rows, columns, grown = {edge[0]}, set[int](), True
    others = edges - {edge}
    while grown:
        new_columns = {j for i, j in others if i in rows} - columns
        columns |= new_columns
        new_rows = {i for i, j in others if j in columns} - rows
        rows |= new_rows
        grown = bool(new_columns or new_rows)
    return edge[1] in columns


def _smallest_told(counts: Counts, told: Told, lines: list[Line]) -> Edge | None:
    """The smallest cell told in the first of the lines that has one."""
    for row, column in lines:
        cells = [(int(counts[i, j]), int(i), int(j)) for i, j in np.argwhere(told) if row == i or column == j]
        if cells:
            _, i, j = min(cells)
            return i, j
    return None
