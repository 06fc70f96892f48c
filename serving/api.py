"""The routes: predictions, rankings, models, recorded answers, review pages and the service's own state."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send

from features.errors import Fault
from serving.access.caller import Caller, caller_of
from serving.access.policy import (
    ASKING,
    FEEDBACK,
    FORGETTING,
    HANDING_OUT,
    LISTING,
    MODELS,
    OPEN,
    RECORDED,
    REPORTING,
    REVIEWING,
    SIGNING,
)
from serving.access.restricted import restricted_text
from serving.access.route import Route, guarded
from serving.answering import Answered, answer_request, keep, rank_request
from serving.backend import Backend
from serving.batching import BatchEndpoint
from serving.body import read_body, read_whole
from serving.cds.endpoint import Discovery, FeedbackEndpoint, HookEndpoint
from serving.comparing import ComparePage
from serving.errors import RequestError
from serving.fhir import accept
from serving.fhir.accept import CDS, asks_for_fhir, names_fhir
from serving.fhir.document import fhir_text
from serving.files.media import holds_files, is_bundle
from serving.guard import send_whole
from serving.metrics import MEDIA_TYPE as METRICS_TYPE
from serving.model_pages import ModelPages, ModelVerdictForm
from serving.more_answers import explain_request, similar_request, simulate_request
from serving.near import NearPage
from serving.once_only import HEADER, once_only
from serving.openapi import openapi_document
from serving.pages import FindForm, ReviewPages, VerdictForm
from serving.reporting import ReportEndpoint
from serving.request_schema import request_schema
from serving.rights import JSON, LINES, RightsEndpoint, erased, exported
from serving.sign_in import SignIn, SignOut
from serving.signing import ModelVerdictEndpoint, VerdictEndpoint
from serving.store.records import PredictionRecord, StoredAnswer
from serving.tracing import reached
from serving.what_if import WhatIfEndpoint

_JSON = "application/json"
_UNREAD = Fault("", "has a query, which is read of a bare bundle only", "say it in the body")
_FIXED = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class AnswerEndpoint:
    """A POST route that answers about one patient, as a bare ASGI application: the hot path.

    One durable row is on disk before the answer goes out.
    """

    def __init__(self, backend: Backend, answer: Callable[[Backend, bytes, float], Answered]) -> None:
        self._backend = backend
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        caller, headers = caller_of(scope), dict(scope["headers"])
        if scope["query_string"] and not is_bundle(headers.get(b"content-type", b"")):
            raise RequestError("invalid-request", "1 fault in the address", [_UNREAD])
        if holds_files(headers.get(b"content-type", b"")):
            body = await self._of_files(scope, receive, headers[b"content-type"])
        else:
            body = await read_body(scope, receive, self._backend.settings)
        reached("receive")
        if names_fhir(headers.get(b"accept", b"")):
            media, answer = accept.MEDIA_TYPE, self._as_fhir
        else:
            media, answer = b"application/json", self._recorded
        if HEADER in headers:

            async def make() -> StoredAnswer:
                told, patient_id = await answer(body, began, caller)
                return StoredAnswer(200, media.decode(), told, patient_id)

            asked = body if media == b"application/json" else media + b"\n" + body
            await once_only(self._backend.store, scope, send, asked, make)
            return
        told, _ = await answer(body, began, caller)
        await send_whole(send, 200, told, media)

    async def _of_files(self, scope: Scope, receive: Receive, media: bytes) -> bytes:
        """The JSON request that posted files make, as it is answered and recorded."""
        settings = self._backend.settings

        def read() -> Awaitable[bytes]:
            return read_whole(receive, settings, settings.file_limit_bytes)

        return await self._backend.files.request(media, scope["query_string"], read)

    async def _recorded(self, body: bytes, began: float, caller: Caller) -> tuple[bytes, str]:
        """What goes out, once its row is on disk, and of whom."""
        told, record = await self._answered(body, began, caller)
        return told.encode(), record.patient_id

    async def _as_fhir(self, body: bytes, began: float, caller: Caller) -> tuple[bytes, str]:
        """The same as FHIR; the row keeps the plain answer."""
        told, record = await self._answered(body, began, caller)
        document = await asyncio.to_thread(fhir_text, told, record.request, caller.genomic)
        return document, record.patient_id

    async def _answered(self, body: bytes, began: float, caller: Caller) -> tuple[str, PredictionRecord]:
        answered = self._answer(self._backend, body, began)
        record = answered.record
        await keep(self._backend, answered, caller.tenant)
        return record.answer if caller.genomic else restricted_text(record.answer), record


def _json(document: object) -> Response:
    body = json.dumps(document, allow_nan=False, ensure_ascii=False)
    return Response(body, media_type=_JSON, headers=_FIXED)


class Pages:
    """The GET routes."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._openapi = openapi_document(backend.access.is_configured)

    async def models(self, _: Request) -> Response:
        """Every model in service."""
        served = self._backend.repository.current.values()
        return _json({"models": [one.summary for one in served]})

    async def model(self, request: Request) -> Response:
        """One model in service, with its card."""
        served = self._backend.served(request.path_params["study"])
        return _json({**served.summary, "card": served.bundle.card})

    async def schema(self, request: Request) -> Response:
        """JSON Schema of a prediction request."""
        served = self._backend.served(request.path_params["study"])
        return _json(request_schema(served.study, served.bundle.models))

    async def prediction(self, request: Request) -> Response:
        """A recorded answer, byte for byte as it was given to a caller of the same access."""
        caller = caller_of(request.scope)
        record = self._backend.record(request.path_params["id"], caller.tenant)
        told = record.answer if caller.genomic else restricted_text(record.answer)
        if not asks_for_fhir(request.scope["headers"]):
            return Response(told, media_type=_JSON, headers=_FIXED)
        document = await asyncio.to_thread(fhir_text, told, record.request, caller.genomic)
        return Response(document, headers=_FIXED | {"content-type": accept.MEDIA_TYPE.decode()})

    async def livez(self, _: Request) -> Response:
        """This process answers."""
        return _json({"live": True})

    async def readyz(self, _: Request) -> Response:
        """Models are loaded, proved and warm."""
        if not self._backend.repository.current:
            raise RequestError("not-ready", "No model is loaded; publish and promote one.", retry_after_s=5)
        return _json({"ready": True, "studies": sorted(self._backend.repository.current)})

    async def metrics(self, _: Request) -> Response:
        """Counts for Prometheus."""
        return Response(self._backend.metrics.exposition(), headers=_FIXED | {"content-type": METRICS_TYPE})

    async def openapi(self, _: Request) -> Response:
        """The OpenAPI 3.1 document."""
        return _json(self._openapi)


