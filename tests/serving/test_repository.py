"""Models are swapped whole when an alias changes, and a bad bundle never takes the place of a good one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from features.errors import BundleError
from models.shelf import Shelf
from serving.metrics import Metrics
from serving.repository import Repository
from tests.serving.tiny import STUDY, write_bundle


def _add_bundle(home: Path, seed: int = 8) -> str:
    writing = home / "bundles" / "writing"
    digest = write_bundle(writing, n_patients=300, n_trees=10, seed=seed)
    writing.rename(home / "bundles" / digest)
    return digest


def test_a_changed_alias_swaps_the_model(home: Path) -> None:
    repository = Repository(home, Metrics())
    repository.load_all()
    held = repository.current
    digest = _add_bundle(home)
    Shelf(home).write_aliases(STUDY, {"champion": (2, digest)})
    repository.refresh()
    assert repository.current[STUDY].bundle.digest == digest
    assert repository.current[STUDY].version == 2
    assert held[STUDY].version == 1


def test_rolling_back_keeps_the_bundle_in_memory(home: Path) -> None:
    repository = Repository(home, Metrics())
    repository.load_all()
    first = repository.current[STUDY]
    Shelf(home).write_aliases(STUDY, {"champion": (5, first.bundle.digest)})
    repository.refresh()
    assert repository.current[STUDY].version == 5
    assert repository.current[STUDY].bundle is first.bundle


def test_a_damaged_new_bundle_leaves_the_old_one_serving(home: Path) -> None:
    repository = Repository(home, Metrics())
    repository.load_all()
    old = repository.current[STUDY].bundle.digest
    digest = _add_bundle(home)
    (home / "bundles" / digest / "boosters.json").write_text("tree")
    Shelf(home).write_aliases(STUDY, {"champion": (2, digest)})
    repository.refresh()
    assert repository.current[STUDY].bundle.digest == old


def test_an_unreadable_alias_file_leaves_the_old_one_serving(home: Path) -> None:
    repository = Repository(home, Metrics())
    repository.load_all()
    (home / "aliases" / f"{STUDY}.json").write_text("{")
    repository.refresh()
    assert STUDY in repository.current


def test_a_damaged_bundle_is_refused_at_the_start(home: Path) -> None:
    digest = Shelf(home).champions()[STUDY].digest
    (home / "bundles" / digest / "members.json").write_text("{}")
    with pytest.raises(BundleError, match=r"members\.json"):
        Repository(home, Metrics()).load_all()


def test_an_earlier_bundle_is_found_while_it_is_on_the_shelf(home: Path) -> None:
    repository = Repository(home, Metrics())
    repository.load_all()
    digest = _add_bundle(home)
    assert repository.bundle(digest).digest == digest
    assert repository.bundle("0" * 64) is None


def test_the_running_service_answers_with_the_new_model(start, home: Path) -> None:
    client = start(alias_poll_s=0.02)
    assert client.predict().json()["basis"]["model_version"] == 1
    Shelf(home).write_aliases(STUDY, {"champion": (2, _add_bundle(home))})
    deadline = time.monotonic() + 5
    while client.predict().json()["basis"]["model_version"] == 1:
        assert time.monotonic() < deadline
