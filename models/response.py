"""A response model: members, intervals and domain put together, answering cohorts of any size alike.

A patient who lacks a whole modality is answered by a blend that was fitted without it, where there is one
(reduced models: Saar-Tsechansky and Provost 2007, JMLR 8:1625), and its own interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from features.derived import BLOCK as PRODUCT
from features.derived import parts_of
from features.encode import FeatureSpec, encode
from features.errors import FeatureError
from features.matrix import Feature, FeatureMatrix
from models.answers import Answers
from models.applicability import Applicability
from models.blend import Blend
from models.calibration import CalibrationBand
from models.conformal import ConformalScores
from models.members import Explained
from models.outcome import Outcome
from models.results import Notice

Names = tuple[str, ...]
Numbers = NDArray[np.float64]
MaskColumns = tuple[tuple[str, NDArray[np.int64]], ...]
Uncertainty = ConformalScores | CalibrationBand
MISSING = "missing:"
_FEW_COLUMNS, _FEW_ROWS = 16, 64  # so few are quicker as plain numbers, and a request is one patient


@dataclass(frozen=True)
class Reading:
    """Patients as a model reads them: their matrix, its values row by row, strata and notices."""

    matrix: FeatureMatrix
    values: Numbers
    strata: list[str]
    notices: tuple[tuple[Notice, ...], ...]


@dataclass(frozen=True)
class ResponseModel:
    """What was learned of one drug and one outcome.

    `absent` features read silence as no. An interval's stratum is `<strata>=<text>` of that clinical
    variable, or the name of the widest of `masks` of which every feature is missing; who is in such a
    stratum is answered by its own blend `without` those features, if there is one.
    """

    outcome: Outcome
    spec: FeatureSpec
    absent: Names
    blend: Blend
    conformal: Uncertainty
    strata: str
    masks: Mapping[str, Names]
    applicability: Applicability
    without: Mapping[str, Blend] = field(default_factory=dict)

    def __post_init__(self) -> None:
        strangers = sorted(self.without.keys() - self.masks.keys())
        if strangers:
            raise FeatureError("the model has blends for masks it does not know: " + ", ".join(strangers))
        groups = (*self.masks.values(), *self.applicability.required_any, self.absent)
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
        return self.answer_reading(self.read(matrix, cohort), level, explain)

    def read(self, matrix: FeatureMatrix, cohort: Cohort) -> Reading:
        """What all models of one specification know of these patients before any of them answers."""
        same_columns = matrix.features is self.spec.features or matrix.names == self.spec.names
        if not same_columns or matrix.patient_ids != cohort.patient_ids:
            raise FeatureError("the matrix is not of this model's features and this cohort's patients")
        notices = self.applicability.notices(matrix, cohort, self._absent)
        strata = self.strata_for(matrix.values, cohort.clinical.texts_of(self.strata))
        return Reading(matrix, np.ascontiguousarray(matrix.values), strata, notices)

    def answer_reading(self, reading: Reading, level: float, explain: bool) -> Answers:
        """The answers for patients that were read by a model of the same specification."""
        strata = reading.strata
        margin, explanation = self.margins(reading.values, strata, explain)
        ends = self.conformal.interval(margin, strata, level)
        doubts = self._with_doubts(reading.notices, strata, ends[0])
        possible = None
        if isinstance(self.conformal, CalibrationBand):
            possible = self.conformal.possible(margin, strata, level)
        return Answers.assemble(
            self.outcome, reading.matrix, level, margin, ends, explanation, doubts, possible
        )

    def strata_for(self, values: Numbers, texts: Mapping[int, str | None]) -> list[str]:
        """Each row's stratum; `texts` are those of the variable `strata` by row, of whom it is recorded."""
        return _strata(values, texts, self.strata, self._mask_columns)

    def margins(
        self, values: Numbers, strata: list[str], explain: bool
    ) -> tuple[Numbers, tuple[Numbers | None, Numbers]]:
        """Each row's margin by the blend of its stratum; and contributions, where asked for, and base."""
        if not any(stratum in self.without for stratum in strata):
            return _by_blend(self.blend, values, explain)
        margin, base = np.empty(len(values)), np.full(len(values), np.nan)
        contributions = np.empty(values.shape) if explain else None
        which = np.array([stratum if stratum in self.without else "" for stratum in strata], dtype=object)
        for stratum in sorted(set(which.tolist())):
            rows = np.flatnonzero(which == stratum)
            blend = self.without.get(stratum, self.blend)
            margin[rows], (own, base[rows]) = _by_blend(blend, values[rows], explain)
            if contributions is not None and own is not None:
                contributions[rows] = own
        return margin, (contributions, base)

    @cached_property
    def _mask_columns(self) -> MaskColumns:
        return _mask_columns(self.masks, self.spec.names)

    def _with_doubts(
        self, notices: tuple[tuple[Notice, ...], ...], strata: list[str], lower: Numbers
    ) -> tuple[tuple[Notice, ...], ...]:
        pooled = {stratum for stratum in set(strata) if self.conformal.source(stratum) != stratum}
        rows = zip(notices, strata, lower.tolist(), strict=True)
        return tuple(
            self._still_true(own, stratum)
            + ((_without_notice(stratum),) if stratum in self.without else ())
            + (_POOLED,) * (stratum in pooled)
            + (_UNBOUNDED,) * (end == -math.inf)
            for own, stratum, end in rows
        )

    def _still_true(self, notices: tuple[Notice, ...], stratum: str) -> tuple[Notice, ...]:
        """The notices without those of values that stand in where a blend without the feature answers."""
        unread = self._unread.get(stratum)
        if unread is None:
            return notices
        return tuple([n for n in notices if n.code != "imputed" or n.feature not in unread])

    def unread(self, stratum: str) -> frozenset[str]:
        """Features that the blend of those in this stratum never read."""
        return self._unread.get(stratum, frozenset())

    @cached_property
    def _unread(self) -> Mapping[str, frozenset[str]]:
        """By mask, what its blend never read: the mask's features and every product of one of them."""
        products = [feature.name for feature in self.features if feature.block == PRODUCT]
        unread = {}
        for stratum in self.without:
            gone = frozenset(self.masks[stratum])
            unread[stratum] = gone.union(n for n in products if not gone.isdisjoint(parts_of(n)))
        return unread

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


