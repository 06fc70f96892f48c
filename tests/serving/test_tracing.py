"""Traces reach a collector by OTLP, tell no patient's value, and cost nobody an answer."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from serving.store.tables import HEADS
from tests.serving.client import Client
from tests.serving.collector_process import CollectorProcess
from tests.serving.server_process import ROOT, ServerProcess
from tests.serving.tiny import PATIENT, STUDY, copy_home

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CANARIES = ("canary-patient", "77.7125", "*1/*3977", "canary-header", "canary-path")
REQUEST = {"study": STUDY, "patient": PATIENT}


def _value(attribute: object) -> object:
    return getattr(attribute.value, attribute.value.WhichOneof("value"))


def _told(span: Span) -> dict[str, object]:
    return {attribute.key: _value(attribute) for attribute in span.attributes}


class Traced:
    """A server beside its collector, and what both left of some requests."""

    def __init__(self, home: Path, collector: CollectorProcess) -> None:
        with ServerProcess(home, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as server:
            above = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            self.answer = server.http.post("/v1/predict", json=REQUEST, headers=above)
            self.unsampled = server.http.post(
                "/v1/predict", json=REQUEST, headers={"traceparent": f"00-{'ab' * 16}-{PARENT}-00"}
            )
            self.canaries = list(_send_canaries(server))
            with contextlib.closing(sqlite3.connect(home / "store.db")) as rows, rows:
                rows.execute(f"DELETE FROM {HEADS.name}")
            self.failed = server.http.post("/v1/predict", json=_canary())
        self.spans, self.log, self.raw = collector.spans(), server.log, collector.raw()

    def requests(self) -> list[Span]:
        """The spans of whole requests."""
        return [span for _, span in self.spans if span.kind == Span.SPAN_KIND_SERVER]


def _canary() -> dict[str, object]:
    patient = copy.deepcopy(PATIENT)
    patient["patient_id"] = CANARIES[0]
    patient["clinical"]["weight"]["value"] = float(CANARIES[1])
    return {"study": STUDY, "patient": patient}


def _send_canaries(server: ServerProcess) -> Iterator[int]:
    """Values where they may stand and where they may not."""
    heads = {
        "tracestate": "canary-header=1", "baggage": "patient=canary-header", "x-request-id": "canary-header",
        "user-agent": "canary-header", "traceparent": "00-canary-header-01",
    }  # fmt: skip
    wrong = _canary()
    wrong["patient"]["genotypes"][0]["diplotype"] = CANARIES[2]
    wrong["patient"]["clinical"]["age"]["unit"] = CANARIES[0]
    ask = server.http
    yield ask.post("/v1/predict", json=_canary(), headers=heads).status_code
    yield ask.post("/v1/predict", json=wrong).status_code
    yield ask.post("/v1/predict", json=_canary() | {"study": CANARIES[0]}).status_code
    yield ask.get(f"/v1/predictions/{CANARIES[4]}?patient={CANARIES[0]}").status_code
    yield ask.get(f"/{CANARIES[4]}").status_code
    yield ask.request("PROPFIND", "/livez", content=CANARIES[0]).status_code


@pytest.fixture(scope="module")
def traced(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """One server, asked and stopped."""
    folder = tmp_path_factory.mktemp("traced")
    (folder / "collected").mkdir()
    with CollectorProcess(folder / "collected") as collector:
        return Traced(copy_home(shelf_home, folder / "home"), collector)


@pytest.mark.slow
def test_a_span_goes_below_the_callers_own_and_tells_route_model_and_stages(traced: Traced) -> None:
    (span,) = (one for one in traced.requests() if one.trace_id.hex() == TRACE)
    assert span.parent_span_id.hex() == PARENT
    assert span.name == "POST /v1/predict"
    basis = traced.answer.json()["basis"]
    assert _told(span) == {
        "http.request.method": "POST",
        "http.route": "/v1/predict",
        "http.response.status_code": 200,
        "rxplain.request_id": traced.answer.headers["x-request-id"],
        "rxplain.study": STUDY,
        "rxplain.model.version": basis["model_version"],
        "rxplain.model.digest": basis["bundle_digest"],
        "rxplain.result": "answered",
    }
    stages = [one for _, one in traced.spans if one.parent_span_id == span.span_id]
    assert [one.name for one in stages] == ["receive", "parse", "encode", "explain", "write", "store"]
    ends = [span.start_time_unix_nano, *(one.end_time_unix_nano for one in stages)]
    assert [one.start_time_unix_nano for one in stages] == ends[:-1]
    assert ends == sorted(ends)
    assert ends[-1] <= span.end_time_unix_nano


@pytest.mark.slow
def test_answers_name_their_trace_and_a_caller_who_samples_out_is_heard(traced: Traced) -> None:
    version, trace, _, flags = traced.answer.headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert traced.unsampled.headers["traceparent"].split("-")[1::2] == ["ab" * 16, "00"]
    assert "ab" * 16 not in {one.trace_id.hex() for _, one in traced.spans}


@pytest.mark.slow
def test_a_failure_is_told_by_its_kind_in_trace_and_log_alike(traced: Traced) -> None:
    trace = traced.failed.headers["traceparent"].split("-")[1]
    (span,) = (one for one in traced.requests() if one.trace_id.hex() == trace)
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert span.status.message == ""
    assert (_told(span)["rxplain.problem"], len(span.events)) == ("audit-unavailable", 0)
    (line,) = (own for own in map(json.loads, traced.log.splitlines()) if own["event"] == "request failed")
    assert (line["trace"], line["request"]) == (trace, traced.failed.headers["x-request-id"])


@pytest.mark.slow
def test_no_canary_is_in_anything_sent_or_logged(traced: Traced) -> None:
    assert traced.canaries == [200, 422, 404, 404, 404, 405]
    assert traced.raw
    for canary in CANARIES:
        assert canary.encode() not in traced.raw
        assert canary not in traced.log
    assert b"PROPFIND" not in traced.raw
    assert {scope for scope, _ in traced.spans} == {"rxplain"}


@pytest.mark.slow
@pytest.mark.parametrize("is_there", [False, True])
def test_a_collector_that_is_down_or_hangs_costs_no_answer(
    is_there: bool, home: Path, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        if is_there:
            url = stack.enter_context(CollectorProcess(tmp_path, hangs=True)).url
        else:
            with socket.create_server(("127.0.0.1", 0)) as taken:
                url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        server = stack.enter_context(ServerProcess(home, OTEL_EXPORTER_OTLP_ENDPOINT=url))
        statuses = {server.http.post("/v1/predict", json=REQUEST).status_code for _ in range(350)}
        server.process.terminate()
        assert server.process.wait(timeout=20) == 0
    assert statuses == {200}
    assert "Traceback" not in server.log


def test_without_an_endpoint_nothing_is_told_and_nothing_imported(client: Client) -> None:
    answer = client.predict()
    assert "traceparent" not in answer.headers
    assert len(answer.headers["x-request-id"]) == 16
    asked = (
        "import sys; from serving.worker import application; application();"
        "print([n for n in sys.modules if 'otlp' in n or n.startswith('opentelemetry.exporter')])"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    told = subprocess.run(
        [sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"
