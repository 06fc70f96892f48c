"""What each block of features is worth: the variance it explains, by likelihood and without any search.

Outcomes are taken as a sum of blocks' effects and noise. The weights that make them most likely say how much
of their variance goes with each block, relative to noise (multi-kernel BLUP, doi:10.1534/genetics.114.164442;
multi-penalty ridge, doi:10.1186/s12859-021-04423-x). A block to which the data give none is left out, so that
offering it costs next to nothing; the others are steadied by a weak log-normal prior, since patients are few.
What is solved is as small as the fewer of patients and columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.members import Numbers

_LOWEST, _HIGHEST = -9.0, 3.0
_WORTHLESS = float(np.log(0.003))  # below it a block explains next to nothing beside the noise
_EXPECTED, _SPREAD = float(np.log(0.03)), 1.5  # what is expected of a logarithm of a weight, and how firmly
_STEPS = 40
_TINY = 1e-12


@dataclass(frozen=True)
class _Terms:
    """At given weights: the log-determinant of the covariance, the outcomes' quadratic forms (drugs,), and by
    block the trace that its weight spends and the quadratic forms (blocks, drugs) that it explains."""

    log_determinant: float
    quadratic: Numbers
    spent: Numbers
    explained: Numbers


def block_weights(design: Numbers, blocks: Sequence[str], outcomes: Numbers) -> dict[str, float]:
    """The weight of each block of a design (n, p) that makes the outcomes (n, drugs), centred, most likely.

    Each drug has a noise of its own; the weights are shared and relative to it. A block that is left out, or
    has no column that varies, is not named.
    """
    labels = np.array(blocks, dtype=object)
    varies = np.square(design).sum(axis=0) > _TINY
    names = tuple(dict.fromkeys(labels[varies].tolist()))
    if not names:
        return {}
    parts = [np.flatnonzero(varies & (labels == name)) for name in names]
    few_columns = int(varies.sum()) <= len(design)
    terms = (_among_columns if few_columns else _among_patients)(design, parts, outcomes)
    n, n_drugs = outcomes.shape

    def unlikely(logs: Numbers, spread: float) -> tuple[float, Numbers]:
        found = terms(np.exp(logs))
        scale = np.maximum(found.quadratic / n, _TINY)
        value = 0.5 * n * np.log(scale).sum() + 0.5 * n_drugs * found.log_determinant
        told = (found.explained / scale).sum(axis=1)
        away = (logs - _EXPECTED) / spread
        slope = 0.5 * np.exp(logs) * (n_drugs * found.spent - told) + away / spread
        return float(value) + 0.5 * float(np.square(away).sum()), slope

    free = _climbed(unlikely, np.full(len(names), _EXPECTED), np.inf)
    lost = free < _WORTHLESS
    steadied = _climbed(unlikely, np.where(lost, _LOWEST, _EXPECTED), _SPREAD, lost)
    kept = {name: float(np.exp(w)) for name, w, gone in zip(names, steadied, lost, strict=True) if not gone}
    return kept or dict.fromkeys(names, float(np.exp(_LOWEST)))


def _climbed(
    unlikely: Callable[[Numbers, float], tuple[float, Numbers]],
    start: Numbers,
    spread: float,
    held: NDArray[np.bool_] | None = None,
) -> Numbers:
    """The logarithms of the weights that are most likely; those `held` stay as they start."""
    ends = [(_LOWEST, _HIGHEST) if held is None or not held[i] else (s, s) for i, s in enumerate(start)]
    options = {"maxiter": _STEPS}
    found = minimize(unlikely, start, (spread,), "L-BFGS-B", jac=True, bounds=ends, options=options)
    return np.asarray(found.x, dtype=np.float64)


def _among_patients(
    design: Numbers, parts: Sequence[NDArray[np.int64]], outcomes: Numbers
) -> Callable[[Numbers], _Terms]:
    """The terms from how alike patients are (n, n), for more columns than patients."""
    kernels = [design[:, part] @ design[:, part].T for part in parts]

    def terms(weights: Numbers) -> _Terms:
        covariance = np.eye(len(design)) + sum(w * kernel for w, kernel in zip(weights, kernels, strict=True))
        inverse = np.linalg.inv(covariance)
        whitened = inverse @ outcomes
        return _Terms(
            float(np.linalg.slogdet(covariance)[1]),
            (outcomes * whitened).sum(axis=0),
            np.array([(inverse * kernel).sum() for kernel in kernels]),
            np.array([(whitened * (kernel @ whitened)).sum(axis=0) for kernel in kernels]),
        )

    return terms


def _among_columns(
    design: Numbers, parts: Sequence[NDArray[np.int64]], outcomes: Numbers
) -> Callable[[Numbers], _Terms]:
    """The same terms from columns' products (p, p), by the matrix inversion lemma."""
    kept = np.concatenate(parts)
    ends = np.cumsum([0, *(len(part) for part in parts)])
    columns = design[:, kept]
    gram, told, total = columns.T @ columns, columns.T @ outcomes, np.square(outcomes).sum(axis=0)

    def terms(weights: Numbers) -> _Terms:
        root = np.sqrt(np.repeat(weights, np.diff(ends)))
        inner = np.eye(len(kept)) + root[:, None] * gram * root[None, :]
        solved = np.linalg.solve(inner, root[:, None] * np.hstack([gram, told]))
        half = gram * root[None, :]
        left = np.diag(gram) - (half * solved[:, : len(kept)].T).sum(axis=1)
        rest = told - half @ solved[:, len(kept) :]
        quadratic = total - ((root[:, None] * told) * solved[:, len(kept) :]).sum(axis=0)
        return _Terms(
            float(np.linalg.slogdet(inner)[1]),
            quadratic,
            np.add.reduceat(left, ends[:-1]),
            np.add.reduceat(np.square(rest), ends[:-1], axis=0),
        )

    return terms
