"""What was asked, what was answered, and by which bundle: one durable row before each answer.

A request is kept as the text that was received, an answer as the text that was sent.

SQLite in WAL mode with `synchronous=FULL`; rows that become ready in the same turn of the event loop
share one commit. Every row carries the SHA-256 of the row before it and itself, so that an edited,
removed or inserted row shows.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sqlite3
import time
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

from serving.access.caller import LOCAL
from serving.errors import RequestError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS predictions (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    time TEXT NOT NULL,
    study TEXT NOT NULL,
    version INTEGER NOT NULL,
    digest TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    request TEXT NOT NULL,
    answer TEXT NOT NULL,
    latency_ms REAL NOT NULL,
    chain BLOB NOT NULL,
    tenant TEXT NOT NULL DEFAULT 'local'
)
"""
_TENANT = "ALTER TABLE predictions ADD COLUMN tenant TEXT NOT NULL DEFAULT 'local'"
_BUSY_RETRY_S = 0.0004
_GIVE_UP_S = 5.0
_START = b"\0" * 32


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """One prediction as it was recorded; `request` and `answer` are JSON texts as sent, `time` is UTC."""

    id: str
    time: str
    study: str
    version: int
    digest: str
    patient_id: str
    request: str
    answer: str
    latency_ms: float

    @property
    def row(self) -> tuple:
        """The fields in their order."""
        return _fields_of(self)

    def chained(self, before: bytes) -> bytes:
        """The hash that binds this row to the one before it."""
        content = "\x1f".join(map(str, self.row))
        return hashlib.sha256(before + content.encode()).digest()


_NAMES = tuple(field.name for field in fields(PredictionRecord))
_fields_of = attrgetter(*_NAMES)
_COLUMNS = ", ".join(_NAMES)
_INSERT = f"INSERT INTO predictions ({_COLUMNS}, chain, tenant) VALUES ({', '.join('?' * 11)})"


def new_prediction_id() -> str:
    """32 hex digits that sort by time: 48 bits of milliseconds, 80 random bits."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


class PredictionLog:
    """The log of one worker's answers; several workers may share the file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=_GIVE_UP_S)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-8000", "mmap_size=0"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(_SCHEMA)
        if "tenant" not in {row[1] for row in self._connection.execute("PRAGMA table_info(predictions)")}:
            self._connection.execute(_TENANT)
        self._connection.execute("PRAGMA busy_timeout=0")
        self._waiting: list[tuple[PredictionRecord, str, asyncio.Future[None]]] = []
        self._since = 0.0
        self._written: tuple[bytes, int] | None = None

    async def append(self, record: PredictionRecord, tenant: str = LOCAL.tenant) -> None:
        """Return once the row is on disk; raises a RequestError (503) when it cannot be."""
        loop = asyncio.get_running_loop()
        written = loop.create_future()
        self._waiting.append((record, tenant, written))
        if len(self._waiting) == 1:
            self._since = loop.time()
            loop.call_soon(self._commit_waiting, loop)
        await written

    def _commit_waiting(self, loop: asyncio.AbstractEventLoop) -> None:
        failure: Exception | None = None
        try:
            self._commit([(record, tenant) for record, tenant, _ in self._waiting])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY and loop.time() - self._since < _GIVE_UP_S:
                loop.call_later(_BUSY_RETRY_S, self._commit_waiting, loop)
                return
            failure = error
        except (sqlite3.Error, ValueError) as error:
            failure = error
        done, self._waiting = self._waiting, []
        for *_, written in done:
            _settle(written, failure)

    def _commit(self, records: list[tuple[PredictionRecord, str]]) -> None:
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        try:
            chain, version = self._last()
            for record, tenant in records:
                chain = record.chained(chain)
                run(_INSERT, (*record.row, chain, tenant))
            run("COMMIT")
            self._written = chain, version
        except BaseException:
            if self._connection.in_transaction:
                run("ROLLBACK")
            raise

    def _last(self) -> tuple[bytes, int]:
        """The last row's hash, remembered from this worker's own last commit unless another wrote since."""
        run = self._connection.execute
        (version,) = run("PRAGMA data_version").fetchone()
        if self._written is not None and self._written[1] == version:
            return self._written
        last = run("SELECT chain FROM predictions ORDER BY seq DESC LIMIT 1").fetchone()
        return (last[0] if last else _START), version

    def find(self, prediction_id: str, tenant: str = LOCAL.tenant) -> PredictionRecord | None:
        """The tenant's record of this id, if there is one."""
        query = f"SELECT {_COLUMNS} FROM predictions WHERE id = ? AND tenant = ?"
        row = self._connection.execute(query, (prediction_id, tenant)).fetchone()
        return PredictionRecord(*row) if row else None

    def first_broken_row(self) -> int | None:
        """The number of the first row whose chain does not hold, or None when all do."""
        chain = _START
        rows = self._connection.execute(f"SELECT seq, chain, {_COLUMNS} FROM predictions ORDER BY seq")
        for position, (seq, recorded, *row) in enumerate(rows, start=1):
            chain = PredictionRecord(*row).chained(chain)
            if chain != recorded or seq != position:
                return position
        return None

    def close(self) -> None:
        """Close the file; what was answered is already on disk."""
        self._connection.close()


def _settle(written: asyncio.Future[None], failure: Exception | None) -> None:
    if written.done():
        return
    if failure is None:
        written.set_result(None)
        return
    error = RequestError(
        "audit-unavailable", "Try again; if it persists, the disk needs care.", retry_after_s=5
    )
    error.__cause__ = failure
    written.set_exception(error)
