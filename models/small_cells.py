"""Which cells of a table of counts may be told so that no smaller one can be worked out from the rest.

Whoever reads the table is taken to know each row's and each column's sum, and which cells are empty. A count
under ten is never told, and further cells are kept back with it (complementary suppression, Cox 1980,
doi:10.1080/01621459.1980.10477481): each small cell lies on a ring of cells kept back, around which one
patient could be moved unseen, and each line that keeps such cells back keeps ten patients or more in them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.reference import SMALLEST_CELL

Counts = NDArray[np.int64]
Told = NDArray[np.bool_]
Cell = tuple[int, int]


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
    price = np.where(told, np.add.reduce(tables), 0)
    while True:
        wanted = [(table, *cells) for table in tables for cells in _in_danger(table, told)]
        if not wanted:
            return told
        table, cell, line = wanted[0]
        ring = _cheapest_ring(table, price, told, cell, line)
        if ring is None:
            return np.zeros_like(told)
        for i, j in ring:
            told[i, j], price[i, j] = False, 0


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


Line = str
"""What a ring must be widened by: another cell of the `row`, of the `column`, or any (`""`)."""


def _in_danger(table: Counts, told: Told) -> list[tuple[Cell, Line]]:
    """The first cell kept back in vain: a small one that the sums give away, or one of a line of which fewer
    than ten patients are left when all that can be worked out is taken from it."""
    kept = [(int(i), int(j)) for i, j in np.argwhere(~told & (table > 0))]
    edges = set(kept)
    hidden = np.zeros_like(told)
    for cell in kept:
        if _on_a_ring(cell, edges):
            hidden[cell] = True
        elif table[cell] < SMALLEST_CELL:
            return [(cell, "")]
    rest = np.where(hidden, table, 0)
    for i, j in np.argwhere(hidden):
        for total, line in ((rest[i].sum(), "row"), (rest[:, j].sum(), "column")):
            if total < SMALLEST_CELL:
                return [((int(i), int(j)), line)]
    return []


def _on_a_ring(cell: Cell, edges: set[Cell]) -> bool:
    """Whether a cell's row and column are joined by other cells kept back."""
    rows, columns, grown = {cell[0]}, set[int](), True
    others = edges - {cell}
    while grown:
        new_columns = {j for i, j in others if i in rows} - columns
        columns |= new_columns
        new_rows = {i for i, j in others if j in columns} - rows
        rows |= new_rows
        grown = bool(new_columns or new_rows)
    return cell[1] in columns


def _cheapest_ring(
    table: Counts, price: Counts, told: Told, cell: Cell, line: Line
) -> tuple[Cell, Cell, Cell] | None:
    """The three cells that with this one make the ring of fewest patients that are still told."""
    row, column = cell
    found: dict[tuple[Cell, Cell, Cell], int] = {}
    for i, j in np.argwhere(table > 0).tolist():
        ring = (row, j), (i, column), (i, j)
        if i == row or j == column or table[row, j] == 0 or table[i, column] == 0:
            continue
        widened = {"row": told[row, j], "column": told[i, column], "": True}[line]
        if widened:
            found[ring] = int(sum(price[one] for one in ring))
    return min(found, key=lambda ring: (found[ring], ring)) if found else None
