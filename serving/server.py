"""The supervisor: checks the models, opens one port, and keeps uvicorn workers behind it alive."""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from features.errors import RxplainError, SettingsError
from serving.access.loopback import is_loopback
from serving.access.rules import read_rules
from serving.errors import MEDIA_TYPE, Problem
from serving.logs import configure_logs
from serving.preflight import REFUSED, refusal
from serving.settings import Settings, share_metrics

_log = logging.getLogger("rxplain.server")
_WORKER_CHECK_S = 5
FAREWELL_S = 20
"""Seconds that requests in flight have to end in after SIGTERM."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, beyond this machine only with access configured, and with how many processes."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    has_access: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535 or self.workers < 1:
            raise SettingsError("give a port from 0 to 65535 and at least one worker")
        if not self.has_access and not is_loopback(self.host):
            raise SettingsError(
                "without access configured anyone who reaches the host could read predictions; "
                "listen on 127.0.0.1, or name a file that says who is let in as RXPLAIN_ACCESS"
            )


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's HTTP with a deadline for request heads and problem documents for broken ones."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give a new connection its time to send a request head."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer with the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins on a kept-alive connection: the same time."""
        if self._head_timer is None:
            self._start_timer()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._stop_timer()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are not HTTP with a problem document."""
        body = Problem("invalid-http", "Send an HTTP/1.1 request.").body()
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.timeout_keep_alive, self._too_late)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_late(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def serve(address: Address, settings: Settings, application: str = "serving.worker:application") -> None:
    """Listen and serve until told to stop; a worker that dies or hangs is replaced.

    `application` names the ASGI factory that each worker runs; benchmarks give their own.
    """
    metrics = Path(tempfile.mkdtemp(prefix="rxplain-metrics-"))
    share_metrics(metrics)
    config = uvicorn.Config(
        application,
        factory=True,
        host=address.host,
        port=address.port,
        workers=address.workers,
        loop="uvloop" if address.workers == 1 else "serving.fair_loop:FairLoop",
        http=DeadlineProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # uvicorn says int, but hands it to call_later, which takes parts of a second
        timeout_keep_alive=settings.head_deadline_s,  # type: ignore[arg-type]
        timeout_graceful_shutdown=FAREWELL_S,
        timeout_worker_healthcheck=_WORKER_CHECK_S,
    )
    try:
        listening = _listen(address)
        details = {"host": address.host, "port": listening.getsockname()[1], "workers": address.workers}
        _log.info("listening", extra=details)
        Multiprocess(config, sockets=[listening]).run()
    finally:
        shutil.rmtree(metrics, ignore_errors=True)


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address.host, address.port))
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"port {address.port} cannot be opened ({error.strerror}); choose another"
        ) from error
    listening.set_inheritable(True)
    return listening


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the models, then serve; 2 for a wrong option, 3 when the models cannot be served."""
    options = _parser().parse_args(arguments)
    configure_logs()
    try:
        settings = Settings.from_environment()
        address = Address(options.host, options.port, options.workers, has_access(settings))
    except RxplainError as error:
        return _refuse(str(error), 2)
    why = refusal()
    if why is not None:
        return _refuse(why, REFUSED)
    if not address.has_access:
        _log.warning("no access is configured: this machine only, and everybody on it may do everything")
    try:
        serve(address, settings)
    except SettingsError as error:
        return _refuse(str(error), 1)
    return 0


def has_access(settings: Settings) -> bool:
    """Whether access is configured; raises a SettingsError that tells all faults of its file."""
    return settings.access is not None and bool(read_rules(settings.access))


def _refuse(why: str, code: int) -> int:
    sys.stderr.write(f"rxplain serve: {why}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving", description="Serve predictions over HTTP.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0 takes a free one")
    parser.add_argument("--workers", type=int, default=1, help="worker processes (default: 1)")
    return parser
