"""The door: limits, deadlines, and a whole response whatever happens inside."""

from __future__ import annotations

import asyncio
import json

import pytest

from features.errors import IntegrityError
from serving.body import read_json
from serving.errors import RequestError
from serving.guard import Guard
from serving.metrics import Metrics
from serving.settings import Settings

HEADERS = [(b"content-type", b"application/json")]


def _call(app, settings: Settings, parts: list[bytes], headers=HEADERS, pause_s: float = 0.0):
    """The status, headers and body that an ASGI application sends for a POST arriving in parts."""
    sent: list[dict] = []
    waiting = list(parts)

    async def receive() -> dict:
        if not waiting:
            await asyncio.sleep(pause_s or 3600)
            return {"type": "http.disconnect"}
        part = waiting.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(waiting) or bool(pause_s)}

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/predict", "headers": headers}
    asyncio.run(Guard(app, settings, Metrics())(scope, receive, send))
    body = b"".join(m.get("body", b"") for m in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(body)


def _reader(settings: Settings):
    async def app(scope, receive, send) -> None:
        await read_json(scope, receive, settings)
        raise AssertionError("the body was read")

    return app


def _raiser(error: Exception):
    async def app(scope, receive, send) -> None:
        raise error

    return app


def test_a_body_announced_too_large_is_refused_unread() -> None:
    settings = Settings(body_limit_bytes=100)
    status, headers, problem = _call(_reader(settings), settings, [], [*HEADERS, (b"content-length", b"101")])
    assert status == 413
    assert headers[b"connection"] == b"close"
    assert problem["type"] == "urn:rxplain:problem:body-too-large"


@pytest.mark.parametrize("length", [b"-1", b"abc", b"9" * 30])
def test_a_nonsensical_length_is_refused(length: bytes) -> None:
    settings = Settings()
    assert _call(_reader(settings), settings, [b"{}"], [*HEADERS, (b"content-length", length)])[0] == 413


def test_a_body_that_grows_too_large_is_refused_while_it_arrives() -> None:
    settings = Settings(body_limit_bytes=100)
    assert _call(_reader(settings), settings, [b"x" * 60, b"x" * 60, b"x" * 60])[0] == 413


def test_a_body_that_never_ends_is_refused_at_the_deadline() -> None:
    settings = Settings(body_deadline_s=0.05)
    status, _, problem = _call(_reader(settings), settings, [b"{"], pause_s=60.0)
    assert status == 408
    assert problem["title"]


def test_an_unexpected_error_is_a_problem_without_its_text() -> None:
    status, _, problem = _call(_raiser(ValueError("Maria Muster")), Settings(), [b"{}"])
    assert status == 500
    assert "Maria" not in json.dumps(problem)


def test_a_contradiction_withholds_the_answer() -> None:
    status, _, problem = _call(_raiser(IntegrityError("does not add up")), Settings(), [b"{}"])
    assert status == 500
    assert problem["type"] == "urn:rxplain:problem:withheld"


def test_overload_is_refused_at_once() -> None:
    problem = _call(_raiser(RequestError("overloaded", "Try again.", retry_after_s=1)), Settings(), [b"{}"])
    assert problem[0] == 503
    assert problem[1][b"retry-after"] == b"1"


def test_more_requests_than_the_limit_are_not_let_in() -> None:
    async def slow(scope, receive, send) -> None:
        await asyncio.sleep(0.05)

    async def run() -> list[int]:
        guard = Guard(slow, Settings(in_flight_limit=2), Metrics())
        statuses: list[int] = []

        async def send(message: dict) -> None:
            statuses.append(message.get("status", 0))

        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await asyncio.gather(*(guard(scope, None, send) for _ in range(5)))
        return [status for status in statuses if status]

    assert asyncio.run(run()) == [503, 503, 503]


def test_a_bare_framework_error_becomes_a_problem() -> None:
    async def bare(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 405, "headers": [(b"allow", b"GET")]})
        await send({"type": "http.response.body", "body": b"Method Not Allowed"})

    status, headers, problem = _call(bare, Settings(), [b"{}"])
    assert status == 405
    assert headers[b"allow"] == b"GET"
    assert problem["status"] == 405
