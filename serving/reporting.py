"""What is said of an answer afterwards: what became of the patient, and what was done with the answer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from features.errors import Fault
from models.outcome import Outcome
from serving.access.caller import Caller, caller_of
from serving.backend import Backend
from serving.body import parse_object, read_body
from serving.errors import RequestError
from serving.guard import send_whole
from serving.once_only import once_only
from serving.store.outcome_units import checked_value
from serving.store.records import FeedbackRecord, OutcomeRecord, PredictionRecord, StoredAnswer, new_id

FEEDBACK_KINDS = ("agreed", "disagreed", "overridden", "comment")
LONGEST_DETAIL = 2000
_DAY = len("2026-01-31")
_JSON = "application/json"
_OUTCOME = {"name": str, "value": (int, float, bool), "unit": str, "option": str, "observed": str}
_FEEDBACK = {"kind": str, "detail": str}


class ReportEndpoint:
    """POST and GET of the outcomes, or of the feedback, of one prediction, as a bare ASGI application."""

    def __init__(self, backend: Backend, what: str) -> None:
        self._backend = backend
        self._what = what

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, caller = Request(scope, receive), caller_of(scope)
        record = self._backend.record(request.path_params["id"], caller.tenant)
        if request.method == "GET":
            told = getattr(self._backend.store, self._what).of_prediction(record.id, caller.tenant)
            listed = json.dumps({self._what: [asdict(one) for one in told]}, ensure_ascii=False)
            await send_whole(send, 200, listed.encode(), _JSON.encode())
            return
        body = await read_body(scope, receive, self._backend.settings)

        async def make() -> StoredAnswer:
            return await self._kept(body, record, caller)

        await once_only(self._backend.store, scope, send, body, make)

    async def _kept(self, body: bytes, record: PredictionRecord, caller: Caller) -> StoredAnswer:
        document = parse_object(body, self._backend.settings.body_limit_bytes)
        store, by = self._backend.store, caller.subject
        told: OutcomeRecord | FeedbackRecord
        if self._what == "outcomes":
            told = self._outcome(document, record, by)
            await store.outcomes.append(told, caller.tenant)
        else:
            told = _feedback(document, record, by)
            await store.feedback.append(told, caller.tenant)
        answer = json.dumps(asdict(told), allow_nan=False, ensure_ascii=False).encode()
        return StoredAnswer(201, _JSON, answer, record.patient_id)

    def _outcome(self, document: Mapping[str, Any], record: PredictionRecord, by: str) -> OutcomeRecord:
        faults = _shape_faults(document, _OUTCOME, ("name", "value", "unit"))
        if not faults and not math.isfinite(document["value"]):
            faults.append(Fault("/value", "is not finite"))
        if "observed" in document and not _is_day(document["observed"]):
            faults.append(Fault("/observed", "is no day that has come", "write it as 2026-01-31"))
        _refuse(faults, "outcome")
        outcome = self._predicted(record, document.get("option"))
        value = checked_value(outcome, document["name"], document["value"], document["unit"])
        option = document.get("option")
        named = outcome.name, value, outcome.unit, option, document.get("observed")
        return OutcomeRecord(new_id(), _now(), record.id, *named, by)

    def _predicted(self, record: PredictionRecord, option: object) -> Outcome:
        """The outcome that the bundle of the answer predicts; of a panel that of the drug named."""
        bundle = self._backend.repository.bundle(record.digest)
        if bundle is None:
            raise RequestError("unknown-study", "The model that gave this answer is no longer kept.")
        models = bundle.models.models
        known = {model.outcome.drug: model.outcome for model in models}
        if len(models) == 1 and bundle.models.question is None and option is None:
            return models[0].outcome
        options = bundle.models.options
        if option not in options:
            what = "is missing" if option is None else "is no option of this study"
            _refuse([Fault("/option", what, "name the drug or treatment that the patient had")], "outcome")
        return known.get(str(option), models[0].outcome)


def _feedback(document: Mapping[str, Any], record: PredictionRecord, by: str) -> FeedbackRecord:
    faults = _shape_faults(document, _FEEDBACK, ("kind",))
    if not faults and document["kind"] not in FEEDBACK_KINDS:
        faults.append(Fault("/kind", "is not known here", f"send one of {', '.join(FEEDBACK_KINDS)}"))
    if not faults and len(document.get("detail", "")) > LONGEST_DETAIL:
        faults.append(Fault("/detail", f"is longer than {LONGEST_DETAIL} characters"))
    _refuse(faults, "feedback")
    return FeedbackRecord(new_id(), _now(), record.id, document["kind"], document.get("detail", ""), by)


def _shape_faults(
    document: Mapping[str, Any], known: Mapping[str, Any], wanted: tuple[str, ...]
) -> list[Fault]:
    faults = []
    unknown = len(document.keys() - known.keys())
    if unknown:
        faults.append(Fault("", f"{unknown} fields are not known here", f"send only {', '.join(known)}"))
    faults += [Fault(f"/{name}", "is missing") for name in wanted if name not in document]
    wrong = (n for n, kind in known.items() if n in document and not isinstance(document[n], kind))
    return faults + [Fault(f"/{name}", "is of another type") for name in wrong]


def _is_day(text: object) -> bool:
    try:
        return len(str(text)) == _DAY and date.fromisoformat(str(text)) <= datetime.now(UTC).date()
    except ValueError:
        return False


def _refuse(faults: list[Fault], what: str) -> None:
    if faults:
        raise RequestError("invalid-request", f"{len(faults)} faults in the {what}", faults)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
