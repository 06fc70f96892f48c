"""How far new patients' features lie from those trained on, told from the bundle's histograms alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, false_discovery_control, kstwo, norm

from models.reference import SMALLEST_CELL

Numbers = NDArray[np.float64]
FALSE_DISCOVERY = 0.05
LARGE_PSI, LARGE_MISSING = 0.1, 0.1
_FEWEST = 30


@dataclass(frozen=True)
class Drift:
    """One feature's drift. `psi` is the population stability index, `ks` the largest difference of the two
    distributions at the histogram's edges, `missing` and `missing_before` shares; p values are adjusted for
    all features looked at (Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x)."""

    feature: str
    n: int
    psi: float | None
    ks: float | None
    p: float | None
    missing: float
    missing_before: float
    p_missing: float
    drifted: bool


def drifts(names: Sequence[str], values: Numbers, reference: Mapping[str, Any]) -> list[Drift]:
    """Every feature's drift (columns of `values` (n, p)), most drifted first; none where patients are few.

    A feature has drifted when a test says so at a false discovery rate of 5% and the change is large too:
    an index of 0.1 or more, or a tenth more or fewer patients without it.
    """
    n_before = int(reference["n"])
    if len(values) < _FEWEST:
        return []
    known = [i for i, name in enumerate(names) if name in reference["features"]]
    found = [_measured(values[:, i], reference["features"][names[i]], n_before) for i in known]
    adjusted = _adjusted([own[2] for own in found])
    adjusted_missing = _adjusted([own[4] for own in found])
    told = []
    for place, i in enumerate(known):
        (psi, ks, _, gone, _), before = found[place], float(reference["features"][names[i]]["missing_share"])
        p, p_missing = adjusted[place], adjusted_missing[place]
        moved = p is not None and p < FALSE_DISCOVERY and psi is not None and psi >= LARGE_PSI
        lost = p_missing is not None and p_missing < FALSE_DISCOVERY and abs(gone - before) >= LARGE_MISSING
        n = int((~np.isnan(values[:, i])).sum())
        told.append(Drift(names[i], n, psi, ks, p, gone, before, p_missing or 0.0, moved or lost))
    return sorted(told, key=lambda d: (not d.drifted, -(d.psi or 0.0), -abs(d.missing - d.missing_before)))


def stability_index(before: Numbers, now: Numbers) -> float:
    """Population stability index of two histograms of shares: the symmetric Kullback-Leibler divergence.

    An empty cell counts as half a thousandth.

    >>> round(stability_index(np.array([0.5, 0.5]), np.array([0.6, 0.4])), 6)
    0.040547
    """
    was, is_now = np.maximum(before, 5e-4), np.maximum(now, 5e-4)
    return float(((is_now - was) * np.log(is_now / was)).sum())


def _measured(
    column: Numbers, histogram: Mapping[str, Any], n_before: int
) -> tuple[float | None, float | None, float | None, float, float]:
    """Index, largest difference and its p value; share missing, and its p value."""
    recorded = column[~np.isnan(column)]
    missing = 1.0 - len(recorded) / len(column)
    missing_before = float(histogram["missing_share"])
    p_missing = _p_of_shares(missing, len(column), missing_before, n_before)
    shares = np.array(histogram["shares"], dtype=np.float64)
    if len(recorded) < max(SMALLEST_CELL, 2) or len(shares) < 2:
        return None, None, None, missing, p_missing
    n_then = max(round(n_before * (1.0 - missing_before)), 1)
    cells = np.searchsorted(np.array(histogram["edges"]), recorded, side="left")
    now = np.bincount(cells, minlength=len(shares)) / len(recorded)
    ks = float(np.abs(np.cumsum(now) - np.cumsum(shares)).max())
    psi = stability_index(shares, now)
    effective = len(recorded) * n_then / (len(recorded) + n_then)
    # under no drift the index times the effective number follows chi2 (Yurdakul and Naranjo 2020,
    # doi:10.21314/JRMV.2020.227); of many cells the smaller p value of both tests, twice
    p_psi = float(chi2.sf(psi * effective, len(shares) - 1))
    p_ks = float(kstwo.sf(ks, max(round(effective), 1)))
    return psi, ks, min(1.0, 2.0 * min(p_psi, p_ks)), missing, p_missing


def _p_of_shares(share: float, n: int, before: float, n_before: int) -> float:
    pooled = (share * n + before * n_before) / (n + n_before)
    spread = np.sqrt(pooled * (1.0 - pooled) * (1.0 / n + 1.0 / n_before))
    return float(2.0 * norm.sf(abs(share - before) / spread)) if spread > 0 else 1.0


def _adjusted(p: Sequence[float | None]) -> list[float | None]:
    """Adjusted p values where there are any."""
    known = [own for own in p if own is not None]
    if not known:
        return list(p)
    left = iter(false_discovery_control(known).tolist())
    return [None if own is None else next(left) for own in p]
