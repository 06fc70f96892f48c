"""A server that says what it is told to, byte for byte: for a client's tests of what services do wrong."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterable
from typing import Self

HANG_UP, SAY_NOTHING = b"", None


def response(status: int, document: object, *headers: str) -> bytes:
    """A whole HTTP response."""
    body = json.dumps(document).encode()
    head = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


class ScriptedServer:
    """Answers one connection after the other with the next of its replies; `requests` is what it was sent."""

    def __init__(self, *replies: bytes | None) -> None:
        self._replies = iter(replies)
        self.requests: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)
        for one in self._open:
            one.close()

    def headers(self, name: str) -> list[str]:
        """The values of a header in the requests so far."""
        lines = (line for one in self.requests for line in one.decode().split("\r\n"))
        return [line.partition(": ")[2] for line in lines if line.lower().startswith(f"{name.lower()}: ")]

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            for reply in self._replies:
                opened, _ = self._listening.accept()
                self._open.append(opened)
                self.requests.append(_read(opened.makefile("rb")))
                if reply is not SAY_NOTHING:
                    opened.sendall(reply)
                    opened.shutdown(socket.SHUT_RDWR)


def _read(file: Iterable[bytes]) -> bytes:
    """A request's head and body."""
    head, length = b"", 0
    for line in file:
        head += line
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line == b"\r\n":
            return head + file.read(length)
    return head
