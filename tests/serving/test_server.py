"""The server as a process: what it refuses, what it survives, and what it leaves behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from models.shelf import Shelf
from serving.settings import Settings
from serving.store.store import Store
from tests.serving.server_process import ROOT, ServerProcess
from tests.serving.test_repository import _add_bundle
from tests.serving.tiny import PATIENT, STUDY, copy_home

pytestmark = pytest.mark.slow
REQUEST = {"study": STUDY, "patient": PATIENT}


@pytest.fixture(scope="module")
def server(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that the tests which do not disturb it share."""
    home = copy_home(shelf_home, tmp_path_factory.mktemp("served") / "home")
    with ServerProcess(home, RXPLAIN_HEAD_DEADLINE_S="2") as running:
        yield running


def _run(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RXPLAIN_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "serving", "--port", "0", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_without_a_model_the_server_says_so_and_opens_no_port(tmp_path: Path) -> None:
    done = _run(tmp_path)
    assert done.returncode == 3
    assert "listening" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert "rxplain promote" in done.stderr


def test_a_corrupt_model_is_refused_before_a_port_is_opened(home: Path) -> None:
    digest = Shelf(home).champions()[STUDY].digest
    booster = home / "bundles" / digest / "boosters.json"
    booster.write_bytes(booster.read_bytes().replace(b"7", b"8", 1))
    done = _run(home)
    assert done.returncode == 3
    assert "listening" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert "boosters.json" in done.stderr


def test_a_taken_port_is_said_in_one_line(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = _run(home, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "cannot be opened" in done.stderr


def test_a_server_answers_over_http_and_listens_on_one_port_only(server: ServerProcess) -> None:
    answer = server.http.post("/v1/predict", json=REQUEST).json()
    assert server.http.get(f"/v1/predictions/{answer['id']}").json() == answer
    assert server.http.get(f"/review/{answer['id']}").status_code == 200
    assert server.listening() == {("127.0.0.1", server.port)}
    assert "patient-7" not in server.log
    assert answer["id"] not in server.log


def test_a_worker_holds_none_of_trainings_libraries(server: ServerProcess) -> None:
    (worker,) = server.workers()
    maps = {m.path for m in worker.memory_maps()}
    assert not [path for path in maps if "/pandas/" in path or "/sklearn/" in path or "/pyarrow/" in path]
    assert worker.memory_info().rss < 250e6


def test_a_killed_worker_is_replaced_and_loses_no_recorded_answer_nor_count(home: Path) -> None:
    with ServerProcess(home, "--workers", "2") as server:
        answered = [server.http.post("/v1/predict", json=REQUEST).json()["id"] for _ in range(10)]
        killed = server.workers()[0]
        killed.kill()
        deadline = time.monotonic() + 20
        while killed.pid in {w.pid for w in server.workers()} or len(server.workers()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        statuses = Counter()
        for _ in range(40):
            try:
                statuses[server.http.post("/v1/predict", json=REQUEST).status_code] += 1
            except httpx.TransportError:
                statuses["in flight"] += 1
        assert statuses[200] >= 38
        lines = server.http.get("/metrics").text.splitlines()
        (total,) = (line for line in lines if line.startswith("rxplain_predictions_total"))
        assert int(float(total.split()[-1])) == 10 + statuses[200]
    store = Store.open(Settings(home=home))
    assert all(store.predictions.find(one, "local") for one in answered)
    assert store.verify().broken is None
    store.close()


def test_a_promotion_swaps_the_model_without_a_failed_request(home: Path) -> None:
    digest = _add_bundle(home)
    with ServerProcess(home) as server:
        statuses, versions, stop = Counter(), [], threading.Event()

        def ask() -> None:
            with httpx.Client(base_url=server.http.base_url) as own:
                while not stop.is_set():
                    response = own.post("/v1/predict", json=REQUEST)
                    statuses[response.status_code] += 1
                    versions.append(response.json()["basis"]["model_version"])

        asking = threading.Thread(target=ask)
        asking.start()
        Shelf(home).write_aliases(STUDY, {"champion": (2, digest)})
        deadline = time.monotonic() + 10
        while 2 not in versions[-1:] and time.monotonic() < deadline:
            time.sleep(0.05)
        stop.set()
        asking.join()
    assert set(statuses) == {200}
    assert versions == sorted(versions)
    assert versions[-1] == 2


def test_a_large_body_is_answered_early(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        head = "POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
        began = time.monotonic()
        raw.sendall(head.encode() + b"x" * 200_000)
        assert raw.recv(100).startswith(b"HTTP/1.1 413")
        assert time.monotonic() - began < 1.0


def test_half_open_connections_are_closed_while_others_are_answered(server: ServerProcess) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    for one in idle[::2]:
        one.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\n")
    assert server.http.get("/livez").elapsed.total_seconds() < 1.0
    for one in idle:
        one.settimeout(10)
        assert one.recv(100) == b""
        one.close()


def test_bytes_that_are_not_http_get_a_problem(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = raw.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"problem+json" in answer


def test_a_server_told_to_stop_sends_every_answer_that_it_recorded(home: Path) -> None:
    received: list[str] = []
    with ServerProcess(home) as server:

        def ask() -> None:
            with (
                httpx.Client(base_url=server.http.base_url) as own,
                contextlib.suppress(httpx.TransportError),
            ):
                while True:
                    received.append(own.post("/v1/predict", json=REQUEST).json()["id"])

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        asking.join(timeout=30)
        server.process.wait(timeout=30)
    assert server.process.returncode == 0
    with contextlib.closing(sqlite3.connect(home / "store.db")) as log:
        recorded = [row[0] for row in log.execute("SELECT id FROM predictions ORDER BY seq")]
    assert received == recorded
