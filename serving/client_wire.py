"""HTTP for the client: kept connections, deadlines, and asking again without doing twice.

It goes straight to the service, past any proxy, and follows no redirection: a patient goes nowhere else.
"""

from __future__ import annotations

import http.client
import ipaddress
import logging
import random
import ssl
import time
import urllib.parse
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from features.errors import SettingsError
from serving.client_problems import NoAnswer, Overloaded, ServiceError, ServiceProblem, problem_of

_log = logging.getLogger("rxplain.client")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 5.0
_KEPT_S = 4.0
"""A connection unused for longer is not used again: services close theirs after a while."""
_IN_PROGRESS = "idempotency-in-progress"
"""Another request of our own key is still at work: the one whose connection was lost."""
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the service is, and what proves who asks; `credential` is an API key or a token.

    A credential or patient never goes out unencrypted to another machine, unless `allow_plain` says that
    something else encrypts the way.
    """

    url: str
    credential: str | None = field(default=None, repr=False)
    allow_plain: bool = False
    trusted: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise SettingsError("the address of a service looks like https://rxplain.example.org")
        if parts.scheme == "http" and not (self.allow_plain or _is_here(parts.hostname)):
            raise SettingsError("patients do not go to another machine unencrypted; use https")
        if self.credential is not None and not (self.credential.isascii() and self.credential.isprintable()):
            raise SettingsError("a key or token has printable ASCII characters only")

    @property
    def prefix(self) -> str:
        """The path under which the service lies."""
        return urllib.parse.urlsplit(self.url).path.rstrip("/")

    def headers(self) -> dict[str, str]:
        """What goes with every request."""
        proof = {} if self.credential is None else {"Authorization": f"Bearer {self.credential}"}
        return {"Accept": "application/json, application/problem+json", **proof}

    def connection(self, timeout_s: float) -> http.client.HTTPConnection:
        """A new connection, not yet open."""
        parts = urllib.parse.urlsplit(self.url)
        host = str(parts.hostname)
        if parts.scheme == "https":
            context = self.trusted or ssl.create_default_context()
            return http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=context)
        return http.client.HTTPConnection(host, parts.port, timeout=timeout_s)


class Wire:
    """Asks, and asks again for as long as `patience_s` where that can do no harm; any thread may use it."""

    def __init__(self, address: Address, timeout_s: float, patience_s: float) -> None:
        self.address, self.timeout_s = address, timeout_s
        self._patience_s = patience_s
        self._idle: deque[tuple[float, http.client.HTTPConnection]] = deque()

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """The body of a 2xx response; raises the ServiceError that was left when patience was at its end.

        Only lost connections, 429, 503 and the answer that one's own key is still at work are asked again:
        what is posted must carry an idempotency key.
        """
        return self._patiently(lambda: self._once(method, path, body, headers or {}), _may_be_asked_again)

    @contextmanager
    def opened(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        """A 2xx response still to be read, on its own connection; only what was refused is asked again."""
        connection = self.address.connection(self.timeout_s)
        told = {**self.address.headers(), **headers}
        try:
            yield self._patiently(
                lambda: self._responded(connection, method, path, body, told),
                lambda error: isinstance(error, Overloaded),
            )
        finally:
            connection.close()

    def close(self) -> None:
        """Close every connection that is not in use."""
        for connection in self._taken():
            connection.close()

    def _once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        connection = next(self._taken(), None) or self.address.connection(self.timeout_s)
        told = {**self.address.headers(), **headers}
        try:
            content = self._read(self._responded(connection, method, path, body, told))
        except ServiceProblem:
            self._idle.append((time.monotonic(), connection))
            raise
        except BaseException:
            connection.close()
            raise
        self._idle.append((time.monotonic(), connection))
        return content

    def _taken(self) -> Iterator[http.client.HTTPConnection]:
        """Connections that were kept, last used first; one that the service may have closed is closed."""
        while True:
            try:
                since, connection = self._idle.pop()
            except IndexError:
                return
            if time.monotonic() - since < _KEPT_S:
                yield connection
            else:
                connection.close()

    def _responded(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> http.client.HTTPResponse:
        with self._lost():
            connection.request(method, self.address.prefix + path, body, dict(headers))
            response = connection.getresponse()
        if not 200 <= response.status < 300:
            raise problem_of(response.status, self._read(response), response.headers.get("Retry-After"))
        return response

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        with self._lost():
            return response.read()

    @contextmanager
    def _lost(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise NoAnswer(f"no whole answer within {self.timeout_s:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"the connection was lost ({type(error).__name__})") from error

    def _patiently(self, ask: Callable[[], _Found], again: Callable[[ServiceError], bool]) -> _Found:
        until, tries = time.monotonic() + self._patience_s, 0
        while True:
            try:
                return ask()
            except ServiceError as error:
                if not again(error):
                    raise
                _wait(until, tries, error)
            tries += 1


def _may_be_asked_again(error: ServiceError) -> bool:
    """A lost connection, overload, or our own key still at work; not what took too long, which may go on."""
    if isinstance(error, NoAnswer):
        return not isinstance(error.__cause__, TimeoutError)
    return isinstance(error, Overloaded) or getattr(error, "code", "") == _IN_PROGRESS


def _wait(until: float, tries: int, error: ServiceError) -> None:
    """Wait, longer each time and never as long as others; raises the error where patience ends before."""
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0**tries)
    pause = getattr(error, "retry_after_s", 0.0) + random.uniform(0.0, longest)
    if time.monotonic() + pause > until:
        raise error
    why = getattr(error, "code", "no-answer")
    _log.info("asking again", extra={"problem": why, "pause_s": round(pause, 3), "tries": tries + 1})
    time.sleep(pause)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
