"""The Python client against services that refuse, hang, hang up and talk nonsense."""

from __future__ import annotations

import logging
import subprocess
import sys
import traceback
from typing import NotRequired, get_origin, get_type_hints

import pytest

from features.errors import SettingsError
from serving import client_answers
from serving.client import Client
from serving.client_problems import (
    InvalidRequest,
    NoAnswer,
    NotFound,
    NotPermitted,
    Overloaded,
    ServiceFailed,
    ServiceProblem,
)
from serving.openapi_closer import CLOSER
from serving.openapi_schemas import SCHEMAS
from tests.serving.scripted_server import HANG_UP, SAY_NOTHING, ScriptedServer, response

CANARY = {"patient_id": "canary-4711", "clinical": {"age": {"value": 63.25, "unit": "a"}}}
PROBLEM = "Content-Type: application/problem+json"


def _problem(status: int, kind: str, *headers: str, faults: list[dict] | None = None) -> bytes:
    told = {"type": f"urn:rxplain:problem:{kind}", "title": "", "status": status, "detail": "Told so."}
    return response(status, told | {"faults": faults or []}, PROBLEM, *headers)


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (422, "invalid-request", InvalidRequest), (400, "malformed-json", InvalidRequest),
        (401, "unauthenticated", NotPermitted), (403, "not-permitted", NotPermitted),
        (404, "unknown-study", NotFound), (500, "withheld", ServiceFailed), (503, "not-ready", Overloaded),
    ],
)  # fmt: skip
def test_a_problem_is_raised_with_its_code_and_faults(
    status: int, kind: str, error: type[ServiceProblem]
) -> None:
    faults = [{"pointer": "/patient/clinical/age", "what": "has no unit", "remedy": "add 'unit'"}]
    with (
        ScriptedServer(_problem(status, kind, faults=faults)) as server,
        Client(server.address, patience_s=0) as client,
        pytest.raises(error) as raised,
    ):
        client.predict("tiny", CANARY)
    assert (raised.value.status, raised.value.code) == (status, kind)
    assert [(one.where, one.what, one.remedy) for one in raised.value.faults] == [tuple(faults[0].values())]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        HANG_UP,
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP",
        _problem(429, "overloaded", "Retry-After: 0"),
        _problem(503, "overloaded", "Retry-After: 0"),
        _problem(409, "idempotency-in-progress", "Retry-After: 0"),
    ],
)
def test_what_may_be_asked_again_is_asked_with_the_same_key(reply: bytes) -> None:
    with (
        ScriptedServer(reply, reply, response(200, {"id": "a"})) as server,
        Client(server.address, patience_s=20) as client,
    ):
        assert client.predict("tiny", CANARY)["id"] == "a"
        keys = server.headers("Idempotency-Key")
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32


def test_two_questions_have_two_keys_and_a_key_may_be_given() -> None:
    answers = [response(200, {"id": "a"})] * 3
    with ScriptedServer(*answers) as server, Client(server.address) as client:
        client.predict("tiny", CANARY)
        client.predict("tiny", CANARY)
        client.predict("tiny", CANARY, key="visit-7")
        first, second, third = server.headers("Idempotency-Key")
    assert first != second
    assert third == "visit-7"


@pytest.mark.parametrize("kind", ["malformed-json", "withheld", "idempotency-mismatch"])
def test_what_would_fail_again_is_not_asked_again(kind: str) -> None:
    status = {"malformed-json": 400, "withheld": 500, "idempotency-mismatch": 422}[kind]
    with (
        ScriptedServer(_problem(status, kind), response(200, {"id": "a"})) as server,
        Client(server.address) as client,
        pytest.raises(ServiceProblem),
    ):
        client.predict("tiny", CANARY)
    assert len(server.requests) == 1


def test_a_server_that_hangs_is_given_up_and_not_asked_again() -> None:
    with (
        ScriptedServer(SAY_NOTHING, response(200, {"id": "a"})) as server,
        Client(server.address, timeout_s=0.2) as client,
        pytest.raises(NoAnswer, match=r"0\.2 s"),
    ):
        client.predict("tiny", CANARY)
    assert len(server.requests) == 1


def test_patience_ends() -> None:
    busy = _problem(503, "overloaded", "Retry-After: 30")
    with (
        ScriptedServer(busy) as server,
        Client(server.address, patience_s=5) as client,
        pytest.raises(Overloaded) as raised,
    ):
        client.predict("tiny", CANARY)
    assert raised.value.retry_after_s == 30


