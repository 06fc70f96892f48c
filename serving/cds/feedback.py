"""What was done with cards, told by the record: accepted or overridden, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from features.errors import Fault
from serving.errors import RequestError
from serving.store.records import FeedbackRecord, new_id

OUTCOMES = {"accepted": "agreed", "overridden": "overridden"}
"""What the specification calls it, and what a prediction's feedback calls it."""

MOST_TOLD = 100
_LONGEST_DETAIL = 2000
_LONGEST_TIME = 40


def feedback_of(document: Mapping[str, Any], by: str) -> list[FeedbackRecord]:
    """Feedback on predictions, the card's uuid being the prediction's id; raises the 400 problem."""
    told = document.get("feedback")
    if not isinstance(told, list) or not 0 < len(told) <= MOST_TOLD:
        fault = Fault("/feedback", f"is no list of 1 to {MOST_TOLD} entries")
        raise RequestError("malformed-hook", "1 fault in the request", [fault])
    faults: list[Fault] = []
    found = [_record(one, f"/feedback/{i}", by, faults) for i, one in enumerate(told)]
    if faults:
        raise RequestError("malformed-hook", f"{len(faults)} faults in the request", faults)
    return [one for one in found if one is not None]


def _record(told: object, where: str, by: str, faults: list[Fault]) -> FeedbackRecord | None:
    if not isinstance(told, Mapping):
        faults.append(Fault(where, "is no object"))
        return None
    card, outcome, time = (told.get(name) for name in ("card", "outcome", "outcomeTimestamp"))
    prediction_id = _hex(card)
    if not prediction_id:
        faults.append(Fault(f"{where}/card", "is no uuid of a card"))
    if outcome not in OUTCOMES:
        faults.append(Fault(f"{where}/outcome", "is not known here", f"send {' or '.join(OUTCOMES)}"))
    if not isinstance(time, str) or len(time) > _LONGEST_TIME or not _is_time(time):
        faults.append(Fault(f"{where}/outcomeTimestamp", "is no time", "write it as 2026-01-31T12:00:00Z"))
    kept = {
        name: told[name]
        for name in ("outcomeTimestamp", "acceptedSuggestions", "overrideReason")
        if name in told
    }
    detail = json.dumps(kept, ensure_ascii=False)
    if len(detail) > _LONGEST_DETAIL:
        faults.append(Fault(where, f"tells more than {_LONGEST_DETAIL} characters"))
    if faults:
        return None
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    return FeedbackRecord(new_id(), now, prediction_id, OUTCOMES[str(outcome)], detail, by)


def _hex(card: object) -> str:
    try:
        return UUID(card).hex if isinstance(card, str) and len(card) == 36 else ""
    except ValueError:
        return ""


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
