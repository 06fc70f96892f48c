"""What an evaluation tells of held-out answers, by kind of outcome: quantities or probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from training.design import Design
from training.discrimination import HeldOutProbabilities, auc, probability_figures
from training.holdout import MODEL, HeldOut
from training.statistics import Figure, clustered_figures, metrics, repeated_split_figures, tally
from training.study import Study
from training.study_parts import Protocol as Asked

Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Measures(Protocol):
    """How one kind of outcome is judged."""

    leading: ClassVar[str]

    def figures(
        self, asked: Asked, held: Sequence[HeldOut], who: str, chosen: Mask | None
    ) -> dict[str, Figure]:
        """Each metric with its interval, over the patients in `chosen` (n,) or all."""

    def quick_figures(self, asked: Asked, held: Sequence[HeldOut], who: str) -> dict[str, Figure]:
        """Those metrics with intervals that cost little, over everybody."""

    def alone(self, held: HeldOut, who: str) -> dict[str, float]:
        """Each metric of one split, without intervals."""

    def is_better(self, held: HeldOut, who: str, other: str) -> bool:
        """Whether `who` answered one split better than `other` did, by the leading metric."""


class QuantityMeasures:
    """Errors in the outcome's unit and intervals that hold what was observed."""

    leading: ClassVar[str] = "mae"

    def __init__(self, design: Design) -> None:
        self._design = design

    def figures(
        self, asked: Asked, held: Sequence[HeldOut], who: str, chosen: Mask | None
    ) -> dict[str, Figure]:
        """Means over repeated splits, or pooled over groups."""
        tallies = np.array([self._tally(h, who, chosen) for h in held])
        if asked.kind == "group":
            return clustered_figures(tallies)
        share = asked.test_share if asked.kind == "random" else 1.0 / asked.folds
        return repeated_split_figures(tallies, share)

    def quick_figures(self, asked: Asked, held: Sequence[HeldOut], who: str) -> dict[str, Figure]:
        """All of them."""
        return self.figures(asked, held, who, None)

    def alone(self, held: HeldOut, who: str) -> dict[str, float]:
        """Each metric of one split."""
        found = metrics(self._tally(held, who, None))
        return {name: float(value[0]) for name, value in found.items()}

    def is_better(self, held: HeldOut, who: str, other: str) -> bool:
        """Whether the mean absolute error is lower."""
        observed = self._design.observed[held.split.test]
        errors = (float(np.abs(held.answers[name] - observed).mean()) for name in (who, other))
        return next(errors) < next(errors)

    def _tally(self, held: HeldOut, who: str, chosen: Mask | None) -> Numbers:
        rows = np.ones(len(held.split.test), dtype=bool) if chosen is None else chosen[held.split.test]
        covered = held.held[rows] if who == MODEL else None
        return tally(self._design.observed[held.split.test][rows], held.answers[who][rows], covered)


class ProbabilityMeasures:
    """Discrimination, calibration, and sets that hold what happened."""

    leading: ClassVar[str] = "auc"

    def __init__(self, design: Design) -> None:
        self._design = design

    def figures(
        self, asked: Asked, held: Sequence[HeldOut], who: str, chosen: Mask | None
    ) -> dict[str, Figure]:
        """Over all pairs and patients held out, with intervals that redraw patients."""
        return probability_figures([self._held(h, who, chosen) for h in held], len(self._design.observed))

    def quick_figures(self, _asked: Asked, held: Sequence[HeldOut], who: str) -> dict[str, Figure]:
        """All but the calibration slope."""
        parts = [self._held(h, who, None) for h in held]
        return probability_figures(parts, len(self._design.observed), with_slope=False)

    def alone(self, held: HeldOut, who: str) -> dict[str, float]:
        """AUC and Brier score of one split."""
        observed, answered = self._design.observed[held.split.test], held.answers[who]
        found = {"auc": auc(observed, answered), "brier": float(np.square(answered - observed).mean())}
        return found | ({"coverage90": 100.0 * float(held.held.mean())} if who == MODEL else {})

    def is_better(self, held: HeldOut, who: str, other: str) -> bool:
        """Whether the AUC is higher."""
        return self.alone(held, who)["auc"] > self.alone(held, other)["auc"]

    def _held(self, held: HeldOut, who: str, chosen: Mask | None) -> HeldOutProbabilities:
        test = held.split.test
        rows = np.ones(len(test), dtype=bool) if chosen is None else chosen[test]
        nothing = np.full(len(test), np.nan)
        covered, decided = (held.held, held.decided) if who == MODEL else (nothing, nothing)
        return HeldOutProbabilities(
            test[rows],
            self._design.observed[test][rows],
            held.answers[who][rows],
            covered[rows],
            decided[rows],
            self._design.within[test][rows],
        )


def measures_of(study: Study, design: Design) -> Measures:
    """How the study's outcome is judged."""
    return ProbabilityMeasures(design) if study.outcome.is_binary else QuantityMeasures(design)
