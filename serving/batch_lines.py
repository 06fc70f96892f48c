"""The lines of a body that streams in: read ahead up to a bound, whether or not their answers are taken."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from starlette.types import Receive

from serving.errors import RequestError
from serving.settings import Settings

MOST_LINES, MOST_BYTES = 128, 2**22
"""What is taken at a time: enough to be quick, little enough that others wait for milliseconds only."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line by its number, from 1; `body` is None where it was longer than a request may be."""

    number: int
    body: bytes | None


class Lines:
    """Reads a body's lines in the background; blank ones count but are passed over.

    Reading goes on while answers wait to be taken, so that a client that sends all before it reads anything
    is served too, as long as what it sends ahead stays within `batch_ahead_bytes`.
    """

    def __init__(self, receive: Receive, settings: Settings) -> None:
        self._receive = receive
        self._settings = settings
        self._ready: deque[Line] = deque()
        self._ahead = 0
        self._begun = bytearray()
        self._too_long = False
        self._number = 0
        self._ended = False
        self._failure: RequestError | None = None
        self._changed = asyncio.Condition()

    async def read(self) -> None:
        """Read until the body ends, fails or stops arriving."""
        try:
            more = True
            while more:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._ahead <= self._settings.batch_ahead_bytes)
                async with asyncio.timeout(self._settings.body_deadline_s):
                    message = await self._receive()
                if message["type"] == "http.disconnect":
                    self._failure = RequestError("body-too-slow", "The connection closed before the end.")
                    return
                self._split(message.get("body", b""))
                more = message.get("more_body", False)
                await self._tell()
            self._finish_line()
        except TimeoutError:
            self._failure = RequestError("body-too-slow", "Send the lines without long pauses.")
        finally:
            self._ended = True
            await self._tell()

    async def take(self) -> list[Line]:
        """The next lines; none when there are no more, and the problem that ended the body early."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._ready or self._ended)
            if not self._ready and self._failure is not None:
                raise self._failure
            taken: list[Line] = []
            size = 0
            while self._ready and len(taken) < MOST_LINES and size < MOST_BYTES:
                line = self._ready.popleft()
                size += len(line.body or b"")
                taken.append(line)
            self._ahead -= size
            self._changed.notify_all()
            return taken

    @property
    def last(self) -> int:
        """How many lines there were so far."""
        return self._number

    def _split(self, chunk: bytes) -> None:
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            self._add(part)
            self._finish_line()
        self._add(rest)

    def _add(self, part: bytes) -> None:
        if self._too_long:
            return
        self._begun += part
        if len(self._begun) > self._settings.body_limit_bytes:
            self._too_long = True
            self._begun.clear()

    def _finish_line(self) -> None:
        body, too_long = bytes(self._begun), self._too_long
        self._begun.clear()
        self._too_long = False
        if too_long or body.strip():
            self._number += 1
            self._ready.append(Line(self._number, None if too_long else body))
            self._ahead += 0 if too_long else len(body)
        elif not self._ended:
            self._number += 1

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
