"""More than the server can do: half-open connections, a flood of requests, workers that die or hang."""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from serving.settings import Settings
from serving.store.store import Store
from tests.serving.server_process import ServerProcess
from tests.serving.tiny import PATIENT, STUDY

pytestmark = pytest.mark.slow
REQUEST = {"study": STUDY, "patient": PATIENT}
HALF_OPEN, CLOSED_WITHIN_S, ALIVE_WITHIN_S = 2000, 15.0, 1.0
REPLACED_WITHIN_S, UNHUNG_WITHIN_S = 2.0, 10.0


def test_two_thousand_half_open_connections_are_closed_and_the_server_stays_alive(home: Path) -> None:
    with ServerProcess(home) as server, selectors.DefaultSelector() as watched:
        began, slowest = time.monotonic(), 0.0
        for i in range(HALF_OPEN):
            one = socket.create_connection(("127.0.0.1", server.port))
            if i % 2:
                one.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\n")
            watched.register(one, selectors.EVENT_READ)
        while watched.get_map() and time.monotonic() - began < 2 * CLOSED_WITHIN_S:
            asked = time.monotonic()
            assert server.http.get("/livez").status_code == 200
            slowest = max(slowest, time.monotonic() - asked)
            for key, _ in watched.select(0.1):
                assert key.fileobj.recv(100) == b""
                watched.unregister(key.fileobj)
                key.fileobj.close()
        assert not watched.get_map()
        assert time.monotonic() - began < CLOSED_WITHIN_S
        assert slowest < ALIVE_WITHIN_S


def test_beyond_its_capacity_a_server_says_at_once_when_to_come_back(home: Path) -> None:
    head = b"POST /v1/predict HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    with ServerProcess(home, RXPLAIN_IN_FLIGHT_LIMIT="8") as server, contextlib.ExitStack() as holding:
        for _ in range(8):
            one = holding.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            one.sendall(head + b"{")
        time.sleep(0.5)
        refused = [server.http.post("/v1/predict", json=REQUEST) for _ in range(20)]
        holding.close()
        time.sleep(0.5)
        answered = [server.http.post("/v1/predict", json=REQUEST) for _ in range(20)]
    assert {response.status_code for response in refused} == {503}
    assert all(int(response.headers["retry-after"]) >= 1 for response in refused)
    assert {response.json()["type"] for response in refused} == {"urn:rxplain:problem:overloaded"}
    assert {response.status_code for response in answered} == {200}
    store = Store.open(Settings(home=home))
    assert store.verify().n_rows == len(answered)
    store.close()


@pytest.mark.parametrize(
    ("sign", "within_s"), [(signal.SIGKILL, REPLACED_WITHIN_S), (signal.SIGSTOP, UNHUNG_WITHIN_S)]
)
def test_a_worker_that_dies_or_hangs_is_replaced_while_others_answer(
    home: Path, sign: signal.Signals, within_s: float
) -> None:
    with ServerProcess(home, "--workers", "2") as server:
        lost = server.workers()[0]
        lost.send_signal(sign)
        began = time.monotonic()
        while lost.pid in (pids := {worker.pid for worker in server.workers()}) or len(pids) < 2:
            assert time.monotonic() - began < within_s
            time.sleep(0.02)
        answered = httpx.post(f"{server.http.base_url}/v1/predict", json=REQUEST, timeout=30)
        assert answered.status_code == 200
