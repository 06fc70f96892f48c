"""One tiny model a session, its home, and the application over it in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.settings import Settings
from tests.serving.client import Client
from tests.serving.tiny import copy_home, make_home
from tests.serving.tiny_sets import make_homes, publish, wide_draft


@pytest.fixture(scope="session")
def shelf_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one promoted model; not to be altered, copy it first."""
    home = tmp_path_factory.mktemp("home")
    make_home(home, n_trees=40)
    return home


@pytest.fixture
def home(shelf_home: Path, tmp_path: Path) -> Path:
    """A home of the test's own."""
    return copy_home(shelf_home, tmp_path / "home")


@pytest.fixture(scope="session")
def client(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The application, started, over a home that all tests of the session share."""
    home = copy_home(shelf_home, tmp_path_factory.mktemp("shared") / "home")
    with Client(Settings(home=home)) as started:
        yield started


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Client]]:
    """Starts the application over the test's own home, with settings of its own."""
    started: list[Client] = []

    def start_with(**settings: object) -> Client:
        started.append(Client(Settings(home=home, **settings)).__enter__())
        return started[-1]

    yield start_with
    for one in started:
        one.__exit__(None, None, None)


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The application over one study of each kind: probabilities, a panel, treatments, many genes."""
    home = tmp_path_factory.mktemp("kinds")
    make_homes(home)
    publish(home, wide_draft())
    with Client(Settings(home=home)) as started:
        yield started
