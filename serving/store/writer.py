"""What is durable before an answer goes out: rows that become ready together share one commit.

The statements are SQLAlchemy's, compiled once; they run on the driver's own connection. SQLite commits in the
event loop, in less time than a thread takes to wake; PostgreSQL in a thread of its own, while the next rows
gather. A row is answered for only after its commit, so that a killed worker leaves nothing answered unkept.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Table, bindparam, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from features.errors import IntegrityError
from serving.store.chain import HEAD, Head, link
from serving.store.database import GIVE_UP_S, sqlite_file, unavailable
from serving.store.keys import KeyRing
from serving.store.tables import ACCESS, HEADS, PREDICTIONS

_BUSY_RETRY_S = 0.0004
_FILLED_LATER = ("erasure", "tombstone")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows that wait for one commit, and whom to tell."""

    predictions: Sequence[Row]
    accesses: Sequence[Row]
    written: asyncio.Future[None]


class Writer:
    """The writer of one worker; several workers may write to the same store."""

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self._engine, self._keys = engine, keys
        self._errors = (engine.dialect.loaded_dbapi.Error, DBAPIError)
        self._is_sqlite = sqlite_file(engine) is not None
        self._begin = "BEGIN IMMEDIATE" if self._is_sqlite else "BEGIN"
        self._insert = {table.name: self._text(table.insert(), table) for table in (PREDICTIONS, ACCESS)}
        asked = select(HEADS.c.n, HEADS.c.chain, HEADS.c.mac).where(HEADS.c.name == bindparam("head"))
        self._head = self._text(asked.with_for_update())
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("n", "chain", "mac")}
        self._advance = self._text(update(HEADS).where(HEADS.c.name == bindparam("head")).values(values))
        self._thread = None if self._is_sqlite else ThreadPoolExecutor(1, "rxplain-store")
        self._connection: Any = self._connected()
        self._waiting: list[Waiting] = []
        self._since = 0.0
        self._last: tuple[int, bytes, bytes] | None = None
        self._is_at_work = False

    async def append(self, predictions: Sequence[Row] = (), accesses: Sequence[Row] = ()) -> None:
        """Return once the rows are on disk, predictions at the end of the chain; RequestError (503) else."""
        loop = asyncio.get_running_loop()
        written = loop.create_future()
        self._waiting.append(Waiting(predictions, accesses, written))
        if not self._is_at_work:
            self._is_at_work, self._since = True, loop.time()
            loop.call_soon(self._turn, loop)
        await written

    def write(self, predictions: Sequence[Row] = (), accesses: Sequence[Row] = ()) -> None:
        """The same at once, outside an event loop; waits for other writers."""
        if self._is_sqlite:
            self._connection.execute(f"PRAGMA busy_timeout={int(1000 * GIVE_UP_S)}")
        try:
            self._commit([Waiting(predictions, accesses, None)])  # type: ignore[arg-type]
        except (*self._errors, IntegrityError) as error:
            raise unavailable(error) from error

    def close(self) -> None:
        """Close the connection; what was answered is already on disk."""
        if self._thread is not None:
            self._thread.shutdown()
        self._connection.close()

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._thread is not None:
            gathered, self._waiting = self._waiting, []
            done = loop.run_in_executor(self._thread, self._outcome, gathered)
            done.add_done_callback(lambda ended: self._settle(loop, gathered, ended.result()))
            return
        failure = self._outcome(self._waiting)
        is_busy = getattr(failure, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
        if is_busy and loop.time() - self._since < GIVE_UP_S:
            loop.call_later(_BUSY_RETRY_S, self._turn, loop)
            return
        gathered, self._waiting = self._waiting, []
        self._settle(loop, gathered, failure)

    def _outcome(self, gathered: list[Waiting]) -> Exception | None:
        try:
            self._commit(gathered)
        except (*self._errors, IntegrityError, ValueError, OverflowError) as error:
            return error
        return None

    def _settle(
        self, loop: asyncio.AbstractEventLoop, gathered: list[Waiting], failure: Exception | None
    ) -> None:
        for one in gathered:
            if not one.written.done():
                if failure is None:
                    one.written.set_result(None)
                else:
                    one.written.set_exception(unavailable(failure))
        self._is_at_work = bool(self._waiting)
        if self._is_at_work:
            self._since = loop.time()
            loop.call_soon(self._turn, loop)

    def _commit(self, gathered: list[Waiting]) -> None:
        if not self._is_sqlite and self._connection.closed:
            self._connection = self._connected()
        cursor = self._connection.cursor()
        try:
            cursor.execute(self._begin)
            predictions = [row for one in gathered for row in one.predictions]
            if predictions:
                self._chain(cursor, predictions)
            accesses = [row for one in gathered for row in one.accesses]
            if accesses:
                cursor.executemany(self._insert["access"], accesses)
            cursor.execute("COMMIT")
        except BaseException:
            self._undo(cursor)
            raise
        finally:
            cursor.close()

    def _chain(self, cursor: Any, rows: list[Row]) -> None:
        found = cursor.execute(self._head, {"head": HEAD}).fetchone()
        if found is None:
            raise IntegrityError("the head of the prediction log is missing")
        n, chain = found[0], bytes(found[1])
        if (n, chain, bytes(found[2])) != self._last:
            Head(n, chain).checked(self._keys, found[2])
        for row in rows:
            n += 1
            row["seq"] = n
            row["chain"] = chain = link(chain, row)
        if len(rows) == 1:
            cursor.execute(self._insert["predictions"], rows[0])
        else:
            cursor.executemany(self._insert["predictions"], rows)
        mac = Head(n, chain).mac(self._keys)
        self._last = n, chain, mac
        cursor.execute(self._advance, {"head": HEAD, "new_n": n, "new_chain": chain, "new_mac": mac})

    def _undo(self, cursor: Any) -> None:
        if self._is_sqlite:
            if self._connection.in_transaction:
                cursor.execute("ROLLBACK")
            return
        with suppress(*self._errors):
            self._connection.close()

    def _connected(self) -> Any:
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        if self._is_sqlite:
            connection.execute("PRAGMA busy_timeout=0")
        else:
            connection.autocommit = True
        return connection

    def _text(self, statement: ClauseElement, table: Table | None = None) -> str:
        filled = (
            None if table is None else [own.name for own in table.columns if own.name not in _FILLED_LATER]
        )
        return str(statement.compile(dialect=self._engine.dialect, column_keys=filled))
