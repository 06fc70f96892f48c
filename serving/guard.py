"""The door of the service: limits before, counting around, and a problem document for every failure."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.body import too_large
from serving.errors import MEDIA_TYPE, Problem, RequestError, problem_from, problem_of_status
from serving.fhir import accept
from serving.fhir.accept import CDS, is_told_in_fhir
from serving.fhir.problem import operation_outcome
from serving.files.media import body_limit
from serving.metrics import Metrics
from serving.settings import Settings
from serving.tracing import COURSE, Header, Tracer

_log = logging.getLogger("rxplain.guard")
_NOWHERE = "(none)"
_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"})
REQUEST_ID = b"x-request-id"
"""The header of every answer that names the request, as the logs and traces name it."""
_LINGER_S = 1.0
_OURS = (MEDIA_TYPE.encode(), accept.MEDIA_TYPE, b"text/html")
STREAMED = frozenset({"/v1/batch"})
"""Paths whose bodies are read in parts, each part bounded, and may be of any length."""


class Guard:
    """ASGI middleware; whatever happens inside, the client gets a whole, honest response."""

    def __init__(
        self, app: ASGIApp, settings: Settings, metrics: Metrics, tracer: Tracer | None = None
    ) -> None:
        self.app = app
        self.settings = settings
        self.metrics = metrics
        self.tracer = tracer
        self._in_flight = 0
        self._of_pages = CORSMiddleware(
            self._guarded,
            allow_origins=settings.cds_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("authorization", "content-type"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif self.settings.cds_origins and scope["path"].startswith(CDS):
            await self._of_pages(scope, receive, send)
        else:
            await self._guarded(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        request_id = secrets.token_hex(8)
        response = _Response(send, scope, request_id)
        span = None if self.tracer is None else self.tracer.begin(scope, request_id)
        if span is not None:
            response.added.append(span.header)
            response.trace_id = span.trace_id
            COURSE.set(span.course)
        self._in_flight += 1
        self.metrics.in_flight.inc()
        try:
            self._admit(scope)
            await self.app(scope, receive, response)
        except Exception as error:
            await self._explain(error, scope, response)
            if getattr(error, "kind", "") == "body-too-large":
                await self._drain(receive)
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._in_flight -= 1
            self.metrics.in_flight.dec()
            route = _template(scope)
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self.metrics.request(route, method, response.status, time.perf_counter() - began)
            if span is not None:
                COURSE.set(None)
                span.end(method, route, response.status, response.problem)

    def _admit(self, scope: Scope) -> None:
        if self._in_flight > self.settings.in_flight_limit:
            raise RequestError("overloaded", "Try again in a moment.", retry_after_s=1)
        for name, value in () if scope["path"] in STREAMED else scope["headers"]:
            if name == b"content-length" and _length(value) > self.settings.body_limit_bytes:
                limit = body_limit(scope, self.settings)
                if _length(value) > limit:
                    raise too_large(limit)

    async def _explain(self, error: Exception, scope: Scope, response: _Response) -> None:
        problem = problem_from(error)
        self.metrics.problem(problem.kind)
        response.problem = problem.kind
        if problem.status >= 500:
            details = {"route": _template(scope), "problem": problem.kind, **response.names}
            _log.error("request failed", extra=details, exc_info=error)
        if response.started:
            raise error
        await send_problem(response, scope, problem, is_last=problem.kind != "body-too-large")

    async def _drain(self, receive: Receive) -> None:
        """Read on for a moment, so that a client still sending gets its answer and not a reset."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while (await receive()).get("more_body"):
                    pass


class _Response:
    """Passes messages on, remembers the status, and turns bare framework errors into problems."""

    def __init__(self, send: Send, scope: Scope, request_id: str) -> None:
        self._send = send
        self._scope = scope
        self._replaced = False
        self.added: list[Header] = [(REQUEST_ID, request_id.encode())]
        self.request_id, self.trace_id, self.problem = request_id, "", ""
        self.started = False
        self.status = 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            if self.status >= 400 and not _is_ours(message):
                self._replaced = True
                await self._replace(message)
                return
            message = {**message, "headers": [*message.get("headers", ()), *self.added]}
        if not self._replaced:
            await self._send(message)

    @property
    def names(self) -> dict[str, str]:
        """What a log line calls the request by."""
        return {"request": self.request_id} | ({"trace": self.trace_id} if self.trace_id else {})

    async def _replace(self, message: Message) -> None:
        problem = problem_of_status(self.status)
        allow = tuple((n, v) for n, v in message.get("headers", ()) if n == b"allow")
        self.status = problem.status
        told = Problem(problem.kind, problem.detail, headers=(*allow, *self.added))
        await send_problem(self._send, self._scope, told)


async def send_problem(send: Send, scope: Scope, problem: Problem, is_last: bool = True) -> None:
    """Send a problem as a whole response, to clients that ask for FHIR as an OperationOutcome.

    `is_last` False leaves the last, empty message to the caller.
    """
    body, media = problem.body(), MEDIA_TYPE.encode()
    if is_told_in_fhir(scope):
        body, media = operation_outcome(problem), accept.MEDIA_TYPE
    await send_whole(send, problem.status, body, media, problem.headers, is_last)


async def send_whole(
    send: Send,
    status: int,
    body: bytes,
    media: bytes,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    is_last: bool = True,
) -> None:
    """Send one response in two messages, never to be cached nor sniffed."""
    await send_head(send, status, media, ((b"content-length", str(len(body)).encode()), *headers))
    await send({"type": "http.response.body", "body": body, "more_body": not is_last})


async def send_head(
    send: Send, status: int, media: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    """Send the head of a response; its body may come in parts."""
    fixed = [
        (b"content-type", media),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})


def _is_ours(message: Message) -> bool:
    """Whether it is a problem document, or a page that tells what was wrong with its form."""
    return any(n == b"content-type" and v.startswith(_OURS) for n, v in message["headers"])


def _template(scope: Scope) -> str:
    """The template of the route that answered, never the path itself: paths carry ids."""
    return getattr(scope.get("route"), "path", "") or _NOWHERE


def _length(value: bytes) -> int:
    return int(value) if value.isdigit() and len(value) < 20 else 2**63
