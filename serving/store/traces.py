"""What deleted rows leave in a database's files, and clearing it.

SQLite overwrites what is deleted (`secure_delete`); its write-ahead log is written back and cut to nothing,
then the files are searched, byte for byte, for the patient's hash and the nonces of the deleted rows, without
which what they sealed cannot be opened by anybody. Only if something is found is the file written anew
(`VACUUM`). PostgreSQL keeps dead rows: its tables are written anew (`VACUUM FULL`, which locks each while it
is written), and its write-ahead log is switched and checkpointed, so that the server drops or reuses what it
held; a server that recycles or archives segments, and every backup, hold sealed content until they are gone.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from serving.store.database import GIVE_UP_S, sqlite_file
from serving.store.tables import FEEDBACK, IDEMPOTENCY, OUTCOMES, PREDICTIONS, VERDICTS, WORKLIST

_REWRITTEN = (PREDICTIONS, OUTCOMES, FEEDBACK, IDEMPOTENCY, VERDICTS, WORKLIST)
_LOOK_AGAIN_S = 0.05


def clear(engine: Engine, sought: Sequence[bytes]) -> tuple[str, ...]:
    """Clears the files of what was deleted; where something is left all the same, in words."""
    file = sqlite_file(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if file is None:
            return _clear_postgres(connection)
        return _clear_sqlite(connection, file, sought)


def found_in(files: Sequence[Path], sought: Sequence[bytes]) -> list[Path]:
    """The files that hold any of these bytes."""
    return [file for file in files if file.is_file() and file.stat().st_size and _holds(file, sought)]


def _clear_sqlite(connection: Connection, file: Path, sought: Sequence[bytes]) -> tuple[str, ...]:
    files = [file, *(file.with_name(file.name + ending) for ending in ("-wal", "-shm"))]
    if not _checkpointed(connection):
        return ("the write-ahead log is in use; run the command again",)
    if found_in(files, sought):
        _run(connection, "VACUUM")
        if not _checkpointed(connection):
            return ("the write-ahead log is in use; run the command again",)
    return tuple(f"{left.name} still holds deleted bytes" for left in found_in(files, sought))


def _checkpointed(connection: Connection) -> bool:
    """Whether the write-ahead log could be written back and cut, as nobody read an earlier state."""
    until = time.monotonic() + GIVE_UP_S
    while _run(connection, "PRAGMA wal_checkpoint(TRUNCATE)")[0]:
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_AGAIN_S)
    return True


def _run(connection: Connection, statement: str) -> tuple:
    """Run on the driver's connection, outside any transaction."""
    driver = connection.connection.driver_connection
    assert driver is not None
    if driver.in_transaction:
        driver.execute("COMMIT")
    return driver.execute(statement).fetchone() or ()


def _clear_postgres(connection: Connection) -> tuple[str, ...]:
    for table in _REWRITTEN:
        connection.exec_driver_sql(f"VACUUM (FULL) {table.name}")
    left = []
    for statement in ("SELECT pg_switch_wal()", "CHECKPOINT"):
        try:
            connection.exec_driver_sql(statement)
        except DBAPIError:
            left.append(f"the server's write-ahead log, as its role may not {statement}")
    return tuple(left)


def _holds(file: Path, sought: Sequence[bytes]) -> bool:
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(one) >= 0 for one in sought)
