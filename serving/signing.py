"""POST and GET of the verdicts on one prediction: who inspected it, and what they think of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from serving.access.caller import Caller, caller_of
from serving.backend import Backend
from serving.body import parse_object, read_body
from serving.guard import send_whole
from serving.once_only import once_only
from serving.store.records import PredictionRecord, StoredAnswer, VerdictRecord
from serving.store.verdicts import state_of
from serving.verdicts import verdict_of

_JSON = "application/json"


class VerdictEndpoint:
    """The verdicts on one prediction as a bare ASGI application."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, caller = Request(scope, receive), caller_of(scope)
        record = self._backend.record(request.path_params["id"], caller.tenant)
        if request.method != "POST":
            told = self._backend.store.verdicts.of_prediction(record.id, caller.tenant)
            listed = json.dumps(listed_verdicts(told), ensure_ascii=False)
            await send_whole(send, 200, listed.encode(), _JSON.encode())
            return
        body = await read_body(scope, receive, self._backend.settings)

        async def make() -> StoredAnswer:
            return await self._kept(body, record, caller)

        await once_only(self._backend.store, scope, send, body, make)

    async def _kept(self, body: bytes, record: PredictionRecord, caller: Caller) -> StoredAnswer:
        document = parse_object(body, self._backend.settings.body_limit_bytes)
        verdict = verdict_of(document, record.id, caller)
        kept = await self._backend.store.verdicts.append(verdict, caller.tenant)
        answer = json.dumps(asdict(kept), allow_nan=False, ensure_ascii=False).encode()
        return StoredAnswer(201, _JSON, answer, record.patient_id)


def listed_verdicts(told: Sequence[VerdictRecord]) -> Mapping[str, Any]:
    """The verdicts as a document: oldest first, with what all readers say."""
    state, readers = state_of(told)
    return {"state": state, "readers": readers, "verdicts": [asdict(one) for one in told]}
