"""A prediction as the JSON document that goes out, is recorded, and is shown on the review page."""

from __future__ import annotations

from features.cohort import Cohort
from features.errors import IntegrityError
from models.answers import Answers
from models.outcome import BinaryOutcome, Outcome
from models.results import Prediction
from serving import json_text
from serving.basis import ADVICE, BasisWriter, condensed
from serving.explaining import ExplanationWriter
from serving.repository import Served


class AnswerWriter:
    """Writes one bundle's answers; what every answer of a model repeats is turned into JSON once."""

    def __init__(self, served: Served) -> None:
        models = served.bundle.models
        features = models.models[0].features
        self.blocks = {feature.name: feature.block for feature in features}
        self.explanations = ExplanationWriter(features)
        self.basis = BasisWriter(models.models[0].absent, served.basis, served.bundle.card)
        self.constants = {m.outcome.drug: Constants(served.study, m.outcome) for m in models.models}
        self._advice = json_text.plain(ADVICE)

    def write(
        self,
        prediction_id: str,
        depth: str,
        answers: Answers,
        cohort: Cohort,
        option: str | None = None,
        patient: int = 0,
        explanation: str | None = None,
    ) -> str:
        """The answer about one of the patients; refuses numbers that JSON or the outcome cannot hold.

        `option` is the treatment it was asked about, where the study has a question;
        `explanation` is JSON that stands in the place of ours.
        """
        prediction, known = answers[patient], self.constants[answers.outcome.drug]
        notices = json_text.notices(condensed(prediction.notices, self.blocks))
        basis = self.basis.write(answers, prediction.notices, cohort, patient)
        if explanation is None:
            explanation = self.explanations.write(prediction.explanation, depth, known.scale)
        asked = "" if option is None else f'"option":{json_text.quoted(option)},'
        return (
            f'{{"id":"{prediction_id}",{known.start},{asked}"patient_id":{json_text.text(prediction.patient_id)},'
            f'{known.numbers(prediction)},"notices":{notices},'
            f'"explanation":{explanation},"basis":{basis},"advice":{self._advice}}}'
        )


class Constants:
    """What all answers about one outcome repeat, as JSON."""

    def __init__(self, study: str, outcome: Outcome) -> None:
        own = {"study": study, "drug": outcome.drug, "outcome": outcome.name}
        self._is_binary = isinstance(outcome, BinaryOutcome)
        if isinstance(outcome, BinaryOutcome):
            own["event"] = outcome.event
        self.start = json_text.plain(own)[1:-1]
        self.scale = json_text.plain(outcome.margin_unit)
        self._unit = json_text.plain(outcome.unit)
        self._range = outcome.lowest, outcome.highest

    def numbers(self, prediction: Prediction) -> str:
        """The fields from `value` to `declined`; of a probability with the outcomes that can be."""
        _check_range(prediction, *self._range)
        value = "null" if prediction.value is None else repr(prediction.value)
        possible = f',"possible":{json_text.possible(prediction.possible)}' if self._is_binary else ""
        return (
            f'"value":{value},"unit":{self._unit},"interval":{json_text.interval(prediction.interval)}'
            f'{possible},"declined":{json_text.truth(prediction.declined)}'
        )


def _check_range(prediction: Prediction, lowest: float, highest: float) -> None:
    """Refuse an answer that its outcome cannot have."""
    if prediction.value is not None and not lowest <= prediction.value <= highest:
        raise IntegrityError("an answer lies outside its outcome's range; it is withheld")
