"""Keys: made once and the owner's alone, rotated without losing a row, refused when they are not right."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from features.errors import IntegrityError, SettingsError
from serving.store.keys import KeyRing, made_keys, read_keys, rotate_keys, told


def test_the_first_start_makes_keys_that_are_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys.json"
    with ThreadPoolExecutor(8) as starts:
        rings = list(starts.map(made_keys, [path] * 16))
    assert {ring.seal["k1"] for ring in rings} == {read_keys(path).seal["k1"]}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["keys.json"]


def test_rows_sealed_before_a_rotation_stay_readable(tmp_path: Path) -> None:
    before = made_keys(tmp_path / "keys.json")
    sealed = before.close("here", b"text")
    assert rotate_keys(tmp_path / "keys.json") == "k2"
    after = read_keys(tmp_path / "keys.json")
    assert (after.current, after.open("k1", "here", sealed)) == ("k2", b"text")
    assert after.hidden("t", "p") == before.hidden("t", "p")
    with pytest.raises(IntegrityError, match="no key 'k2'"):
        before.open("k2", "here", after.close("here", b"text"))


@pytest.mark.parametrize("place", ["there", "here "])
def test_what_was_sealed_opens_in_its_own_place_only(place: str) -> None:
    ring = KeyRing.fresh()
    sealed = ring.close("here", b"text")
    for one in ((place, sealed), ("here", sealed[:-1] + bytes([sealed[-1] ^ 1]))):
        with pytest.raises(IntegrityError):
            ring.open("k1", *one)
    assert ring.close("here", b"text") != sealed


def test_a_key_file_that_is_not_right_is_refused_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    ring = made_keys(path)
    good = json.loads(path.read_text())
    for change in ({"current": "k9"}, {"seal": {"k1": "c2hvcnQ="}}, {"pseudonym": "?"}, {"seal": []}):
        path.write_text(json.dumps(good | change))
        with pytest.raises(SettingsError) as refused:
            read_keys(path)
        assert good["pseudonym"] not in str(refused.value)
    path.write_text(json.dumps(good))
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        read_keys(path)
    assert good["chain"] not in repr(ring)
    assert str(ring.chain) not in repr(ring)


def test_no_two_lists_of_words_are_told_alike() -> None:
    assert told("ab", "c") != told("a", "bc") != told("abc")
    assert told("1:a") != told("a")


@pytest.mark.parametrize(
    ("mode", "is_own", "is_told"),
    [
        (0o600, True, False),
        (0o440, True, True),
        (0o440, False, False),
        (0o460, False, True),
        (0o444, False, True),
    ],
)
def test_a_group_may_read_only_what_an_orchestrator_handed_over(
    mode: int, is_own: bool, is_told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    made_keys(path)
    path.chmod(mode)
    if not is_own:
        monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    if is_told:
        with pytest.raises(SettingsError, match="can be read by others"):
            read_keys(path)
    else:
        assert read_keys(path).current
