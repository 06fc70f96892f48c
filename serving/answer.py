"""A prediction as the JSON document that goes out, is recorded, and is shown on the review page."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from functools import lru_cache
from math import isfinite, isinf

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
        model = served.bundle.model
        self._absent = frozenset(model.absent)
        self._heads = [_head(feature) for feature in model.features]
        self._genes = _Sums([feature.gene or feature.block for feature in model.features])
        self._blocks = _Sums([feature.block for feature in model.features])
        own = {"study": served.study, "drug": model.outcome.drug, "outcome": model.outcome.name}
        self._start = _json(own)[1:-1]
        self._end = f'{_json(served.basis)[1:]},"advice":{_json(ADVICE)}}}'
        self._unit = _json(model.outcome.unit)
        self._scale = _json(model.outcome.margin_unit)

    def write(self, prediction_id: str, request: PredictRequest, answers: Answers) -> str:
        """The answer to a request of one patient; refuses numbers that JSON or the outcome cannot hold."""
        prediction = answers[0]
        _check_range(prediction, answers.outcome.lowest, answers.outcome.highest)
        value = "null" if prediction.value is None else repr(prediction.value)
        notices = ",".join([_notice(notice) for notice in prediction.notices])
        inputs = _inputs(answers.inputs(0, self._absent), prediction.notices)
        return (
            f'{{"id":"{prediction_id}",{self._start},"patient_id":{_text(prediction.patient_id)},'
            f'"value":{value},"unit":{self._unit},"interval":{_interval(prediction.interval)},'
            f'"declined":{"true" if prediction.declined else "false"},"notices":[{notices}],'
            f'"explanation":{self._explanation(prediction.explanation, request.explain)},'
            f'"basis":{{{inputs},{self._end}'
        )

    def _explanation(self, explanation: Explanation | None, depth: str) -> str:
        if explanation is None or depth == "none":
            return "null"
        values, amounts = explanation.values.tolist(), explanation.contributions.tolist()
        if not all(map(isfinite, amounts)) or any(map(isinf, values)):
            raise IntegrityError("a contribution or a value is not a finite number; no number is given")
        shown, rest = list(range(len(amounts))), ""
        if depth == "top":
            order = sorted(shown, key=lambda i: -abs(amounts[i]))
            shown, rest = order[:N_TOP], f',"other_features":{math.fsum(amounts[i] for i in order[N_TOP:])!r}'
        heads = self._heads
        rows = ",".join([f'{heads[i]}{_number(values[i])},"contribution":{amounts[i]!r}}}' for i in shown])
        return (
            f'{{"scale":{self._scale},"base":{explanation.base!r},"margin":{explanation.margin!r},'
            f'"features":[{rows}],"genes":{self._genes.write(amounts)},'
            f'"blocks":{self._blocks.write(amounts)}{rest}}}'
        )


class _Sums:
    """Contributions summed by gene or block, in the features' order, as a JSON object."""

    def __init__(self, keys: list[str]) -> None:
        self._names = [_json(key) for key in dict.fromkeys(keys)]
        places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        self._place = [places[key] for key in keys]

    def write(self, amounts: list[float]) -> str:
        """The sums of one patient's contributions."""
        sums = [0.0] * len(self._names)
        for place, amount in zip(self._place, amounts, strict=True):
            sums[place] += amount
        pairs = [f"{name}:{total!r}" for name, total in zip(self._names, sums, strict=True)]
        return f"{{{','.join(pairs)}}}"


def _head(feature: Feature) -> str:
    known = {
        "name": feature.name, "label": feature.label, "block": feature.block, "gene": feature.gene,
        "unit": feature.unit,
    }  # fmt: skip
    return _json(known)[:-1] + ',"value":'


def _json(document: object) -> str:
    return _COMPACT.encode(document)


_COMPACT = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))
_text = json.encoder.encode_basestring
_quoted = lru_cache(maxsize=4096)(_text)


def _check_range(prediction: Prediction, lowest: float, highest: float) -> None:
    if prediction.value is not None and not lowest <= prediction.value <= highest:
        raise IntegrityError("an answer lies outside its outcome's range; it is withheld")


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return "null"
    lower, upper = _bounded(interval.lower), _bounded(interval.upper)
    return f'{{"level":{interval.level!r},"lower":{lower},"upper":{upper}}}'


def _bounded(end: float) -> str:
    return repr(end) if isfinite(end) else "null"


def _number(value: float) -> str:
    """`repr` of a finite float is its JSON; what was not recorded is null."""
    return repr(value) if value == value else "null"


@lru_cache(maxsize=4096)
def _notice(notice: Notice) -> str:
    known = {
        "code": notice.code, "text": notice.text, "severity": notice.severity, "feature": notice.feature
    }  # fmt: skip
    return _json(known)


def _inputs(inputs: Inputs, notices: tuple[Notice, ...]) -> str:
    filled = [n.feature for n in notices if n.code in _FILLED and n.feature]
    missing = inputs.imputed + inputs.unrecorded_as_absent
    return (
        f'"inputs_used":{_names(inputs.used)},"missing":{_names(missing)},'
        f'"imputed":{_names(filled)},"unrecorded_as_absent":{_names(inputs.unrecorded_as_absent)}'
    )


def _names(names: Iterable[str]) -> str:
    return f"[{','.join(map(_quoted, names))}]"