def router(backend: Backend, extra: tuple[BaseRoute, ...] = ()) -> Router:
    """The product's routes, each with its policy; `extra` is for benchmarks beside it."""
    pages = Pages(backend)
    routes = [
        Route("/v1/predict", AnswerEndpoint(backend, answer_request), ASKING, methods=["POST"]),
        Route("/v1/rank", AnswerEndpoint(backend, rank_request), ASKING, methods=["POST"]),
        Route("/v1/simulate", AnswerEndpoint(backend, simulate_request), ASKING, methods=["POST"]),
        Route("/v1/explain", AnswerEndpoint(backend, explain_request), ASKING, methods=["POST"]),
        Route("/v1/similar", AnswerEndpoint(backend, similar_request), ASKING, methods=["POST"]),
        Route("/v1/batch", BatchEndpoint(backend), ASKING, methods=["POST"]),
        *extra,
        Route("/v1/models", pages.models, MODELS),
        Route("/v1/models/{study}", pages.model, MODELS),
        Route("/v1/models/{study}/schema", pages.schema, MODELS),
        Route("/v1/models/{study}/verdicts", ModelVerdictEndpoint(backend), SIGNING, methods=["POST", "GET"]),
        Route("/v1/predictions/{id}", pages.prediction, RECORDED),
        Route(
            "/v1/predictions/{id}/outcomes",
            ReportEndpoint(backend, "outcomes"),
            REPORTING,
            methods=["POST", "GET"],
        ),
        Route(
            "/v1/predictions/{id}/feedback",
            ReportEndpoint(backend, "feedback"),
            FEEDBACK,
            methods=["POST", "GET"],
        ),
        Route("/v1/predictions/{id}/verdicts", VerdictEndpoint(backend), SIGNING, methods=["POST", "GET"]),
        Route("/v1/patients/export", RightsEndpoint(backend, exported, LINES), HANDING_OUT, methods=["POST"]),
        Route("/v1/patients/erase", RightsEndpoint(backend, erased, JSON), FORGETTING, methods=["POST"]),
        *_review_routes(backend),
        Route(CDS, Discovery(backend).services, OPEN),
        Route(f"{CDS}/{{service}}", HookEndpoint(backend), ASKING, methods=["POST"]),
        Route(f"{CDS}/{{service}}/feedback", FeedbackEndpoint(backend), ASKING, methods=["POST"]),
        Route("/livez", pages.livez, OPEN),
        Route("/readyz", pages.readyz, OPEN),
        Route("/metrics", pages.metrics, backend.access.metrics),
        Route("/openapi.json", pages.openapi, OPEN),
    ]
    return guarded(routes, backend.access, backend.note)


def _review_routes(backend: Backend) -> tuple[Route, ...]:
    """The pages for reviewers; what has a name of its own comes before what is named by an id."""
    pages, models = ReviewPages(backend), ModelPages(backend)
    return (
        Route("/review", pages.worklist, LISTING),
        Route("/review/models", models.models, MODELS),
        Route("/review/models/{study}", models.model, MODELS),
        Route("/review/models/{study}/verdicts", ModelVerdictForm(backend), SIGNING, methods=["POST"]),
        Route("/review/session", SignIn(backend), OPEN, methods=["GET", "POST"]),
        Route("/review/session/end", SignOut(backend), OPEN, methods=["POST"]),
        Route("/review/find", FindForm(backend), LISTING, methods=["POST"]),
        Route("/review/{id}", pages.prediction, REVIEWING),
        Route("/review/{id}/pdf", pages.paper, REVIEWING),
        Route("/review/{id}/fhir", pages.fhir, REVIEWING),
        Route("/review/{id}/compare", ComparePage(backend).page, REVIEWING),
        Route("/review/{id}/near", NearPage(backend).page, REVIEWING),
        Route("/review/{id}/verdicts", VerdictForm(backend), REVIEWING, methods=["POST"]),
        Route("/review/{id}/what-if", WhatIfEndpoint(backend), REVIEWING, methods=["POST"]),
    )
