"""Huber regression with its scale, found by Newton's steps instead of a quasi-Newton's hundreds.

The loss is that of scikit-learn's HuberRegressor, jointly convex in coefficients and scale (Owen 2007,
doi:10.1090/conm/443/08555), and smooth as long as nobody crosses from the middle to a tail. So a dozen steps
reach its minimum to the last digits, and one costs the Gram matrix of those in the tails.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import HuberRegressor

Numbers = NDArray[np.float64]
_MOST_STEPS, _MOST_HALVINGS = 60, 30
_SETTLED = 1e-9  # largest gradient, per row, at which the minimum counts as found
_EXACT = 1e-10  # residuals this small beside the target leave no scale to find


@dataclass(frozen=True)
class _Problem:
    """Columns (n, p) with ones last, their Gram matrix, the target (n,) and the penalty's diagonal (p,)."""

    columns: Numbers
    gram: Numbers
    target: Numbers
    epsilon: float
    penalty: Numbers


@dataclass(frozen=True)
class _State:
    """A point (p,) and scale, its residuals (n,), which of them lie in the tails, and the loss there."""

    at: Numbers
    scale: float
    residuals: Numbers
    tail: NDArray[np.bool_]
    loss: float


def huber(design: Numbers, target: Numbers, epsilon: float, alpha: float) -> tuple[Numbers, float]:
    """Coefficients (p,) and intercept that minimise the loss of target (n,) on design (n, p).

    `alpha` is the ridge penalty, from which the intercept is free. Where most rows are fitted exactly the
    scale shrinks to nothing, and scikit-learn's own search answers instead.
    """
    problem = _problem(design, target, epsilon, alpha)
    state = _start(problem)
    for _ in range(_MOST_STEPS):
        if state is None:
            break
        gradient = _gradient(problem, state)
        if np.abs(gradient).max() <= _SETTLED * len(target):
            return state.at[:-1], float(state.at[-1])
        state = _downhill(problem, state, gradient)
    searched = HuberRegressor(epsilon=epsilon, alpha=alpha, max_iter=2000, tol=1e-6).fit(design, target)
    return searched.coef_, float(searched.intercept_)


def _problem(design: Numbers, target: Numbers, epsilon: float, alpha: float) -> _Problem:
    columns = np.hstack([design, np.ones((len(design), 1))])
    penalty = np.full(columns.shape[1], alpha)
    penalty[-1] = 0.0
    return _Problem(columns, columns.T @ columns, target, epsilon, penalty)


def _start(problem: _Problem) -> _State | None:
    """Ridge regression and the spread of its residuals; None where they are as good as 0."""
    moment = problem.columns.T @ problem.target
    at = np.asarray(np.linalg.lstsq(problem.gram + np.diag(problem.penalty), moment)[0], dtype=np.float64)
    scale = float(np.sqrt(np.square(problem.target - problem.columns @ at).mean()))
    return _state(problem, at, scale) if scale > _EXACT * float(np.abs(problem.target).max()) else None


def _state(problem: _Problem, at: Numbers, scale: float) -> _State:
    residuals = problem.target - problem.columns @ at
    size, bound = np.abs(residuals), problem.epsilon * scale
    tail = size > bound
    middle = float(np.square(residuals[~tail]).sum()) / scale
    outside = float((2.0 * problem.epsilon * size[tail] - problem.epsilon * bound).sum())
    loss = len(size) * scale + middle + outside + float((problem.penalty * np.square(at)).sum())
    return _State(at, scale, residuals, tail, loss)


def _gradient(problem: _Problem, state: _State) -> Numbers:
    """The loss's slopes (p + 1,) along the coefficients and, last, the scale."""
    bound = problem.epsilon * state.scale
    pull = np.clip(state.residuals, -bound, bound) / state.scale
    along = 2.0 * (problem.penalty * state.at - problem.columns.T @ pull)
    return np.append(along, len(pull) - np.square(pull).sum())


def _downhill(problem: _Problem, state: _State, gradient: Numbers) -> _State | None:
    """The state after Newton's step, halved until it lowers the loss; None where none does."""
    step = np.linalg.lstsq(_curvature(problem, state), -gradient, rcond=None)[0]
    slope = float(gradient @ step)
    for _ in range(_MOST_HALVINGS):
        scale = state.scale + float(step[-1])
        if scale > 0.1 * state.scale:
            found = _state(problem, state.at + step[:-1], scale)
            if found.loss <= state.loss + 1e-4 * slope + 1e-13 * abs(state.loss):
                return found
        step, slope = step / 2.0, slope / 2.0
    return None


def _curvature(problem: _Problem, state: _State) -> Numbers:
    """The loss's second derivatives (p + 1, p + 1); those in the tails bend nothing."""
    outside = problem.columns[state.tail]
    inside = np.where(state.tail, 0.0, state.residuals)
    size = len(state.at)
    bent = np.empty((size + 1, size + 1))
    bent[:size, :size] = (problem.gram - outside.T @ outside) / state.scale + np.diag(problem.penalty)
    bent[:size, size] = bent[size, :size] = problem.columns.T @ inside / state.scale**2
    bent[size, size] = np.square(inside).sum() / state.scale**3
    return 2.0 * bent