def _by_blend(blend: Blend, values: Numbers, explain: bool) -> tuple[Numbers, tuple[Numbers | None, Numbers]]:
    if not explain:
        return blend.margin(values), (None, np.full(len(values), np.nan))
    explained: Explained = blend.explain(values)
    return explained.margin, (explained.contributions, np.full(len(values), explained.base))


@cache
def _without_notice(stratum: str) -> Notice:
    lacking = stratum.removeprefix(MISSING).replace("+", " and ")
    text = f"Nothing is recorded of {lacking}; a model fitted without it answers, with its own interval."
    return Notice("modality_missing", text, "caution")


def strata_of(matrix: FeatureMatrix, cohort: Cohort, strata: str, masks: Mapping[str, Names]) -> list[str]:
    """Each patient's stratum: the widest mask that is missing altogether, else `<strata>=<text>`."""
    texts = cohort.clinical.texts_of(strata)
    return _strata(matrix.values, texts, strata, _mask_columns(masks, matrix.names))


def _mask_columns(masks: Mapping[str, Names], names: Names) -> MaskColumns:
    """Each mask's stratum and columns, the widest last."""
    place = {name: i for i, name in enumerate(names)}
    ordered = sorted(masks.items(), key=lambda mask: len(mask[1]))
    return tuple((name, np.array([place[n] for n in mask], dtype=np.int64)) for name, mask in ordered)


def _strata(values: Numbers, texts: Mapping[int, str | None], strata: str, masks: MaskColumns) -> list[str]:
    answer = [f"{strata}=not_recorded"] * len(values)
    for patient, text in texts.items():
        answer[patient] = f"{strata}={text or 'not_recorded'}"
    for stratum, columns in masks:
        if len(columns) > _FEW_COLUMNS or len(values) > _FEW_ROWS:
            for patient in np.flatnonzero(np.isnan(values[:, columns]).all(axis=1)).tolist():
                answer[patient] = stratum
            continue
        for patient, numbers in enumerate(values.take(columns, axis=1).tolist()):
            if all(map(math.isnan, numbers)):
                answer[patient] = stratum
    return answer


def mask_name(mask: Names) -> str:
    """The stratum of those who lack a mask's features, as `missing:VKORC1`."""
    return MISSING + "+".join(sorted({name.split(".", 2)[1] for name in mask}))
