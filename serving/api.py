"""The routes: predictions, rankings, models, recorded answers, review pages and the service's own state."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send

from serving.access.caller import Caller, caller_of
from serving.access.policy import ASKING, FEEDBACK, MODELS, OPEN, RECORDED, REPORTING, REVIEWING
from serving.access.restricted import restricted_text
from serving.access.route import Route, guarded
from serving.answering import Answered, answer_request, rank_request, simulate_request
from serving.backend import Backend
from serving.batching import BatchEndpoint
from serving.body import read_body
from serving.errors import RequestError
from serving.guard import send_whole
from serving.metrics import MEDIA_TYPE as METRICS_TYPE
from serving.once_only import HEADER, once_only
from serving.openapi import openapi_document
from serving.reporting import ReportEndpoint
from serving.request_schema import request_schema
from serving.review.page import POLICY, page_of
from serving.store.records import PredictionRecord, StoredAnswer
from serving.tracing import answered_by, reached

_JSON = "application/json"
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
        body = await read_body(scope, receive, self._backend.settings)
        reached("receive")
        caller = caller_of(scope)
        if any(name == HEADER for name, _ in scope["headers"]):

            async def make() -> StoredAnswer:
                told, patient_id = await self._recorded(body, began, caller)
                return StoredAnswer(200, _JSON, told, patient_id)

            await once_only(self._backend.store, scope, send, body, make)
            return
        told, _ = await self._recorded(body, began, caller)
        await send_whole(send, 200, told, b"application/json")

    async def _recorded(self, body: bytes, began: float, caller: Caller) -> tuple[bytes, str]:
        """What goes out, once its row is on disk, and of whom."""
        answered = self._answer(self._backend, body, began)
        record = answered.record
        ready, metrics = time.perf_counter(), self._backend.metrics
        await self._backend.store.predictions.append(record, caller.tenant)
        metrics.stored(time.perf_counter() - ready)
        reached("store")
        answered_by(record.study, record.version, record.digest, answered.result)
        metrics.prediction(record.study, record.version, answered.result, answered.figures)
        told = record.answer if caller.genomic else restricted_text(record.answer)
        return told.encode(), record.patient_id


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
        answer = self._kept(request).answer
        told = answer if caller_of(request.scope).genomic else restricted_text(answer)
        return Response(told, media_type=_JSON, headers=_FIXED)

    async def review(self, request: Request) -> Response:
        """The page on which a clinician inspects a recorded prediction."""
        record = self._kept(request)
        bundle = self._backend.repository.bundle(record.digest)
        page = page_of(record, bundle)
        headers = _FIXED | {"content-security-policy": POLICY, "referrer-policy": "no-referrer"}
        return Response(page, media_type="text/html", headers=headers)

    def _kept(self, request: Request) -> PredictionRecord:
        return self._backend.record(request.path_params["id"], caller_of(request.scope).tenant)

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
        Route("/v1/batch", BatchEndpoint(backend), ASKING, methods=["POST"]),
        *extra,
        Route("/v1/models", pages.models, MODELS),
        Route("/v1/models/{study}", pages.model, MODELS),
        Route("/v1/models/{study}/schema", pages.schema, MODELS),
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
        Route("/review/{id}", pages.review, REVIEWING),
        Route("/livez", pages.livez, OPEN),
        Route("/readyz", pages.readyz, OPEN),
        Route("/metrics", pages.metrics, backend.access.metrics),
        Route("/openapi.json", pages.openapi, OPEN),
    ]
    return guarded(routes, backend.access, backend.note)
