"""A prediction as the JSON document that goes out, is recorded, and is shown on the review page."""

from __future__ import annotations

import json
import math
from math import isfinite

from features.errors import IntegrityError
from features.matrix import Feature
from models.answers import Answers, Inputs
from models.results import Explanation, Interval, Notice, Prediction
from serving.repository import Served
from serving.schemas import PredictRequest

ADVICE = (
    "This estimate informs a clinician's decision and does not order anything: weigh it with the patient, "
    "the indication and the measured response."
)
N_TOP = 10
_FILLED = ("imputed", "linked_snp")


class AnswerWriter:
    """Writes one model's answers; what every answer of the model repeats is turned into JSON once."""

    def __init__(self, served: Served) -> None:
        self._served = served
        model = served.bundle.model
        self._names = [f.name for f in model.features]
        self._heads = [_head(feature) for feature in model.features]
        own = {"study": served.study, "drug": model.outcome.drug, "outcome": model.outcome.name}
        self._start = _json(own)[1:-1]
        self._end = f'{_json(served.basis)[1:]},"advice":{_json(ADVICE)}}}'
        self._scale = _json(model.outcome.margin_unit)

    def write(self, prediction_id: str, request: PredictRequest, answers: Answers) -> str:
        """The answer to a request of one patient; refuses numbers that JSON or the outcome cannot hold."""
        prediction = answers[0]
        _check_range(prediction, answers.outcome.lowest, answers.outcome.highest)
        found = {
            "patient_id": prediction.patient_id,
            "value": prediction.value,
            "unit": prediction.unit,
            "interval": _interval(prediction.interval),
            "declined": prediction.declined,
            "notices": [_notice(notice) for notice in prediction.notices],
        }
        inputs = answers.inputs(0, self._served.bundle.model.absent)
        explanation = self._explanation(prediction.explanation, request.explain)
        return (
            f'{{"id":"{prediction_id}",{self._start},{_json(found)[1:-1]},"explanation":{explanation},'
            f'"basis":{_json(_inputs(inputs, prediction.notices))[:-1]},{self._end}'
        )

    def _explanation(self, explanation: Explanation | None, depth: str) -> str:
        if explanation is None or depth == "none":
            return "null"
        values, amounts = explanation.values.tolist(), explanation.contributions.tolist()
        shown, rest = range(len(amounts)), ""
        if depth == "top":
            order = sorted(shown, key=lambda i: -abs(amounts[i]))
            shown, rest = order[:N_TOP], f',"other_features":{math.fsum(amounts[i] for i in order[N_TOP:])!r}'
        rows = ",".join([self._row(i, values[i], amounts[i]) for i in shown])
        sums = f'"genes":{_json(explanation.by("gene"))},"blocks":{_json(explanation.by("block"))}'
        return (
            f'{{"scale":{self._scale},"base":{explanation.base!r},"margin":{explanation.margin!r},'
            f'"features":[{rows}],{sums}{rest}}}'
        )

    def _row(self, i: int, value: float, amount: float) -> str:
        """One feature's contribution; `repr` of a finite float is its JSON."""
        if not (isfinite(amount) and (value != value or isfinite(value))):
            raise IntegrityError("a contribution or a value is not a finite number; no number is given")
        return f'{self._heads[i]}{value if value == value else "null"},"contribution":{amount!r}}}'


def _head(feature: Feature) -> str:
    known = {
        "name": feature.name, "label": feature.label, "block": feature.block, "gene": feature.gene,
        "unit": feature.unit,
    }  # fmt: skip
    return _json(known)[:-1] + ',"value":'


def canonical(document: object) -> str:
    """A document as JSON with sorted keys and no spaces: the same text for the same content."""
    return _CANONICAL.encode(document)


def _json(document: object) -> str:
    return _COMPACT.encode(document)


_COMPACT = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))
_CANONICAL = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _check_range(prediction: Prediction, lowest: float, highest: float) -> None:
    if prediction.value is not None and not lowest <= prediction.value <= highest:
        raise IntegrityError("an answer lies outside its outcome's range; it is withheld")


def _interval(interval: Interval | None) -> dict[str, float | None] | None:
    if interval is None:
        return None
    return {"level": interval.level, "lower": _bounded(interval.lower), "upper": _bounded(interval.upper)}


def _bounded(end: float) -> float | None:
    return end if isfinite(end) else None


def _notice(notice: Notice) -> dict[str, str | None]:
    return {
        "code": notice.code, "text": notice.text, "severity": notice.severity, "feature": notice.feature
    }  # fmt: skip


def _inputs(inputs: Inputs, notices: tuple[Notice, ...]) -> dict[str, list[str]]:
    return {
        "inputs_used": list(inputs.used),
        "missing": [*inputs.imputed, *inputs.unrecorded_as_absent],
        "imputed": [n.feature for n in notices if n.code in _FILLED and n.feature],
        "unrecorded_as_absent": list(inputs.unrecorded_as_absent),
    }
