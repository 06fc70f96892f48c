"""Tables are made and brought up to date once, and a log of an earlier version loses nothing on the way."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from features.errors import IntegrityError
from serving.settings import Settings
from serving.store.database import open_engine, reading, writing
from serving.store.earlier import Earlier
from serving.store.migrate import configuration, migrate
from serving.store.store import REVISION, Store, key_ring, revision_of
from serving.store.tables import METADATA
from tests.serving.store.earlier_log import write_earlier_log
from tests.serving.store.rows import predictions

RECORDS = [
    replace(one, latency_ms=i / 7, request=f'{{"n": {i}, "π": "\\n"}}', version=i)
    for i, one in enumerate(predictions(450))
]


def test_the_newest_revision_is_the_one_that_workers_ask_for() -> None:
    assert ScriptDirectory.from_config(configuration()).get_current_head() == REVISION


def test_the_revisions_make_the_tables_that_the_statements_know(store: Store) -> None:
    with reading(store.engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_workers_that_start_at_once_make_the_tables_once(empty: Settings) -> None:
    with ThreadPoolExecutor(4) as starts:
        stores = list(starts.map(Store.open, [empty] * 4))
    stores[0].predictions.write_all(predictions(1), "local")
    assert stores[3].verify().n_rows == 1
    for store in stores:
        assert revision_of(store.engine) == REVISION
        store.close()


def test_a_log_of_an_earlier_version_is_brought_over_whole(empty: Settings) -> None:
    write_earlier_log(empty.home / "predictions.db", RECORDS)
    store = Store.open(empty)
    assert [store.predictions.find(one.id, "local") for one in RECORDS[::50]] == RECORDS[::50]
    assert list(store.predictions.of_patient("patient-7", "local")) == RECORDS
    assert (store.verify().broken, store.verify().n_rows) == (None, len(RECORDS))
    store.predictions.write_all(predictions(1), "local")
    assert store.verify().n_rows == len(RECORDS) + 1
    assert list(empty.home.glob("predictions.db*")) == []  # it lay there in plain
    store.close()


def test_a_store_that_has_rows_takes_the_earlier_log_at_its_end(empty: Settings) -> None:
    write_earlier_log(empty.home / "predictions.db", predictions(2))
    engine = open_engine(empty.store_url)
    earlier = Earlier(empty.home, key_ring(empty))
    with writing(engine) as connection:
        command.upgrade(configuration(connection, earlier), "0001")
        assert earlier.bring_over(connection) == 2
    assert revision_of(engine) == "0001"
    engine.dispose()
    earlier.path.unlink()
    write_earlier_log(empty.home / "predictions.db", RECORDS[:3])
    store = Store.open(empty)
    assert (store.verify().broken, store.verify().n_rows) == (None, 5)
    store.close()


def test_an_earlier_log_that_was_altered_stops_the_start_and_changes_nothing(empty: Settings) -> None:
    path = empty.home / "predictions.db"
    write_earlier_log(path, RECORDS[:9])
    with closing(sqlite3.connect(path)) as log:
        log.execute("UPDATE predictions SET answer = '{}' WHERE seq = 5")
        log.commit()
    with pytest.raises(IntegrityError, match="row 5 of the earlier log"):
        Store.open(empty)
    engine = open_engine(empty.store_url)
    assert revision_of(engine) is None
    engine.dispose()
    path.rename(empty.home / "kept-as-evidence.db")
    store = Store.open(empty)
    assert store.verify().n_rows == 0
    store.close()


def test_an_earlier_log_is_removed_only_when_the_store_holds_it(empty: Settings) -> None:
    """A start that was killed between keeping and removing is made good; a stranger's log stays."""
    Store.open(empty).close()
    path: Path = empty.home / "predictions.db"
    write_earlier_log(path, RECORDS[:3])
    engine = open_engine(empty.store_url)
    migrate(engine, key_ring(empty), empty.home)
    assert path.is_file()
    engine.dispose()
