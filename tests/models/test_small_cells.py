"""Which cells of a table may be told: worked by hand, and attacked by a linear programme."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from models.small_cells import nested, tellable


def test_a_small_cell_takes_its_ring_with_it() -> None:
    told = tellable(np.array([[4, 30, 50], [30, 20, 60], [40, 90, 80]]))
    assert told.tolist() == [[False, False, True], [False, False, True], [True, True, True]]


def test_nothing_is_told_where_one_row_would_give_the_cell_away() -> None:
    assert not tellable(np.array([[4, 30]])).any()
    assert tellable(np.array([[10, 30]])).all()


def test_empty_cells_are_known_and_hide_nothing() -> None:
    told = tellable(np.array([[4, 0, 50], [30, 20, 60], [40, 90, 80]]))
    assert not told[0, 2]
    assert told.sum() < 8


def test_of_several_tables_a_cell_must_pass_in_each() -> None:
    events, others = np.array([[12, 30], [40, 50]]), np.array([[3, 30], [40, 50]])
    assert not tellable(events, others)[0, 0]
    assert tellable(events).all()


def test_what_is_kept_back_of_a_group_is_kept_back_within_it() -> None:
    counts = np.array([[100, 200], [5, 95], [95, 105], [60, 60], [35, 45]])
    told = nested([counts], [1, 2], [[1], [3, 4]])
    assert not told.any()


def _extremes(table: np.ndarray, told: np.ndarray, cell: tuple[int, int]) -> tuple[float, float]:
    """The least and the most that a cell can be for somebody who knows all sums and what is told."""
    rows, columns = table.shape
    places = np.indices((rows, columns)).reshape(2, -1)
    equal = (
        np.concatenate([places[a] == np.arange(size)[:, None] for a, size in enumerate(table.shape)]) * 1.0
    )
    bounds = [(v, v) if t or v == 0 else (0, None) for v, t in zip(table.ravel(), told.ravel(), strict=True)]
    goal = np.zeros(table.size)
    goal[cell[0] * columns + cell[1]] = 1.0
    given = {"A_eq": equal, "b_eq": equal @ table.ravel(), "bounds": bounds}
    return linprog(goal, **given).fun, -linprog(-goal, **given).fun


@pytest.mark.parametrize("seed", range(12))
def test_no_small_cell_can_be_worked_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.negative_binomial(1.5, 0.06, (5, 4))
    table[:, table.sum(axis=0) < 10] += 10
    told = tellable(table)
    assert (table[told] >= 10).all()
    assert told.any()
    for i, j in np.argwhere(~told & (table > 0) & (table < 10)):
        least, most = _extremes(table, told, (int(i), int(j)))
        assert most - least >= 1.0


def test_much_is_told_where_cells_are_large() -> None:
    table = np.random.default_rng(3).integers(8, 200, (12, 5))
    assert tellable(table).mean() > 0.7
