"""A collector's door, as a process: it takes OTLP over HTTP and keeps every byte, or hangs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class CollectorProcess:
    """Listens on a free loopback port from entering until leaving; with `hangs` it never answers."""

    def __init__(self, folder: Path, hangs: bool = False) -> None:
        self._folder = folder
        self._command = [sys.executable, __file__, str(folder), "hangs" if hangs else "answers"]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def raw(self) -> bytes:
        """Everything received: heads and bodies."""
        return b"\n".join(file.read_bytes() for file in sorted(self._folder.glob("*.http")))

    def spans(self) -> list[tuple[str, Span]]:
        """Every span received, with the name of the scope that made it."""
        found = []
        for file in sorted(self._folder.glob("*.otlp")):
            for resource in ExportTraceServiceRequest.FromString(file.read_bytes()).resource_spans:
                found += [(s.scope.name, span) for s in resource.scope_spans for span in s.spans]
        return found


class _Door(BaseHTTPRequestHandler):
    folder: Path
    hangs: bool

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.hangs:
            time.sleep(600)
        name = str(time.time_ns())
        head = f"{self.path} {json.dumps(list(self.headers.items()))}\n".encode()
        (self.folder / f"{name}.http").write_bytes(head + body)
        draft = self.folder / f"{name}.draft"
        draft.write_bytes(body)
        draft.rename(self.folder / f"{name}.otlp")
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


if __name__ == "__main__":
    _Door.folder, _Door.hangs = Path(sys.argv[1]), sys.argv[2] == "hangs"
    with ThreadingHTTPServer(("127.0.0.1", 0), _Door) as server:
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()
