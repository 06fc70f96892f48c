"""All options of one patient side by side as the JSON document that goes out: drugs, or treatments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from features.cohort import Cohort
from models.answers import Answers
from models.model_set import Ranked
from models.outcome import BinaryOutcome
from models.results import Notice
from serving import json_text
from serving.answer import AnswerWriter
from serving.basis import ADVICE, condensed
from serving.repository import Served


class RankWriter:
    """Writes one bundle's rankings; what an option's row repeats is turned into JSON once."""

    def __init__(self, served: Served, answers: AnswerWriter) -> None:
        models = served.bundle.models
        outcome, question = models.models[0].outcome, models.question
        self._answers = answers
        self._options = {option: json_text.plain(option) for option in models.options}
        own = {"study": served.study, "outcome": outcome.name, "better": outcome.better}
        if isinstance(outcome, BinaryOutcome):
            own["event"] = outcome.event
        self._question = None if question is None else question.variable
        self._start = json_text.plain({**own, "question": self._question})[1:-1]
        self._advice = json_text.plain(ADVICE)

    def write(
        self,
        prediction_id: str,
        depth: str,
        answers: Mapping[str, Answers],
        ranked: Sequence[Ranked],
        cohort: Cohort,
    ) -> str:
        """The ranking of one patient's options; what is said of all of them is told once."""
        first = next(iter(answers.values()))
        basis = self._answers.basis.write(first, ranked[0].prediction.notices, cohort, varied=self._question)
        shared = _shared(ranked)
        told = frozenset(map(id, shared))
        rows = ",".join([self._row(one, answers[one.option], depth, told) for one in ranked])
        notices = json_text.notices(condensed(shared, self._answers.blocks))
        return (
            f'{{"id":"{prediction_id}",{self._start},"patient_id":{json_text.text(first.patient_ids[0])},'
            f'"level":{first.level!r},"ranked":[{rows}],"notices":{notices},'
            f'"basis":{basis},"advice":{self._advice}}}'
        )

    def _row(self, ranked: Ranked, answers: Answers, depth: str, told: frozenset[int]) -> str:
        prediction, known = ranked.prediction, self._answers.constants[answers.outcome.drug]
        own = [notice for notice in prediction.notices if id(notice) not in told]
        explanation = self._answers.explanations.write(prediction.explanation, depth, known.scale)
        return (
            f'{{"place":{ranked.place},"option":{self._options[ranked.option]},{known.numbers(prediction)},'
            f'"notices":{json_text.notices(condensed(own, self._answers.blocks))},'
            f'"difference":{_difference(ranked)},"explanation":{explanation}}}'
        )


def _difference(ranked: Ranked) -> str:
    if ranked.difference is None:
        return "null"
    lower, upper = (_told(end) for end in (ranked.lower, ranked.upper))
    return f'{{"value":{ranked.difference!r},"lower":{lower},"upper":{upper}}}'


def _told(end: float | None) -> str:
    return "null" if end is None else json_text.bounded(end)


def _shared(ranked: Sequence[Ranked]) -> list[Notice]:
    """What is said of every option, in the first one's order; a model says the same by the same object."""
    others = [set(map(id, one.prediction.notices)) for one in ranked[1:]]
    return [notice for notice in ranked[0].prediction.notices if all(id(notice) in own for own in others)]
