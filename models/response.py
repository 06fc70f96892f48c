"""A response model: members, intervals and domain put together, answering cohorts of any size alike."""

from __future__ import annotations

import math
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
Numbers = NDArray[np.float64]
MaskColumns = tuple[tuple[str, NDArray[np.int64]], ...]


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
        same_columns = matrix.features is self.spec.features or matrix.names == self.spec.names
        if not same_columns or matrix.patient_ids != cohort.patient_ids:
            raise FeatureError("the matrix is not of this model's features and this cohort's patients")
        values = np.ascontiguousarray(matrix.values)
        notices = self.applicability.notices(matrix, cohort, self._absent)
        explained = self.blend.explain(values) if explain else None
        margin = self.blend.margin(values) if explained is None else explained.margin
        strata = _strata(values, cohort, self.strata, self._mask_columns)
        ends = self.conformal.interval(margin, strata, level)
        doubts = self._with_doubts(notices, strata, ends[0])
        explanation = (None, math.nan) if explained is None else (explained.contributions, explained.base)
        return Answers.assemble(self.outcome, matrix, level, margin, ends, explanation, doubts)

    @cached_property
    def _mask_columns(self) -> MaskColumns:
        return _mask_columns(self.masks, self.spec.names)

    def _with_doubts(
        self, notices: tuple[tuple[Notice, ...], ...], strata: list[str], lower: Numbers
    ) -> tuple[tuple[Notice, ...], ...]:
        pooled = {stratum for stratum in set(strata) if self.conformal.source(stratum) != stratum}
        rows = zip(notices, strata, lower.tolist(), strict=True)
        return tuple(
            own + (_POOLED,) * (stratum in pooled) + (_UNBOUNDED,) * (end == -math.inf)
            for own, stratum, end in rows
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
    return _strata(matrix.values, cohort, strata, _mask_columns(masks, matrix.names))


def _mask_columns(masks: tuple[Names, ...], names: Names) -> MaskColumns:
    """Each mask's stratum and columns, the widest last."""
    ordered = sorted(masks, key=len)
    return tuple((mask_name(mask), np.array([*map(names.index, mask)], dtype=np.int64)) for mask in ordered)


def _strata(values: Numbers, cohort: Cohort, strata: str, masks: MaskColumns) -> list[str]:
    answer = [f"{strata}=not_recorded"] * len(cohort)
    for patient, text in cohort.clinical.texts_of(strata).items():
        answer[patient] = f"{strata}={text or 'not_recorded'}"
    for stratum, columns in masks:
        for patient, numbers in enumerate(values.take(columns, axis=1).tolist()):
            if all(map(math.isnan, numbers)):
                answer[patient] = stratum
    return answer


def mask_name(mask: Names) -> str:
    """The stratum of those who lack a mask's features, as `missing:VKORC1`."""
    return "missing:" + "+".join(sorted({name.split(".", 2)[1] for name in mask}))
