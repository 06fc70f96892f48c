"""What the training patients looked like in aggregate: for drift, and for the band on a review page.

No patient's row is kept. A cell of fewer than ten patients is merged with its neighbour or left out,
and a quantile is told only where ten patients lie beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from features.matrix import FeatureMatrix

Numbers = NDArray[np.float64]
SMALLEST_CELL = 10
_QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def build_reference(
    matrix: FeatureMatrix,
    cohort: Cohort,
    outcome: str,
    strata: str,
    drugs: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, object]:
    """Histograms by feature, quantiles of the outcome over all and by `strata`, and counts.

    `outcome` names the cohort's outcome, `strata` a clinical text variable such as race, and `drugs` by drug
    the outcomes of a panel.
    """
    observed = cohort.outcome(outcome)
    texts = np.array([text or "not_recorded" for text in cohort.texts(strata).tolist()], dtype=object)
    groups = {str(text): observed[texts == text] for text in sorted(set(texts.tolist()))}
    return {
        "n": len(cohort),
        "smallest_cell": SMALLEST_CELL,
        "features": {name: histogram(matrix.values[:, i]) for i, name in enumerate(matrix.names)},
        "outcome": {"name": outcome, **quantiles(observed)},
        "drugs": {drug: quantiles(cohort.outcome(name)) for drug, name in drugs.items()},
        "strata": {"variable": strata, "groups": {text: quantiles(own) for text, own in groups.items()}},
    }


def histogram(values: Numbers) -> dict[str, object]:
    """Shares of the recorded values up to each inner edge and beyond the last, and the share missing.

    At most ten bins by quantile (one a value where there are ten values or fewer); outer ends are open,
    so no extreme value is told.
    """
    recorded = values[~np.isnan(values)]
    n_missing = len(values) - len(recorded)
    missing = round(n_missing / len(values), 4) if n_missing >= SMALLEST_CELL else 0.0
    edges, counts = _merged(_edges(recorded), recorded)
    shares = [round(count / len(recorded), 4) for count in counts]
    return {"edges": edges, "shares": shares, "missing_share": missing}


def quantiles(values: Numbers) -> dict[str, object]:
    """How many were recorded and their mean (None under ten), and the quantiles that ten patients lie beyond.

    Of an event (0 or 1) the mean is its rate; it is told where ten patients had it and ten did not.
    """
    recorded = values[~np.isnan(values)]
    n = len(recorded)
    told = [q for q in _QUANTILES if round(n * min(q, 1.0 - q), 6) >= SMALLEST_CELL]
    found = {str(q): float(np.quantile(recorded, q)) for q in told}
    smallest = min(int((recorded == end).sum()) for end in (0.0, 1.0)) if _is_event(recorded) else n
    mean = float(recorded.mean()) if min(n, smallest) >= SMALLEST_CELL else None
    return {"n": n if n >= SMALLEST_CELL else None, "mean": mean, "quantiles": found}


def _is_event(recorded: Numbers) -> bool:
    return bool(np.isin(recorded, (0.0, 1.0)).all())


def _edges(recorded: Numbers) -> list[float]:
    distinct = np.unique(recorded)
    if len(distinct) <= 10:
        return [float(e) for e in (distinct[:-1] + distinct[1:]) / 2]
    return [float(e) for e in np.unique(np.quantile(recorded, np.linspace(0.1, 0.9, 9)))]


def _merged(edges: list[float], recorded: Numbers) -> tuple[list[float], list[int]]:
    """Edges and counts with every cell of ten patients or more; nothing where that cannot be."""
    if len(recorded) < SMALLEST_CELL:
        return [], []
    kept: list[float] = []
    counts: list[int] = []
    below = 0
    for edge in edges:
        up_to = int((recorded <= edge).sum())
        if up_to - below >= SMALLEST_CELL and len(recorded) - up_to >= SMALLEST_CELL:
            kept.append(edge)
            counts.append(up_to - below)
            below = up_to
    return kept, [*counts, len(recorded) - below]
