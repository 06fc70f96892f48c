"""The shelf: plain files that point to bundles, changed in one step."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import RegistryError
from models.history import Event
from models.shelf import Shelf

PROMOTED = Event("promote", 2, 1, "ada", "better", "2026-01-02T00:00:00+00:00", ("gates",), (), "meant")


def test_an_empty_home_has_no_champions(tmp_path: Path) -> None:
    assert Shelf(tmp_path / "nowhere").champions() == {}


def test_champions_are_read_as_written(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.write_aliases("warfarin", {"champion": (3, "a" * 64), "challenger": (4, "b" * 64)})
    shelf.write_aliases("other", {"challenger": (1, "c" * 64)})
    entry = shelf.champions()["warfarin"]
    assert (entry.version, entry.folder) == (3, tmp_path / "bundles" / ("a" * 64))
    assert set(shelf.champions()) == {"warfarin"}
    assert shelf.studies() == ("other", "warfarin")


def test_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    for version in (1, 2):
        Shelf(tmp_path).write_aliases("s", {"champion": (version, "a" * 64)})
    assert [path.name for path in (tmp_path / "aliases").iterdir()] == ["s.json"]
    assert Shelf(tmp_path).champions()["s"].version == 2


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"champion": 1}', '{"champion": {}}', '{"champion": {"version": 1, "digest": "../../x"}}'],
)
def test_an_alias_file_that_points_nowhere_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "aliases").mkdir()
    (tmp_path / "aliases" / "s.json").write_text(text)
    with pytest.raises(RegistryError, match="rxplain promote"):
        Shelf(tmp_path).champions()


@pytest.mark.parametrize("study", ["../x", "", "A", "a/b", ".s"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, study: str) -> None:
    with pytest.raises(RegistryError, match="small letters"):
        Shelf(tmp_path).write_aliases(study, {})


def test_history_is_read_as_written_and_is_empty_before(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    assert shelf.history("s") == ()
    shelf.write_history("s", (PROMOTED, PROMOTED))
    assert shelf.history("s") == (PROMOTED, PROMOTED)
    assert shelf.studies() == ()


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '[{"what": "promote"}]', '[{"strange": 1}]'])
def test_what_is_no_history_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "s.json").write_text(text)
    with pytest.raises(RegistryError, match="history"):
        Shelf(tmp_path).history("s")
