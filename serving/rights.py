"""What a patient may ask of whoever keeps the record: everything kept of them, and that it be erased."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict

from starlette.types import Receive, Scope, Send

from features.errors import Fault
from serving.access.caller import Caller, caller_of
from serving.backend import Backend
from serving.body import read_json
from serving.errors import RequestError
from serving.guard import send_whole
from serving.store.export import patient_lines
from serving.store.store import Store

LONGEST_REASON = 200
_FIELDS = ("patient_id", "reason")
LINES, JSON = b"application/x-ndjson", b"application/json"
Work = Callable[[Store, Caller, str, str], bytes]


class RightsEndpoint:
    """A POST route about one patient of the caller's tenant, whose id stands in no address and no log."""

    def __init__(self, backend: Backend, work: Work, media: bytes) -> None:
        self._backend, self._work, self._media = backend, work, media

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        document = await read_json(scope, receive, self._backend.settings)
        patient_id, reason = _asked(document)
        told = await asyncio.to_thread(self._work, self._backend.store, caller_of(scope), patient_id, reason)
        await send_whole(send, 200, told, self._media)


def exported(store: Store, caller: Caller, patient_id: str, _: str) -> bytes:
    """Everything kept of the patient, in plain, one JSON object a line; nothing of one who is not known."""
    return "".join(f"{line}\n" for line in patient_lines(store, caller.tenant, patient_id)).encode()


def erased(store: Store, caller: Caller, patient_id: str, reason: str) -> bytes:
    """What was erased, and where traces could not be cleared; erasing again erases nothing more."""
    by = f"{caller.subject}: {reason}" if reason else caller.subject
    told = asdict(store.erase(caller.tenant, patient_id, by))
    told["traces"] = list(told["traces"])
    return json.dumps(told, allow_nan=False, ensure_ascii=False).encode()


def _asked(document: dict[str, object]) -> tuple[str, str]:
    """The patient and the reason; raises the 422 problem that tells all faults, and never the id."""
    faults = []
    unknown = len(document.keys() - set(_FIELDS))
    if unknown:
        faults.append(Fault("", f"{unknown} fields are not known here", f"send only {', '.join(_FIELDS)}"))
    patient_id, reason = document.get("patient_id"), document.get("reason", "")
    if not isinstance(patient_id, str) or not patient_id:
        faults.append(
            Fault("/patient_id", "is missing, or no text", "send the id that predictions were asked with")
        )
    if not isinstance(reason, str) or len(reason) > LONGEST_REASON:
        faults.append(Fault("/reason", "is no text", f"send at most {LONGEST_REASON} characters"))
    if faults:
        raise RequestError("invalid-request", f"{len(faults)} faults in the request", faults)
    return str(patient_id), str(reason)
