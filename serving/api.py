"""The routes: predictions, models, recorded answers, review pages and the service's own state."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from features.readers.document import document_schema, read_documents
from features.synthetic import probe_documents
from serving.answer import AnswerWriter
from serving.body import parse_object, read_body
from serving.errors import RequestError
from serving.guard import send_whole
from serving.metrics import MEDIA_TYPE as METRICS_TYPE
from serving.metrics import Metrics
from serving.openapi import openapi_document
from serving.prediction_log import PredictionLog, PredictionRecord, new_prediction_id
from serving.repository import Repository, Served
from serving.review.page import POLICY, review_page
from serving.review.views import review_view
from serving.schemas import PredictRequest, request_schema
from serving.settings import Settings

_JSON = "application/json"
_WARM_UP_ROUNDS = 3
_FIXED = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class Backend:
    """What the routes work with, one for each worker process; answers from `open` until `close`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics(settings.metrics_folder)
        self.repository = Repository(settings.home, self.metrics)
        self._log: PredictionLog | None = None
        self._writers: dict[str, tuple[Served, AnswerWriter]] = {}

    def open(self) -> None:
        """Open the prediction log, take every champion into service and answer once with each."""
        self._log = PredictionLog(self.settings.prediction_log)
        self.repository.load_all()
        for study in self.repository.current:
            for patient in probe_documents() * _WARM_UP_ROUNDS:
                request = json.dumps({"study": study, "patient": patient}).encode()
                answer_request(self, request, time.perf_counter())

    def close(self) -> None:
        """Close the prediction log."""
        if self._log is not None:
            self._log.close()
            self._log = None

    @property
    def log(self) -> PredictionLog:
        """The prediction log; the 503 problem before `open`."""
        if self._log is None:
            raise RequestError("not-ready", "The service is starting.", retry_after_s=1)
        return self._log

    def served(self, study: str) -> Served:
        """The model in service for a study; raises the 404 problem when there is none."""
        found = self.repository.current.get(study)
        if found is None:
            raise RequestError("unknown-study", "See GET /v1/models for the studies that are served.")
        return found

    def writer(self, served: Served) -> AnswerWriter:
        """The writer of a served model's answers, made once for it."""
        known = self._writers.get(served.study)
        if known is None or known[0] is not served:
            known = self._writers[served.study] = (served, AnswerWriter(served))
        return known[1]

    def record(self, prediction_id: str) -> PredictionRecord:
        """A recorded prediction; raises the 404 problem when there is none."""
        found = self.log.find(prediction_id)
        if found is None:
            raise RequestError("unknown-prediction", "Use the id of an answer given by this service.")
        return found


class PredictEndpoint:
    """POST /v1/predict as a bare ASGI application: the hot path."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        body = await read_body(scope, receive, self._backend.settings)
        record, declined = answer_request(self._backend, body, began)
        await self._backend.log.append(record)
        self._backend.metrics.prediction(record.study, declined)
        await send_whole(send, 200, record.answer.encode(), b"application/json")


def answer_request(backend: Backend, body: bytes, began: float) -> tuple[PredictionRecord, bool]:
    """The record of the answer to a request's body, and whether the model declined."""
    request = PredictRequest.from_document(parse_object(body, backend.settings.body_limit_bytes))
    served = backend.served(request.study)
    cohort = read_documents([request.patient])
    model = served.bundle.model
    answers = (model.predict if request.explain == "none" else model.explain)(cohort, request.level)
    prediction_id = new_prediction_id()
    answer = backend.writer(served).write(prediction_id, request, answers)
    record = PredictionRecord(
        id=prediction_id,
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        study=served.study,
        version=served.version,
        digest=served.bundle.digest,
        patient_id=cohort.patient_ids[0],
        request=body.decode(),
        answer=answer,
        latency_ms=round(1e3 * (time.perf_counter() - began), 3),
    )
    return record, answers.is_declined(0)


def _json(document: object) -> Response:
    body = json.dumps(document, allow_nan=False, ensure_ascii=False)
    return Response(body, media_type=_JSON, headers=_FIXED)


class Pages:
    """The GET routes."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._openapi = openapi_document()

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
        return _json(request_schema(served.study, document_schema(served.bundle.model.spec)))

    async def prediction(self, request: Request) -> Response:
        """A recorded answer, byte for byte as it was given."""
        record = self._backend.record(request.path_params["id"])
        return Response(record.answer, media_type=_JSON, headers=_FIXED)

    async def review(self, request: Request) -> Response:
        """The page on which a clinician inspects a recorded prediction."""
        record = self._backend.record(request.path_params["id"])
        bundle = self._backend.repository.bundle(record.digest)
        page = review_page(review_view(record, bundle))
        headers = _FIXED | {"content-security-policy": POLICY, "referrer-policy": "no-referrer"}
        return Response(page, media_type="text/html", headers=headers)

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


def router(backend: Backend, extra: tuple[Route, ...] = ()) -> Router:
    """The product's routes; `extra` is for benchmarks beside it."""
    pages = Pages(backend)
    routes = [
        Route("/v1/predict", PredictEndpoint(backend), methods=["POST"]),
        *extra,
        Route("/v1/models", pages.models),
        Route("/v1/models/{study}", pages.model),
        Route("/v1/models/{study}/schema", pages.schema),
        Route("/v1/predictions/{id}", pages.prediction),
        Route("/review/{id}", pages.review),
        Route("/livez", pages.livez),
        Route("/readyz", pages.readyz),
        Route("/metrics", pages.metrics),
        Route("/openapi.json", pages.openapi),
    ]
    return Router(routes, redirect_slashes=False)
