"""What a list tells of an answer at a glance: its row of the worklist, made from the answer's text.

An answer is mostly its explanation and there are many of them, so nothing is parsed: what is wanted is found
by its name. A name with bare quotes stands in no JSON string, where quotes are escaped.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from serving.store.keys import KeyRing
from serving.store.records import PredictionRecord

PREDICTION, RANKING, SIMULATION = "prediction", "ranking", "simulation"

_EXPLANATION, _NOTICES = ',"explanation":', ',"notices":'
_RANKED, _SIMULATED, _EVENT = '"ranked":[', '"simulated":[', '"event":"'
_END = r"(-?[\d.e+-]+|null)"
_INTERVAL = rf'\{{"level":[^,]+,"lower":{_END},"upper":{_END}\}}'
_NUMBERS = re.compile(rf'"value":{_END},"unit":"[^"]*","interval":(?:null|{_INTERVAL})')
_CODE = re.compile(r'"code":"([a-z_]+)"')
_NULL = "null"


@dataclass(frozen=True, slots=True)
class Glance:
    """An answer without its explanation.

    `width` is the interval's length over the value, of a probability the length itself; infinite where an
    end is unbounded, None where no number is given. `told` is JSON of what stands before the notices; of a
    ranking the first option's numbers count, and its notices beside those of all.
    """

    kind: str
    declined: bool
    width: float | None
    notices: tuple[str, ...]
    told: str


def glance_of(answer: str) -> Glance:
    """The glance at an answer's JSON text as this version writes it; of any other text what can be found."""
    end = answer.find(_EXPLANATION)
    head = answer if end < 0 else answer[:end]
    if _RANKED in head:
        codes = _CODE.findall(head) + _CODE.findall(answer, answer.rfind(_NOTICES))
        kind, closing = RANKING, "}]}"
    else:
        codes = _CODE.findall(head)
        kind, closing = PREDICTION, "}"
        if answer.endswith("]}") and _SIMULATED in answer:  # the end of a list, which a prediction is not
            kind = SIMULATION
    found = _NUMBERS.search(head)
    if found is None:
        return _other(answer, kind, codes)
    value, lower, upper = found.groups()
    width = _width(value, lower, upper, _EVENT in head)
    return Glance(kind, value == _NULL, width, _once(codes), head.partition(_NOTICES)[0] + closing)


def glance_row(keys: KeyRing, record: PredictionRecord, tenant: str) -> dict[str, Any]:
    """The record's row of the worklist: whom it is about and what it says are sealed."""
    seen = glance_of(record.answer)
    return {
        "tenant": tenant,
        "id": record.id,
        "time": record.time,
        "study": record.study,
        "version": record.version,
        "kind": seen.kind,
        "declined": seen.declined,
        "width": seen.width,
        "notices": f" {' '.join(seen.notices)} ",
        "verdict": "",
        "readers": 0,
        "key_id": keys.current,
        "content": keys.close(place(tenant, record.id), seen.told.encode()),
    }


def place(tenant: str, prediction_id: str) -> str:
    """Where a label is sealed."""
    return f"worklist/{tenant}/{prediction_id}"


def _width(value: str | None, lower: str | None, upper: str | None, is_chance: bool) -> float | None:
    if value is None or value == _NULL or lower is None or upper is None:
        return None
    if _NULL in (lower, upper):
        return math.inf
    length, size = float(upper) - float(lower), abs(float(value))
    return length if is_chance else length / size if size else math.inf


def _other(answer: str, kind: str, codes: list[str]) -> Glance:
    """What an earlier version may have written, spaces and order as they come."""
    whole = json.loads(answer)
    label = {name: whole[name] for name in _LABEL if name in whole}
    interval = whole.get("interval") or {}
    value, lower, upper = map(json.dumps, (whole.get("value"), interval.get("lower"), interval.get("upper")))
    width = _width(value, lower, upper, "event" in whole) if interval else None
    codes = codes or [str(notice["code"]) for notice in whole.get("notices", ())]
    declined = bool(whole.get("declined", whole.get("value") is None))
    return Glance(kind, declined, width, _once(codes), json.dumps(label))


_LABEL = ("patient_id", "drug", "option", "outcome", "event", "value", "unit", "interval")


def _once(codes: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(codes))
