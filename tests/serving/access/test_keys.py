"""API keys: told once, kept as a keyed hash, refused when revoked, expired or altered."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from features.errors import SettingsError
from serving.access.caller import Caller, Role
from serving.access.commands import main
from serving.access.issued import IssuedKeys
from serving.access.key_file import KeyFile
from serving.access.keys import Issued
from serving.errors import RequestError
from tests.serving.access.test_matrix import issued
from tests.serving.server_process import ROOT

RULES = 'tenants = ["north", "south"]\nkeys = "secret/keys.json"\n'


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    """A file that is not there yet."""
    return KeyFile(tmp_path / "keys.json")


def _refusal(keys: IssuedKeys, credential: str) -> str:
    with pytest.raises(RequestError) as told:
        keys.caller(credential.encode())
    return f"{told.value.kind}: {told.value.summary}"


def test_a_key_says_who_asks(file: KeyFile) -> None:
    credential = issued(file, "north", [Role.CLINICIAN], genomic=True)
    name = credential.split("_")[1]
    found = IssuedKeys(file.path).caller(credential.encode())
    assert found == Caller(f"key:{name}", "north", frozenset({Role.CLINICIAN}), genomic=True)
    assert re.fullmatch(r"rxp_[0-9a-f]{12}_[\w-]{43}", credential)


def test_only_a_keyed_hash_and_the_last_four_are_kept(file: KeyFile) -> None:
    credential = issued(file, "north", [Role.CLINICIAN], genomic=False)
    kept = json.loads(file.path.read_text())
    secret = credential.split("_", 2)[2]
    assert secret[:-4] not in file.path.read_text()
    assert kept["keys"][0]["last4"] == secret[-4:]
    salt = bytes.fromhex(kept["salt"])
    assert kept["keys"][0]["digest"] == hmac.new(salt, credential.encode(), hashlib.sha256).hexdigest()
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert "digest" not in repr(file.read())


def test_any_other_letter_is_no_key(file: KeyFile) -> None:
    credential = issued(file, "north", [Role.CLINICIAN], genomic=False)
    keys = IssuedKeys(file.path)
    for place in range(4, len(credential)):
        other = "b" if credential[place] != "b" else "c"
        altered = credential[:place] + other + credential[place + 1 :]
        assert _refusal(keys, altered) == "invalid-credentials: This is no key of this service."
    for altered in (credential[:-1], credential + "a", "rxp_", "rxp__", "rxp_\x00", "rxp_\u00ff_x"):
        assert "no key" in _refusal(keys, altered)


def test_an_expired_key_is_refused(file: KeyFile) -> None:
    credential = issued(file, "north", [Role.CLINICIAN], genomic=False, days=-1.0)
    assert _refusal(IssuedKeys(file.path), credential) == "invalid-credentials: This key is expired."


def test_a_revoked_key_is_refused_at_the_next_look(file: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.access.issued.LOOK_S", 0.0)
    keys, credential = IssuedKeys(file.path), issued(file, "north", [Role.CLINICIAN], genomic=False)
    assert keys.caller(credential.encode()).tenant == "north"
    file.change(lambda known: known.without(credential.split("_")[1]))
    assert _refusal(keys, credential) == "invalid-credentials: This key is revoked."


def test_a_file_that_cannot_be_read_lets_nobody_in(file: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.access.issued.LOOK_S", 0.0)
    keys, credential = IssuedKeys(file.path), issued(file, "north", [Role.CLINICIAN], genomic=False)
    whole = file.path.read_bytes()
    assert keys.caller(credential.encode()).tenant == "north"
    for broken in (b"", b"{}", b"[]", whole[:-20], whole.replace(b"clinician", b"surgeon")):
        file.path.write_bytes(broken)
        assert _refusal(keys, credential).startswith("access-unavailable")
    file.path.unlink()
    assert "no key" in _refusal(keys, credential)
    file.path.write_bytes(whole)
    assert keys.caller(credential.encode()).tenant == "north"


def test_without_a_file_there_is_no_key() -> None:
    assert "no key" in _refusal(IssuedKeys(None), "rxp_a_b")


def test_keys_issued_at_the_same_time_are_all_kept(file: KeyFile) -> None:
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(issued(file, "north", [Role.CLINICIAN], genomic=False)))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = IssuedKeys(file.path)
    assert {keys.caller(credential.encode()).tenant for credential in made} == {"north"}
    assert len(made) == 12


def test_a_key_knows_its_times() -> None:
    _, key, _ = Issued.fresh().with_key("north", (), False, "", datetime.now(UTC) + timedelta(days=30))
    assert key.status == "valid"
    assert datetime.fromisoformat(key.expires) - datetime.fromisoformat(key.created) == timedelta(days=30)


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An access file that the commands find."""
    path = tmp_path / "access.toml"
    path.write_text(RULES)
    monkeypatch.setenv("RXPLAIN_ACCESS", str(path))
    return path


def test_commands_issue_list_and_revoke(configured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["issue", "--tenant", "north", "--role", "reviewer", "--role", "clinician", "--label", "ward 3"]
    assert main(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    (key,) = json.loads(listed)["keys"]
    assert told["key"] not in listed
    assert {**key, "key": told["key"]} == told
    assert (key["last4"], key["status"], key["label"]) == (told["key"][-4:], "valid", "ward 3")
    assert main(["revoke", key["id"]]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "revoked"
    assert main(["list", "--tenant", "south"]) == 0
    assert json.loads(capsys.readouterr().out) == {"keys": []}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (["issue", "--tenant", "west", "--role", "reviewer"], "there are north, south"),
        (["issue", "--tenant", "north", "--role", "reviewer", "--days", "0"], "1 to 3650 days"),
        (["revoke", "0123"], "no key has this id"),
    ],
)
def test_commands_say_what_is_wrong(configured: Path, capsys, asked: list[str], why: str) -> None:
    assert main(asked) == 2
    assert why in capsys.readouterr().err


def test_commands_need_access_configured(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.delenv("RXPLAIN_ACCESS", raising=False)
    assert main(["list"]) == 2
    assert "RXPLAIN_ACCESS" in capsys.readouterr().err


def test_an_unreadable_file_is_never_written_over(file: KeyFile) -> None:
    file.path.write_text("precious")
    with pytest.raises(SettingsError, match="cannot be read"):
        issued(file, "north", [], genomic=False)
    assert file.path.read_text() == "precious"


@pytest.mark.slow
def test_rxplain_keys_is_the_same_command(configured: Path) -> None:
    asked = [sys.executable, "-c", "from training.cli import main; main()", "keys", "issue"]
    options = ["--tenant", "north", "--role", "application", "--genomic"]
    done = subprocess.run(
        [*asked, *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["genomic"]
