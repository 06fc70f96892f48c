"""Several workers behind one port share the connections of a client that keeps them open."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from serving.fair_loop import wait_s
from tests.serving.server_process import ServerProcess

pytestmark = pytest.mark.slow


def test_who_has_fewer_connections_comes_first() -> None:
    waits = [wait_s(n) for n in (1, 2, 3, 4, 8, 16, 64, 1024)]
    assert waits == sorted(set(waits))
    assert waits[-1] < 0.02


@pytest.mark.parametrize("n_clients", [8, 32])
def test_no_worker_takes_most_connections(home: Path, n_clients: int) -> None:
    with ServerProcess(home, "--workers", "2") as server:
        server.http.close()
        _wait_for_both(server)
        with _connected(server, n_clients):
            shares = _shares(server)
        assert sum(shares) == n_clients
        assert min(shares) >= n_clients // 4, shares


@contextmanager
def _connected(server: ServerProcess, n_clients: int) -> Iterator[None]:
    """So many clients, each of which was answered and stays connected."""
    with ExitStack() as opened:
        place = ("127.0.0.1", server.port)
        clients = [opened.enter_context(socket.create_connection(place)) for _ in range(n_clients)]
        for client in clients:
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 200 " in client.recv(400)
        yield


def _wait_for_both(server: ServerProcess) -> None:
    """The first worker to be ready answers alone until the other is."""
    deadline = time.monotonic() + 30
    is_shared = False
    while not is_shared:
        assert time.monotonic() < deadline
        with _connected(server, 4):
            is_shared = min(_shares(server)) > 0
    while sum(_shares(server)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _shares(server: ServerProcess) -> list[int]:
    return [_n_open(worker) for worker in server.workers()]


def _n_open(worker: psutil.Process) -> int:
    return sum(c.status == psutil.CONN_ESTABLISHED for c in worker.net_connections("tcp"))
