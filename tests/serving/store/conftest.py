"""The same store on SQLite and on PostgreSQL: every test that asks for `settings` runs on both."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from serving.settings import Settings
from serving.store.store import Store

BOTH = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A home of the test's own with a database of either kind that has no tables yet."""
    home = tmp_path / "empty"
    home.mkdir()
    if request.param == "sqlite":
        return Settings(home=home)
    return Settings(home=home, store=new_database(request.getfixturevalue("postgres_url")))


@pytest.fixture(scope="session", params=BOTH)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A database of either kind with tables and keys, to be copied."""
    home = tmp_path_factory.mktemp("made")
    url = None if request.param == "sqlite" else new_database(request.getfixturevalue("postgres_url"))
    Store.open(Settings(home=home, store=url)).close()
    return Settings(home=home, store=url)


@pytest.fixture
def settings(made: Settings, tmp_path: Path) -> Settings:
    """A home of the test's own, its store without rows."""
    home = tmp_path / "home"
    shutil.copytree(made.home, home)
    return Settings(home=home, store=made.store and new_database(made.store, made.store))


@pytest.fixture
def opened(settings: Settings) -> Iterator[Callable[[], Store]]:
    """Opens stores over the same database, as several workers do."""
    stores: list[Store] = []

    def open_one() -> Store:
        stores.append(Store.open(settings))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    """A store of the test's own."""
    return opened()


def new_database(server: str, like: str | None = None) -> str:
    """The URL of a new database on a PostgreSQL server, empty or a copy of another one there."""
    name = f"t{secrets.token_hex(6)}"
    engine = create_engine(make_url(server).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        template = f" TEMPLATE {make_url(like).database}" if like else ""
        connection.exec_driver_sql(f"CREATE DATABASE {name}{template}")
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)
