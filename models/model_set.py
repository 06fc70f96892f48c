"""Several answers of one patient side by side: every drug of a panel, or every treatment a model knows.

A panel of drugs holds a model a drug over one encoded matrix. A question is one model of which the
treatment is an input, so the same patient can be asked about under each. Either way the answers are ranked,
and the difference from the first has an interval of its own: the answers share patient and data, so their
errors go together and the difference is surer than the answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from features.cohort import Clinical, Cohort
from features.encode import FeatureSpec, encode
from features.errors import BundleError, FeatureError
from models.answers import Answers
from models.response import ResponseModel
from models.results import Prediction

Numbers = NDArray[np.float64]
Names = tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """The clinical variable that names a patient's treatment, and the treatments that can be asked about."""

    variable: str
    options: Names


@dataclass(frozen=True)
class Ranked:
    """One option's answer and its place; `difference` is from the first option's, in the outcome's unit.

    `lower` and `upper` hold the difference at the answer's level; None where the model cannot say.
    """

    place: int
    option: str
    prediction: Prediction
    difference: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class ModelSet:
    """Models of one specification: one, or one a drug.

    `covariance` is what differences are judged by: of a panel the residuals' (drugs, drugs) on the margin,
    of a question the coefficients' (features, features); None where it was not learned.
    """

    models: tuple[ResponseModel, ...]
    question: Question | None = None
    covariance: Numbers | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.models:
            raise BundleError("a bundle without a model answers nothing; retrain with rxplain fit")
        if any(model.spec.names != self.spec.names for model in self.models):
            raise BundleError("the models of a panel do not read the same features")
        if len(set(self.drugs)) < len(self.models) or (self.question and len(self.models) > 1):
            raise BundleError("a panel has one model a drug, and a question one model")
        size = len(self.spec.names) if self.question else len(self.models)
        if self.covariance is not None and self.covariance.shape != (size, size):
            raise BundleError("the panel's covariance has another size than its models")

    @property
    def spec(self) -> FeatureSpec:
        """What every model reads."""
        return self.models[0].spec

    @cached_property
    def drugs(self) -> Names:
        """The drugs answered about, in order."""
        return tuple(model.outcome.drug for model in self.models)

    @property
    def model(self) -> ResponseModel:
        """The only model; of a panel of several there is no such thing."""
        if len(self.models) != 1:
            raise FeatureError("several drugs are answered about; name one, or rank them all")
        return self.models[0]

    @property
    def options(self) -> Names:
        """What can be ranked: drugs, or treatments."""
        return self.question.options if self.question else self.drugs

    @property
    def changeable(self) -> Names:
        """Clinical variables that may be asked about otherwise than they are: the treatment first."""
        treatment = (self.question.variable,) if self.question else ()
        known = self.spec.clinical_variables.values()
        return treatment + tuple(v.name for v in known if v.changeable and v.name not in treatment)

    def chosen(self, options: Iterable[str] | None) -> Names:
        """These options in the panel's order, or all; an unknown one is refused by its place."""
        wanted = self.options if options is None else tuple(options)
        unknown = [str(place) for place, name in enumerate(wanted) if name not in self.options]
        if unknown:
            known = ", ".join(self.options)
            raise FeatureError(f"option {', '.join(unknown)} of those asked for is not known; use {known}")
        return tuple(name for name in self.options if name in wanted)

    def answer(
        self, cohort: Cohort, level: float = 0.9, explain: bool = False, options: Iterable[str] | None = None
    ) -> Mapping[str, Answers]:
        """Every patient's answers by option; patients are encoded once, or once a treatment asked about."""
        chosen = self.chosen(options)
        if self.question is None:
            reading = self.models[0].read(encode(cohort, self.spec), cohort)
            models = (model for model in self.models if model.outcome.drug in chosen)
            answers = (model.answer_reading(reading, level, explain) for model in models)
        else:
            each = (with_text(cohort, self.question.variable, option) for option in chosen)
            answers = (self.model.answer(encode(c, self.spec), c, level, explain) for c in each)
        return dict(zip(chosen, answers, strict=True))

    def rank(self, answers: Mapping[str, Answers], patient: int) -> tuple[Ranked, ...]:
        """One patient's options, best first; declined ones last, in the panel's order.

        An outcome that says no direction ranks its highest value first.
        """
        answered = [name for name, own in answers.items() if not own.is_declined(patient)]
        sign = 1.0 if self.models[0].outcome.better == "lower" else -1.0
        ordered = sorted(answered, key=lambda name: sign * float(answers[name].value[patient]))
        rest = [name for name in answers if name not in answered]
        return tuple(self._ranked(answers, [*ordered, *rest], patient))

    def _ranked(self, answers: Mapping[str, Answers], order: list[str], patient: int) -> Iterator[Ranked]:
        first = order[0]
        for place, option in enumerate(order, 1):
            ends = self._difference(answers, option, first, patient)
            yield Ranked(place, option, answers[option][patient], *ends)

    def _difference(
        self, answers: Mapping[str, Answers], option: str, first: str, patient: int
    ) -> tuple[float | None, float | None, float | None]:
        own, best = answers[option], answers[first]
        if own.is_declined(patient) or best.is_declined(patient):
            return None, None, None
        spread = 0.0 if option == first else self._spread(own, best, option, first, patient)
        return difference_of(own, best, patient, spread)

    def change(self, own: Answers, before: Answers, patient: int) -> tuple[float, float | None, float | None]:
        """What the answer of one model's patient becomes otherwise asked, less what it was before.

        In the outcome's unit, with ends at the answers' level where the coefficients' covariance was learned.
        """
        known = self.question is not None and self.covariance is not None
        spread = self._spread(own, before, "", "", patient) if known else None
        return difference_of(own, before, patient, spread)

    def _spread(self, own: Answers, best: Answers, option: str, first: str, patient: int) -> float | None:
        """Standard deviation of a difference of two options' margins; None where it was not learned."""
        if self.covariance is None:
            return None
        if self.question is None:
            contrast = np.zeros(len(self.models))
            contrast[[self.drugs.index(option), self.drugs.index(first)]] = 1.0, -1.0
        else:
            contrast = np.nan_to_num(own.values[patient] - best.values[patient])
        return float(np.sqrt(max(float(contrast @ self.covariance @ contrast), 0.0)))


def difference_of(
    own: Answers, other: Answers, patient: int, spread: float | None
) -> tuple[float, float | None, float | None]:
    """How far one answer lies from another, with ends from the standard deviation of their margins'
    difference."""
    difference = float(own.value[patient] - other.value[patient])
    if spread is None:
        return difference, None, None
    half = NormalDist().inv_cdf(0.5 + own.level / 2.0) * spread
    base = float(own.margin[patient])
    ends = own.outcome.from_margin(np.array([base - half, base + half])) - float(other.value[patient])
    return difference, float(ends[0]), float(ends[1])


def with_text(cohort: Cohort, variable: str, text: str) -> Cohort:
    """The same patients, each with this text of one clinical variable on day 0 and no other of it."""
    rows = [row for row in cohort.clinical.rows if row[1] != variable]
    rows += [(patient, variable, np.nan, text, 0.0) for patient in range(len(cohort))]
    return replace(cohort, clinical=Clinical.from_rows(rows))
