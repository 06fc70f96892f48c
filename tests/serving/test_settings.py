"""Settings come from the environment, and wrong ones are told together."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import SettingsError
from serving.server import Address, main
from serving.settings import Settings


def test_settings_are_read_from_the_environment() -> None:
    settings = Settings.from_environment({"RXPLAIN_HOME": "x", "RXPLAIN_ALIAS_POLL_S": "0.5"})
    assert settings.home == Path("x")
    assert settings.alias_poll_s == 0.5
    assert settings.store_url == "sqlite:///x/store.db"


def test_wrong_settings_are_told_together() -> None:
    with pytest.raises(SettingsError) as told:
        Settings.from_environment({"RXPLAIN_BODY_LIMIT_BYTES": "much", "RXPLAIN_IN_FLIGHT_LIMIT": "many"})
    assert len(told.value.faults) == 2
    with pytest.raises(SettingsError):
        Settings(body_limit_bytes=0)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_another_host_needs_access_configured(host: str) -> None:
    with pytest.raises(SettingsError, match="RXPLAIN_ACCESS"):
        Address(host=host)
    assert Address(host=host, has_access=True).host == host


def test_the_command_refuses_another_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", "0.0.0.0"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "without access configured" in said


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_is_let_through(host: str) -> None:
    assert Address(host=host).host == host


def test_the_stores_url_may_come_in_by_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql+psycopg://rxplain:secret@host/rows\n")
    named = {"RXPLAIN_STORE_FILE": str(secret)}
    assert Settings.from_environment(named).store_url == "postgresql+psycopg://rxplain:secret@host/rows"
    assert Settings.from_environment(named | {"RXPLAIN_STORE": "sqlite:///a"}).store_url == "sqlite:///a"


@pytest.mark.parametrize("text", [None, "", "two\nlines"])
def test_a_file_without_a_url_is_named_and_not_shown(text: str | None, tmp_path: Path) -> None:
    secret = tmp_path / "url"
    if text is not None:
        secret.write_text(text)
    with pytest.raises(SettingsError, match="RXPLAIN_STORE_FILE") as raised:
        Settings.from_environment({"RXPLAIN_STORE_FILE": str(secret)})
    assert "lines" not in str(raised.value)
