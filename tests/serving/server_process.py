"""A real server process on a free loopback port, as a user starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import httpx
import psutil

ROOT = Path(__file__).parents[2]
_START_S = 40.0


class ServerProcess:
    """Starts `python -m serving` on entering, waits until it is ready, and ends it on leaving."""

    def __init__(self, home: Path, *options: str, **variables: str) -> None:
        self._home = home
        self._environment = {**os.environ, "RXPLAIN_HOME": str(home), "PYTHONPATH": str(ROOT), **variables}
        self._command = [sys.executable, "-m", "serving", "--port", "0", *options]
        self._log = home / "server.log"

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stderr=log, cwd=self._home)
        self.port = self._wait_for(self._announced_port)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        self._wait_for(lambda: self.http.get("/readyz").status_code == 200)
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)

    @property
    def log(self) -> str:
        """What the server wrote to standard error."""
        return self._log.read_text()

    def workers(self) -> list[psutil.Process]:
        """The worker processes, those with the port open."""
        return [child for child in psutil.Process(self.process.pid).children() if _is_worker(child)]

    def listening(self) -> set[tuple[str, int]]:
        """Every (address, port) that any of the server's processes listens on."""
        family = [
            psutil.Process(self.process.pid),
            *psutil.Process(self.process.pid).children(recursive=True),
        ]
        found = [c for one in family for c in one.net_connections() if c.status == psutil.CONN_LISTEN]
        return {(c.laddr.ip, c.laddr.port) for c in found}

    def _announced_port(self) -> int | None:
        assert self.process.poll() is None, self.log
        for line in self.log.splitlines():
            if '"listening"' in line:
                return json.loads(line)["port"]
        return None

    def _wait_for(self, found):
        deadline = time.monotonic() + _START_S
        while True:
            try:
                if answer := found():
                    return answer
            except httpx.HTTPError:
                pass
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)


def _is_worker(child: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(child.cmdline())
    except psutil.Error:
        return False
