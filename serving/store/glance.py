"""What a list tells of an answer at a glance: its row of the worklist, made from the answer's text.

An answer is mostly its explanation, which is not parsed: `,"explanation":` with bare quotes stands in no JSON
string, where quotes are escaped, so that what comes before it can be closed and read alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.store.keys import KeyRing
from serving.store.records import PredictionRecord

PREDICTION, RANKING, SIMULATION = "prediction", "ranking", "simulation"
_EXPLANATION, _NOTICES = ',"explanation":', ',"notices":'
_RANKED, _PLACE, _SIMULATED = '"ranked":[', '"place":', '"simulated":['
_DECODER = json.JSONDecoder()
Json = Mapping[str, Any]  # Any: an answer as it was written, whose version of the schema may be older


@dataclass(frozen=True, slots=True)
class Glance:
    """An answer without its explanation.

    `width` is the interval's length over the value, of a probability the length itself; infinite where an end
    is unbounded, None where no number is given. Of a ranking `told` is the first option.
    """

    kind: str
    declined: bool
    width: float | None
    notices: tuple[str, ...]
    told: Json
    n_options: int = 0


def glance_of(answer: str) -> Glance:
    """The glance at an answer's JSON text."""
    head, explained, _ = answer.partition(_EXPLANATION)
    if _RANKED in head:
        return _ranking(answer, head, bool(explained))
    told = json.loads(head + "}" if explained else head)
    kind = SIMULATION if _SIMULATED in answer else PREDICTION
    return Glance(kind, _declined(told), _width(told), _codes(told.get("notices", ())), told)


def glance_row(keys: KeyRing, record: PredictionRecord, tenant: str) -> dict[str, Any]:
    """The record's row of the worklist: whom it is about and what it says are sealed."""
    seen = glance_of(record.answer)
    label = {
        "patient_id": record.patient_id,
        "n_options": seen.n_options,
        **{name: seen.told[name] for name in _LABEL if name in seen.told},
    }
    sealed = keys.close(place(tenant, record.id), json.dumps(label, separators=(",", ":")).encode())
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
        "content": sealed,
    }


def place(tenant: str, prediction_id: str) -> str:
    """Where a label is sealed."""
    return f"worklist/{tenant}/{prediction_id}"


_LABEL = ("drug", "option", "outcome", "event", "value", "unit", "interval")


def _ranking(answer: str, head: str, is_cut: bool) -> Glance:
    whole = json.loads(head + "}]}" if is_cut else answer)
    first, about = whole["ranked"][0], {name: whole[name] for name in ("outcome", "event") if name in whole}
    notices = _DECODER.raw_decode(answer, answer.rindex(_NOTICES) + len(_NOTICES))[0]
    codes = _codes([*notices, *first.get("notices", ())])
    told = {**first, **about}
    return Glance(RANKING, _declined(first), _width(told), codes, told, answer.count(_PLACE))


def _declined(told: Json) -> bool:
    return bool(told.get("declined", told.get("value") is None))


def _width(told: Json) -> float | None:
    value, interval = told.get("value"), told.get("interval")
    if value is None or interval is None:
        return None
    lower, upper = interval["lower"], interval["upper"]
    if lower is None or upper is None:
        return math.inf
    length = float(upper) - float(lower)
    return length if "event" in told else length / abs(value) if value else math.inf


def _codes(notices: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(notice["code"]) for notice in notices))