def test_a_status_without_a_problem_document_is_told_by_its_number() -> None:
    page = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"
    with (
        ScriptedServer(page) as server,
        Client(server.address) as client,
        pytest.raises(ServiceFailed) as raised,
    ):
        client.models()
    assert (raised.value.status, raised.value.code) == (502, "unknown")


def test_an_answer_that_is_not_json_is_none() -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"
    with ScriptedServer(page) as server, Client(server.address) as client, pytest.raises(NoAnswer):
        client.models()


def test_a_redirection_is_not_followed() -> None:
    elsewhere = response(307, {}, "Location: http://127.0.0.1:1/v1/predict")
    with (
        ScriptedServer(elsewhere) as server,
        Client(server.address) as client,
        pytest.raises(ServiceFailed, match="307"),
    ):
        client.predict("tiny", CANARY)


def test_a_batch_that_is_cut_off_says_so_after_the_rows_that_came() -> None:
    line = b'{"line":1,"answer":{"id":"a"}}\n'
    cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(line), line)
    with ScriptedServer(cut) as server, Client(server.address) as client:
        answers = client.batch("tiny", [CANARY])
        assert next(answers).answer == {"id": "a"}
        with pytest.raises(NoAnswer):
            next(answers)
    assert len(server.requests) == 1


def test_nothing_that_is_logged_or_raised_tells_of_the_patient(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = "rxp_canary_of_a_key"
    replies = HANG_UP, _problem(503, "overloaded"), _problem(422, "invalid-request")
    with (
        ScriptedServer(*replies) as server,
        Client(server.address, key) as client,
        pytest.raises(InvalidRequest) as raised,
    ):
        client.predict("tiny", CANARY)
    assert f"Bearer {key}".encode() in server.requests[0]
    told = "".join(traceback.format_exception(raised.value)) + repr(vars(client))
    told += "".join(repr([v for v in vars(one).values() if isinstance(v, str)]) for one in caplog.records)
    assert caplog.text.count("asking again") == 2
    for secret in ("canary", "4711", "63.25"):
        assert secret not in told


@pytest.mark.parametrize(
    "address", ["http://rxplain.example.org", "ftp://x", "rxplain.example.org", "https://a:b@c", "https://"]
)
def test_an_address_that_would_not_do_is_refused(address: str) -> None:
    with pytest.raises(SettingsError):
        Client(address)


def test_plain_http_to_another_machine_wants_to_be_allowed() -> None:
    Client("http://rxplain.internal:8000", allow_plain=True).close()
    Client("http://[::1]:8000").close()
    with pytest.raises(SettingsError):
        Client("https://rxplain.example.org", "a\r\nkey")


def test_the_client_needs_nothing_that_is_heavy() -> None:
    heavy = "pandas", "numpy", "bentoml", "mlflow", "lightgbm", "starlette", "sqlalchemy", "httpx"
    code = f"import sys, serving.client; sys.exit(sum(name in sys.modules for name in {heavy!r}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "name",
    ["Answer", "Basis", "Interval", "Notice", "Contribution", "Difference", "Ranked", "Ranking", "Simulated",
     "Simulation", "Model", "Outcome", "Feedback", "Change",
     "OwnGroup", "Evidence", "Explained", "Similar", "Verdict", "ModelVerdict"],
)  # fmt: skip
def test_the_types_of_answers_are_those_of_the_openapi_document(name: str) -> None:
    every, required = _fields(getattr(client_answers, name))
    schema = (SCHEMAS | CLOSER)[name]
    assert every == schema["properties"].keys()
    assert required == set(schema["required"])


def test_an_explanation_is_in_full_or_by_block() -> None:
    every, required = _fields(client_answers.Explanation)
    full, by_block = SCHEMAS["Explanation"], SCHEMAS["ExplanationByBlock"]
    assert every == full["properties"].keys() | by_block["properties"].keys()
    assert required == set(full["required"]) & set(by_block["required"])


def _fields(told: type) -> tuple[set[str], set[str]]:
    """All fields of a typed dictionary, and those that it always has."""
    hints = get_type_hints(told, include_extras=True)
    return set(hints), {name for name, hint in hints.items() if get_origin(hint) is not NotRequired}
