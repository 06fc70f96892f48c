"""A server process of our own on a free loopback port, for as long as it is needed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from features.errors import RxplainError

_START_S = 60.0
_STOP_S = 25.0
_ANSWER_S = 30.0


class ServerError(RxplainError):
    """A server process that does not start, or that refuses what it is asked."""


@dataclass(frozen=True, slots=True)
class LiveServer:
    """Where a running server answers; requests go straight to it, past any proxy."""

    address: str

    def get(self, path: str) -> bytes:
        """What the server answers to GET."""
        return self._ask(urllib.request.Request(self.address + path))

    def post(self, path: str, document: Mapping[str, object]) -> dict:
        """The JSON document that the server answers to POST."""
        body, kind = json.dumps(document).encode(), {"Content-Type": "application/json"}
        return json.loads(self._ask(urllib.request.Request(self.address + path, body, kind)))

    def _ask(self, request: urllib.request.Request) -> bytes:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=_ANSWER_S) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            with error:
                problem = error.read().decode(errors="replace")
            raise ServerError(f"the server answered {error.code} to {request.selector}: {problem}") from None


@contextmanager
def live_server(log: Path) -> Iterator[LiveServer]:
    """A server process that is ready to answer from RXPLAIN_HOME; stopped, and waited for, in the end."""
    port = _free_port()
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "serving", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with log.open("w", encoding="utf-8") as out:
        # what the caller makes of warnings is not for the packages that a server imports
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
        try:
            server = LiveServer(f"http://127.0.0.1:{port}")
            _wait_until_ready(server, process, log)
            yield server
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_ready(server: LiveServer, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerError(f"the server stopped with exit code {process.returncode}; {log} says why")
        try:
            server.get("/readyz")
            return
        except (OSError, ServerError):
            time.sleep(0.1)
    raise ServerError(f"the server was not ready within {_START_S:.0f} s; {log} says why")


def _stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
