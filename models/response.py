"""A response model: members, intervals and domain put together, answering cohorts of any size alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from features.encode import FeatureSpec, encode
from features.errors import FeatureError
from features.matrix import Feature, FeatureMatrix
from models.answers import Answers
from models.applicability import Applicability
from models.blend import Blend
from models.conformal import ConformalScores
from models.outcome import ContinuousOutcome
from models.results import Notice

Names = tuple[str, ...]


@dataclass(frozen=True)
class ResponseModel:
    """What was learned of one drug and one outcome.

    `absent` features read silence as no. An interval's stratum is `<strata>=<text>` of that clinical
    variable, or `missing:<genes>` where every feature of one of `masks` is missing.
    """

    outcome: ContinuousOutcome
    spec: FeatureSpec
    absent: Names
    blend: Blend
    conformal: ConformalScores
    strata: str
    masks: tuple[Names, ...]
    applicability: Applicability

    def __post_init__(self) -> None:
        groups = (*self.masks, *self.applicability.required_any, self.absent)
        unknown = sorted({name for group in groups for name in group} - set(self.spec.names))
        if unknown:
            raise FeatureError("the model names features that it does not read: " + ", ".join(unknown))

    def predict(self, cohort: Cohort, level: float = 0.9) -> Answers:
        """Each patient's answer and its interval at `level`."""
        return self.answer(encode(cohort, self.spec), cohort, level, explain=False)

    def explain(self, cohort: Cohort, level: float = 0.9) -> Answers:
        """The same numbers as `predict`, with exact additive contributions."""
        return self.answer(encode(cohort, self.spec), cohort, level, explain=True)

    def answer(self, matrix: FeatureMatrix, cohort: Cohort, level: float, explain: bool) -> Answers:
        """The answers for patients encoded before; `matrix` and `cohort` hold the same patients."""
        if matrix.names != self.spec.names or matrix.patient_ids != cohort.patient_ids:
            raise FeatureError("the matrix is not of this model's features and this cohort's patients")
        values = np.ascontiguousarray(matrix.values)
        notices = self.applicability.notices(matrix, cohort, self._absent)
        margin = self.blend.margin(values)
        contributions, base = self.blend.contributions(values) if explain else (None, float("nan"))
        strata = strata_of(matrix, cohort, self.strata, self.masks)
        lower, upper = self.conformal.interval(margin, strata, level)
        doubts = self._with_doubts(notices, strata, lower)
        ends, explanation = (lower, upper), (contributions, base)
        return Answers.assemble(self.outcome, matrix, level, margin, ends, explanation, doubts)

    def _with_doubts(
        self, notices: tuple[tuple[Notice, ...], ...], strata: list[str], lower: NDArray[np.float64]
    ) -> tuple[tuple[Notice, ...], ...]:
        pooled = {stratum for stratum in set(strata) if self.conformal.source(stratum) != stratum}
        unbounded = np.isneginf(lower)
        if not pooled and not unbounded.any():
            return notices
        rows = zip(notices, strata, unbounded.tolist(), strict=True)
        return tuple(
            own + (_POOLED,) * (stratum in pooled) + (_UNBOUNDED,) * is_open for own, stratum, is_open in rows
        )

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The lineage of every column, in order."""
        return self.spec.features

    @cached_property
    def _absent(self) -> frozenset[str]:
        return frozenset(self.absent)


_POOLED = Notice(
    "interval_pooled", "Too few patients like this one to judge the interval by; it is from all.", "info"
)
_UNBOUNDED = Notice("interval_unbounded", "Too few patients to give an interval at the level asked for.")


def strata_of(matrix: FeatureMatrix, cohort: Cohort, strata: str, masks: tuple[Names, ...]) -> list[str]:
    """Each patient's stratum: the widest mask that is missing altogether, else `<strata>=<text>`."""
    answer = [f"{strata}={text or 'not_recorded'}" for text in cohort.texts(strata).tolist()]
    for mask in sorted(masks, key=len):
        columns = [matrix.names.index(name) for name in mask]
        for patient in np.flatnonzero(np.isnan(matrix.values[:, columns]).all(axis=1)).tolist():
            answer[patient] = mask_name(mask)
    return answer


def mask_name(mask: Names) -> str:
    """The stratum of those who lack a mask's features, as `missing:VKORC1`."""
    return "missing:" + "+".join(sorted({name.split(".", 2)[1] for name in mask}))
