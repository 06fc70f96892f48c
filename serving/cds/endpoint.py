"""The routes of CDS Hooks: discovery, a service, and feedback on its cards."""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.access.caller import Caller, caller_of
from serving.access.restricted import restricted_text
from serving.answering import answer_request, keep
from serving.backend import Backend
from serving.body import read_json
from serving.cds.asked import Asked, asked_of
from serving.cds.cards import card_of, is_genotyped
from serving.cds.feedback import feedback_of
from serving.cds.services import PATIENT_VIEW, Service, services_of
from serving.errors import RequestError
from serving.files.media import BUNDLE
from serving.guard import send_whole

_JSON = b"application/json"


class Discovery:
    """GET /cds-services: what is offered; it tells of no patient."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def services(self, _: Request) -> Response:
        """The services for the models that answer now."""
        offered = services_of(self._backend.repository.current.values())
        body = json.dumps({"services": [one.told() for one in offered.values()]}, ensure_ascii=False)
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})


class HookEndpoint:
    """POST /cds-services/{service}: cards, each with a prediction that was recorded before it went out."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, backend, caller = time.perf_counter(), self._backend, caller_of(scope)
        service = _service(backend, scope)
        document = await read_json(scope, receive, backend.settings)
        asked = asked_of(document, service)
        cards = await self._cards(service, asked, caller, began) if asked.is_drafted else []
        body = json.dumps({"cards": cards}, ensure_ascii=False, allow_nan=False)
        await send_whole(send, 200, body.encode(), _JSON)

    async def _cards(
        self, service: Service, asked: Asked, caller: Caller, began: float
    ) -> list[dict[str, object]]:
        backend = self._backend
        query = urlencode({"study": service.study, "explain": "full"}).encode()

        async def bundle() -> bytes:
            return asked.bundle()

        body = await backend.files.request(BUNDLE, query, bundle)
        answered = answer_request(backend, body, began)
        if service.hook == PATIENT_VIEW and not is_genotyped(answered.record.answer):
            return []
        await keep(backend, answered, caller.tenant)
        answer = answered.record.answer
        told = answer if caller.genomic else restricted_text(answer)
        return [card_of(told, service, asked, backend.settings.public_url)]


class FeedbackEndpoint:
    """POST /cds-services/{service}/feedback: kept with the predictions that the cards told."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        backend, caller = self._backend, caller_of(scope)
        service = _service(backend, scope)
        document = await read_json(scope, receive, backend.settings)
        told = feedback_of(document, caller.subject)
        for one in told:
            if backend.record(one.prediction_id, caller.tenant).study != service.study:
                raise RequestError("unknown-prediction", "A card is none of this service's.")
        for one in told:
            await backend.store.feedback.append(one, caller.tenant)
        await send_whole(send, 200, b"{}", _JSON)


def _service(backend: Backend, scope: Scope) -> Service:
    name = scope["path_params"]["service"]
    offered = services_of(backend.repository.current.values())
    if name not in offered:
        raise RequestError("unknown-service", "GET /cds-services lists the services.")
    return offered[name]
