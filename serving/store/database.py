"""The database beneath the store: SQLite or PostgreSQL by URL, durable by its settings, reads and writes.

SQLite runs in WAL mode with `synchronous=FULL` and overwrites what is deleted; PostgreSQL with
`synchronous_commit=on`. Errors of either never repeat a row's values.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql import Select

from features.errors import SettingsError
from serving.errors import RequestError

GIVE_UP_S = 5.0
_BATCH = 200
_LOOK_AGAIN_S = 0.01
_READS = "rxplain_reads"
_PRAGMAS = ("synchronous=FULL", "secure_delete=ON", "cache_size=-8000", "mmap_size=0")
_SESSION = "-c synchronous_commit=on -c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000"


def open_engine(url: str) -> Engine:
    """The engine of a store's URL (`sqlite:///path` or `postgresql+psycopg://...`); makes SQLite's folder."""
    try:
        known = make_url(url)
    except ArgumentError:
        raise SettingsError("RXPLAIN_STORE is no URL; see README, The record of answers") from None
    if known.drivername == "sqlite" and known.database:
        return _sqlite(Path(known.database), url)
    if known.drivername == "postgresql+psycopg":
        options = {"connect_timeout": int(GIVE_UP_S), "options": _SESSION}
        return create_engine(url, connect_args=options, pool_pre_ping=True, hide_parameters=True)
    raise SettingsError("RXPLAIN_STORE must begin with sqlite:/// or postgresql+psycopg://")


def sqlite_file(engine: Engine) -> Path | None:
    """SQLite's file; None for PostgreSQL."""
    return Path(str(engine.url.database)) if engine.dialect.name == "sqlite" else None


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for one consistent look."""
    options: dict[str, Any] = {_READS: True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    with _durable(), engine.connect().execution_options(**options) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction, durable on leaving; raises a RequestError (503) when the database cannot keep it."""
    with _durable(), engine.begin() as connection:
        yield connection


@contextmanager
def streamed(connection: Connection, asked: Select) -> Iterator[Iterator[Mapping[Any, Any]]]:
    """The rows of a query of any size, some at a time."""
    with connection.execute(asked.execution_options(yield_per=_BATCH)) as found:
        yield iter(found.mappings())


def unavailable(cause: BaseException | None = None) -> RequestError:
    """The problem told when a row cannot be made durable; nothing of the cause is shown."""
    error = RequestError(
        "audit-unavailable", "Try again; if it persists, the disk needs care.", retry_after_s=5
    )
    error.__cause__ = cause
    return error


@contextmanager
def _durable() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise unavailable(error) from error


def _sqlite(path: Path, url: str) -> Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)
    os.chmod(path, 0o600)
    engine = create_engine(
        url,
        paramstyle="named",
        poolclass=QueuePool,
        hide_parameters=True,
        connect_args={"timeout": GIVE_UP_S, "isolation_level": None, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: Any) -> None:
        _to_wal(connection)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_read = connection.get_execution_options().get(_READS)
        connection.exec_driver_sql("BEGIN" if is_read else "BEGIN IMMEDIATE")

    return engine


def _to_wal(connection: sqlite3.Connection) -> None:
    """Switch a new file to its write-ahead log; SQLite does not wait for whoever does so at the same time."""
    until = time.monotonic() + GIVE_UP_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(_LOOK_AGAIN_S)
