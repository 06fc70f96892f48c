"""What `rxplain doctor` finds, and that it changes nothing."""

from __future__ import annotations

import socket
from pathlib import Path

from training.doctor import below_floor, examine


def test_version_below_its_floor_and_absent_packages_are_told() -> None:
    asked = ["numpy>=2.1", "rich>=14", "typer>=0.20", "pytest>=9; extra == 'test'"]
    assert below_floor(asked, {"numpy": "1.26", "rich": "15.0", "typer": None}) == {
        "numpy>=2.1": "1.26",
        "typer>=0.20": "absent",
    }


def test_new_installation_has_notes_that_name_the_next_step(tmp_path: Path) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    found = {finding.what: finding for finding in examine(home, data)}
    assert found["home"].state == "ok"
    assert (found["data iwpc"].state, found["data iwpc"].remedy) == ("note", "rxplain data obtain iwpc")
    assert (found["registry"].state, found["registry"].remedy) == ("note", "rxplain fit warfarin")
    assert list(tmp_path.iterdir()) == []


def test_altered_bundle_of_the_champion_is_a_failure(tmp_path: Path) -> None:
    aliases = tmp_path / "aliases"
    aliases.mkdir()
    (aliases / "warfarin.json").write_text(
        '{"champion": {"version": 1, "digest": "%s"}}' % ("0" * 64), "utf-8"
    )
    found = {finding.what: finding for finding in examine(tmp_path, tmp_path / "data")}
    assert found["champion warfarin"].state == "fail"
    assert found["champion warfarin"].remedy


def test_home_that_is_a_file_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("", encoding="utf-8")
    found = {finding.what: finding.state for finding in examine(tmp_path / "home", tmp_path)}
    assert found["home"] == "fail"


def test_port_in_use_is_a_note(tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        assert examine(tmp_path, tmp_path, port)[-1].state == "note"
