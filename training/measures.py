"""What an evaluation tells of held-out answers, by kind of outcome: quantities or probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from training.design import Design
from training.discrimination import HeldOutProbabilities, auc, auc_gain, probability_figures
from training.holdout import MODEL, HeldOut
from training.statistics import (
    Figure,
    clustered_figures,
    mae_gain,
    metrics,
    repeated_split_figures,
    tallies_each,
    tally,
)
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

    def gain(self, asked: Asked, held: Sequence[HeldOut], other: str) -> Figure:
        """How much better the model answers than `other`, by the leading metric; above 0 is better."""


class QuantityMeasures:
    """Errors in the outcome's unit and intervals that hold what was observed."""

    leading: ClassVar[str] = "mae"

    def __init__(self, design: Design) -> None:
        self._design = design

    def figures(
        self, asked: Asked, held: Sequence[HeldOut], who: str, chosen: Mask | None
    ) -> dict[str, Figure]:
        """Means over repeated splits, pooled over groups, or over patients who were each held out once."""
        tallies, share = self._tallies(asked, held, who, chosen), _test_share(asked)
        return clustered_figures(tallies) if share is None else repeated_split_figures(tallies, share)

    def gain(self, asked: Asked, held: Sequence[HeldOut], other: str) -> Figure:
        """How much lower the mean absolute error is."""
        own, others = (self._tallies(asked, held, who, None) for who in (MODEL, other))
        return mae_gain(own, others, _test_share(asked))

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

    def _tallies(self, asked: Asked, held: Sequence[HeldOut], who: str, chosen: Mask | None) -> Numbers:
        """A row for each split, or for each patient where splits are no sample of anything."""
        if asked.kind not in ("time", "external"):
            return np.array([self._tally(h, who, chosen) for h in held])
        rows = [
            np.ones(len(h.split.test), dtype=bool) if chosen is None else chosen[h.split.test] for h in held
        ]
        test = np.concatenate([h.split.test[own] for h, own in zip(held, rows, strict=True)])
        answered = np.concatenate([h.answers[who][own] for h, own in zip(held, rows, strict=True)])
        covered = np.concatenate([h.held[own] for h, own in zip(held, rows, strict=True)])
        return tallies_each(self._design.observed[test], answered, covered if who == MODEL else None)

    def _tally(self, held: HeldOut, who: str, chosen: Mask | None) -> Numbers:
        rows = np.ones(len(held.split.test), dtype=bool) if chosen is None else chosen[held.split.test]
        covered = held.held[rows] if who == MODEL else None
        return tally(self._design.observed[held.split.test][rows], held.answers[who][rows], covered)


def _test_share(asked: Asked) -> float | None:
    """Which share a split holds out, of protocols that draw or deal again; None of the others."""
    if asked.kind == "random":
        return asked.test_share
    return 1.0 / asked.folds if asked.kind == "folds" else None


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

    def gain(self, asked: Asked, held: Sequence[HeldOut], other: str) -> Figure:
        """How much higher the AUC is."""
        own, others = ([self._held(h, who, None) for h in held] for who in (MODEL, other))
        return auc_gain(own, others, len(self._design.observed))

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
