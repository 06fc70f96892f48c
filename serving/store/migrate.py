"""Bringing a database's tables up to date, under a lock, in one transaction that holds or leaves no trace.

Run before workers start. SQLite's lock is that of its writer; PostgreSQL's an advisory one.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

from serving.store.database import sqlite_file, writing
from serving.store.earlier import Earlier, retire
from serving.store.keys import KeyRing

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x72787031


def migrate(engine: Engine, keys: KeyRing, home: Path, to: str = "head") -> None:
    """Runs the revisions that are wanting; a prediction log of an earlier version is brought over.

    Raises an IntegrityError, and changes nothing, when that log's chain does not hold.
    """
    earlier = Earlier(home, keys)
    with writing(engine) as connection:
        if sqlite_file(engine) is None:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        command.upgrade(configuration(connection, earlier), to)
    retire(engine, earlier)


def configuration(connection: Connection | None = None, earlier: Earlier | None = None) -> Config:
    """What alembic works with: the packaged revisions, the connection, and what is to be brought over."""
    known = Config()
    known.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    known.attributes.update(connection=connection, earlier=earlier)
    return known
