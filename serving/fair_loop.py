"""An event loop for one of several workers: who serves the fewest connections takes the next one.

libuv, beneath uvloop, accepts all connections that wait at once, so that the first worker to wake takes every
connection of a client's pool; they stay open, and one worker is busy while the others are idle. Here a worker
that has connections first waits a few milliseconds, the more of them the longer, in which others may come
before it, and then takes no more than it has already.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable, Collection
from typing import Any

import uvloop

_FEW = 4


class Connection(asyncio.Protocol):
    """What uvicorn's protocols are: each knows all open ones of its worker."""

    connections: Collection[Any]


class Sharing:
    """Takes connections from a listening socket that other processes take from as well, until closed."""

    def __init__(self, loop: uvloop.Loop, make: Callable[[], Any], listening: socket.socket) -> None:
        self._loop, self._make, self._listening = loop, make, listening
        self._connections: Collection[Any] = ()
        self._opening: set[asyncio.Task[Any]] = set()
        self._later: asyncio.TimerHandle | None = None
        self._watch()

    def _watch(self) -> None:
        self._later = None
        self._loop.add_reader(self._listening.fileno(), self._asked)

    def _asked(self) -> None:
        """Somebody wants to connect: nothing is busy here, or the others have a moment."""
        n_open = len(self._connections)
        if n_open == 0:
            self._take(1)
            return
        self._loop.remove_reader(self._listening.fileno())
        self._later = self._loop.call_later(wait_s(n_open), self._still_asked)

    def _still_asked(self) -> None:
        n_open = len(self._connections)
        self._take(n_open if n_open >= _FEW else 1)
        self._watch()

    def _take(self, most: int) -> None:
        for _ in range(most):
            try:
                connection, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            connection.setblocking(False)
            opening = self._loop.create_task(self._loop.connect_accepted_socket(self._protocol, connection))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)

    def _protocol(self) -> Connection:
        made: Connection = self._make()
        self._connections = made.connections
        return made

    def close(self) -> None:
        """Take no more connections; those taken go on."""
        if self._later is not None:
            self._later.cancel()
        self._loop.remove_reader(self._listening.fileno())

    async def wait_closed(self) -> None:
        """Return once every connection taken has its protocol."""
        await asyncio.gather(*self._opening, return_exceptions=True)


def wait_s(n_open: int) -> float:
    """Seconds to wait with so many connections open; whole milliseconds, as uvloop's clock has no finer.

    >>> [round(1000 * wait_s(n)) for n in (1, 2, 4, 8, 16, 2048)]
    [1, 2, 4, 5, 6, 13]
    """
    return (n_open if n_open < _FEW else 2 + round(math.log2(n_open))) / 1000


class FairLoop(uvloop.Loop):
    """uvloop, but that a socket given to serve on is shared fairly with other processes."""

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Callable[[], Any], *args: Any, **options: Any
    ) -> asyncio.AbstractServer:
        """A server of the socket given as `sock`; uvloop's own without one."""
        listening: socket.socket | None = options.get("sock")
        if listening is None:
            return await super().create_server(protocol_factory, *args, **options)
        listening.setblocking(False)
        listening.listen(options["backlog"])
        # what uvicorn asks of a server is that it closes
        return Sharing(self, protocol_factory, listening)  # type: ignore[return-value]
