"""POST and GET of verdicts: who inspected a prediction, or a model version, and what they think of it."""

from __future__ import annotations

import asyncio
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
from serving.repository import Served
from serving.store.records import ModelVerdictRecord, PredictionRecord, StoredAnswer
from serving.store.verdicts import AnyVerdict, state_of
from serving.verdicts import Version, model_verdict_of, verdict_of

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


class ModelVerdictEndpoint:
    """The verdicts on the versions of one study's model as a bare ASGI application."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, caller = Request(scope, receive), caller_of(scope)
        study = request.path_params["study"]
        versions = [_version(one) for one in await asyncio.to_thread(self._backend.versions, study)]
        if request.method != "POST":
            told = self._backend.store.model_verdicts.of_study(study, caller.tenant)
            listed = json.dumps(_by_version(study, versions, told), ensure_ascii=False)
            await send_whole(send, 200, listed.encode(), _JSON.encode())
            return
        body = await read_body(scope, receive, self._backend.settings)

        async def make() -> StoredAnswer:
            document = parse_object(body, self._backend.settings.body_limit_bytes)
            verdict = model_verdict_of(document, versions, caller)
            kept = await self._backend.store.model_verdicts.append(verdict, caller.tenant)
            answer = json.dumps(asdict(kept), allow_nan=False, ensure_ascii=False).encode()
            return StoredAnswer(201, _JSON, answer)

        await once_only(self._backend.store, scope, send, body, make)


def _version(served: Served) -> Version:
    return Version(served.study, served.version, served.bundle.digest)


def _by_version(
    study: str, versions: Sequence[Version], told: Sequence[ModelVerdictRecord]
) -> Mapping[str, Any]:
    """What can be signed and what was, newest version first; an earlier version only where it was signed."""
    signed = (Version(one.study, one.version, one.digest) for one in told)
    known = sorted({*versions, *signed}, key=lambda one: one.version, reverse=True)
    rows = [
        {
            "version": one.version,
            "digest": one.digest,
            "can_be_signed": one in versions,
            **listed_verdicts([said for said in told if said.digest == one.digest]),
        }
        for one in known
    ]
    return {"study": study, "versions": rows}


def listed_verdicts(told: Sequence[AnyVerdict]) -> Mapping[str, Any]:
    """The verdicts as a document: oldest first, with what all readers say."""
    state, readers = state_of(told)
    return {"state": state, "readers": readers, "verdicts": [asdict(one) for one in told]}
