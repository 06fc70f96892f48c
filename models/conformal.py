"""Intervals that keep their promise in each subgroup, at whatever level a request asks for.

Mondrian conformal prediction: signed out-of-fold residuals are kept sorted by stratum, and an interval
is the answer plus two of them. doi:10.1214/20-AOS1965 (cross-conformal), doi:10.1007/b106715 (Mondrian).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.errors import BundleError, SettingsError, StudyError

Numbers = NDArray[np.float64]
ALL = "all"


@dataclass(frozen=True)
class ConformalScores:
    """Sorted residuals (observed - answered, on the margin) by stratum; `all` is always among them.

    A stratum of fewer than `minimum` residuals is answered for by `all`.
    """

    scores: Mapping[str, Numbers]
    minimum: int

    def __post_init__(self) -> None:
        if ALL not in self.scores:
            raise StudyError(f"conformal scores need the stratum '{ALL}'")
        ordered = {name: np.sort(np.asarray(s, dtype=np.float64)) for name, s in self.scores.items()}
        if not all(np.isfinite(s).all() for s in ordered.values()):
            raise StudyError("conformal scores must be finite")
        object.__setattr__(self, "scores", ordered)

    def source(self, stratum: str) -> str:
        """The stratum whose residuals answer for `stratum`: itself, or `all` when it is too small."""
        own = self.scores.get(stratum)
        return ALL if own is None or len(own) < self.minimum else stratum

    def interval(self, margin: Numbers, strata: Sequence[str], level: float) -> tuple[Numbers, Numbers]:
        """Lower and upper ends (n,) around `margin` (n,); -inf and inf where residuals are too few."""
        if not 0.0 < level < 1.0:
            raise SettingsError("the level of an interval must lie between 0 and 1, such as 0.9")
        known = {stratum: self._offsets(stratum, level) for stratum in set(strata)}
        offsets = np.array([known[stratum] for stratum in strata], dtype=np.float64).reshape(-1, 2)
        return np.minimum(margin + offsets[:, 0], margin), np.maximum(margin + offsets[:, 1], margin)

    def _offsets(self, stratum: str, level: float) -> tuple[float, float]:
        own = self.scores[self.source(stratum)]
        n = len(own)
        rank = math.ceil((n + 1) * (1.0 + level) / 2.0 - 1e-9)
        if rank > n:
            return -math.inf, math.inf
        return float(own[n - rank]), float(own[rank - 1])

    def to_json(self) -> dict[str, object]:
        """Plain lists of numbers."""
        return {"minimum": self.minimum, "scores": {name: s.tolist() for name, s in self.scores.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """The scores that wrote `data`."""
        scores, minimum = data.get("scores"), data.get("minimum")
        if set(data) != {"minimum", "scores"} or not isinstance(scores, dict) or not isinstance(minimum, int):
            raise BundleError("conformal.json does not hold exactly 'minimum' and 'scores'")
        return cls({name: np.array(s, dtype=np.float64) for name, s in scores.items()}, minimum)
