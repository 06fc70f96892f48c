"""The registry: versions, the champion and the way back, in a real MLflow store."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from features.errors import BundleError, RegistryError
from models import bundle
from models.registry import Registry, open_client
from tests.models.conftest import Trained, provenance, write

pytestmark = pytest.mark.slow

WHY = {"reason": "a test", "who": "pytest"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh store; making one takes seconds of migrations, so each test copies it."""
    home = tmp_path_factory.mktemp("template")
    assert list(open_client(home).search_registered_models()) == []
    return home / "mlflow.db"


@pytest.fixture
def registry(template: Path, tmp_path: Path) -> Registry:
    """A registry in a home of its own."""
    home = tmp_path / "var"
    home.mkdir()
    shutil.copy(template, home / "mlflow.db")
    return Registry(home)


@pytest.fixture(scope="module")
def second(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model made a day later: another bundle."""
    folder = tmp_path_factory.mktemp("second") / "tiny"
    write(trained, folder, provenance(created="2026-01-02T00:00:00Z"))
    return folder


def test_publish_promote_and_roll_back(registry: Registry, written: Path, second: Path) -> None:
    one = registry.publish("tiny", written)
    assert registry.shelf.champions() == {}
    registry.promote("tiny", **WHY)
    two = registry.publish("tiny", second)
    assert registry.shelf.champions()["tiny"].version == one
    registry.promote("tiny", **WHY)
    assert registry.shelf.champions()["tiny"].digest == bundle.load(second).digest
    assert registry.rollback("tiny", **WHY) == one
    entry = registry.shelf.champions()["tiny"]
    assert bundle.load(entry.folder, entry.digest).manifest.provenance.created == "2026-01-01T00:00:00Z"
    record = registry.show("tiny")
    assert record.aliases == {"champion": one, "challenger": two}
    assert registry.shelf.history("tiny") == record.history
    assert [(e.what, e.before, e.version) for e in record.history] == [
        ("promote", None, one), ("promote", one, two), ("rollback", two, one),
    ]  # fmt: skip


def test_publishing_and_promoting_again_change_nothing(registry: Registry, written: Path) -> None:
    first = [registry.publish("tiny", written), registry.promote("tiny", **WHY)]
    again = [registry.publish("tiny", written), registry.promote("tiny", **WHY)]
    assert first == again == [1, 1]
    assert len(registry.show("tiny").history) == 1


def test_there_is_no_way_back_from_the_first_champion(registry: Registry, written: Path) -> None:
    registry.publish("tiny", written)
    registry.promote("tiny", **WHY)
    with pytest.raises(RegistryError, match="no earlier champion"):
        registry.rollback("tiny", **WHY)


def test_what_is_not_there_is_told(registry: Registry, written: Path) -> None:
    with pytest.raises(RegistryError, match="rxplain fit tiny"):
        registry.show("tiny")
    with pytest.raises(RegistryError, match="is of study 'tiny'"):
        registry.publish("other", written)
    registry.publish("tiny", written)
    with pytest.raises(RegistryError, match="no version 9"):
        registry.promote("tiny", 9, **WHY)
    with pytest.raises(RegistryError, match="no champion"):
        registry.materialise("tiny", "champion")


def test_looking_into_an_empty_home_leaves_it_empty(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "var")
    assert registry.studies() == ()
    with pytest.raises(RegistryError, match="rxplain fit tiny"):
        registry.show("tiny")
    assert not registry.home.exists()


def test_a_bundle_is_fetched_by_digest_when_the_shelf_is_gone(registry: Registry, written: Path) -> None:
    registry.publish("tiny", written)
    shutil.rmtree(registry.home / "bundles")
    digest = bundle.load(written).digest
    assert registry.fetch("tiny", digest).digest == digest
    with pytest.raises(BundleError, match="no bundle directory"):
        registry.fetch("tiny", "0" * 64)


def test_an_altered_artifact_is_never_promoted(registry: Registry, written: Path) -> None:
    registry.publish("tiny", written)
    registry.promote("tiny", **WHY)
    before = json.loads((registry.home / "aliases" / "tiny.json").read_text())
    kept = next((registry.home / "artifacts" / "bundles" / "tiny").iterdir())
    (kept / "members.json").write_bytes((kept / "members.json").read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(BundleError, match=r"members\.json"):
        registry.promote("tiny", **WHY)
    assert json.loads((registry.home / "aliases" / "tiny.json").read_text()) == before


def test_a_promotion_cut_short_is_no_history(registry: Registry, written: Path) -> None:
    version = registry.publish("tiny", written)
    event = {"what": "promote", "version": version, "before": None, "who": "w", "reason": "r", "when": "t"}
    registry.client.set_registered_model_tag("tiny", "event.000001", json.dumps(event))
    assert registry.show("tiny").history == ()
    registry.promote("tiny", **WHY)
    assert [e.who for e in registry.show("tiny").history] == ["pytest"]


def test_a_relative_home_works(
    template: Path, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("var").mkdir()
    shutil.copy(template, "var/mlflow.db")
    registry = Registry(Path("var"))
    registry.publish("tiny", written)
    registry.promote("tiny", **WHY)
    assert registry.shelf.champions()["tiny"].folder.is_relative_to("var")
    assert not os.path.exists("mlruns")
