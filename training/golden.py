"""Golden patients: synthetic ones whom two models of a study answer, to see how far the answers moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.cohort import Cohort
from features.readers.document import read_documents
from features.synthetic import probe_documents
from models.answers import Answers
from models.bundle import LoadedBundle


@dataclass(frozen=True)
class GoldenAnswer:
    """One golden patient's answers about one option, in the outcome's unit; None where declined."""

    patient: str
    option: str
    before: float | None
    after: float | None

    @property
    def change(self) -> float:
        """By how much the answer moved; infinite where one model alone declines."""
        if self.before is None or self.after is None:
            return 0.0 if self.before is self.after else float("inf")
        return abs(self.after - self.before)


def golden_cohort(loaded: LoadedBundle) -> Cohort:
    """The golden patients of a bundle, made by what it reads."""
    spec = loaded.models.spec
    return read_documents(probe_documents(spec=spec), spec)


def golden_answers(before: LoadedBundle, after: LoadedBundle) -> tuple[GoldenAnswer, ...]:
    """What both models say of the first one's golden patients, of every option that both know."""
    cohort = golden_cohort(before)
    options = [option for option in before.models.options if option in after.models.options]
    if not options:
        return ()
    old, new = (own.models.answer(cohort, options=options) for own in (before, after))
    return tuple(
        GoldenAnswer(patient, option, _value(old[option], i), _value(new[option], i))
        for option in options
        for i, patient in enumerate(cohort.patient_ids)
    )


def _value(answers: Answers, patient: int) -> float | None:
    value = float(answers.value[patient])
    return None if np.isnan(value) else value
