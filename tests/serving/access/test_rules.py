"""The access file: what it says, and every fault of it told together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from features.errors import SettingsError
from serving.access.caller import Role
from serving.access.issuer import ALGORITHMS
from serving.access.rules import AccessRules, read_rules
from tests.serving.access.issuer_process import AUDIENCE, NAME

GOOD = """
[[issuers]]
issuer = "https://login.example"
jwks_uri = "https://login.example/keys"
audience = "us"
tenant = "north"
roles = { doctor = "clinician" }
"""


def _read(tmp_path: Path, text: str) -> AccessRules:
    path = tmp_path / "access.toml"
    path.write_text(text)
    return read_rules(path)


def _faults(tmp_path: Path, text: str) -> dict[str, str]:
    with pytest.raises(SettingsError) as told:
        _read(tmp_path, text)
    return {fault.where: fault.what for fault in told.value.faults}


def test_what_is_written_is_what_is_meant(access_file: Callable[..., Path], tmp_path: Path) -> None:
    rules = read_rules(access_file('algorithms = ["ES384"]\nlongest_life_s = 60'))
    (issuer,) = rules.issuers
    assert (issuer.name, issuer.audiences, issuer.algorithms) == (NAME, (AUDIENCE,), ("ES384",))
    assert issuer.roles["doctor"] == {Role.CLINICIAN}
    assert (issuer.tenants["org-2"], issuer.longest_life_s, issuer.leeway_s) == ("south", 60.0, 30.0)
    assert (rules.tenants, rules.keys, rules.open_metrics) == (
        ("north", "south"),
        tmp_path / "keys.json",
        False,
    )


def test_what_is_left_out_is_strict(tmp_path: Path) -> None:
    (issuer,) = _read(tmp_path, 'tenants = "north"' + GOOD).issuers
    assert issuer.algorithms == ALGORITHMS
    assert (issuer.genomic_roles, issuer.genomic_scopes) == (frozenset(), frozenset())
    assert issuer.longest_life_s == 3600.0


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = """
    tenants = ["north", "north"]
    metrics = "sometimes"
    password = "x"
    [[issuers]]
    issuer = "https://a.example"
    jwks_uri = "http://a.example/keys"
    audience = []
    algorithms = ["HS256"]
    leeway_s = 4000
    longest_life_s = true
    tenant = "west"
    roles = { doctor = ["surgeon"] }
    verify = false
    [[issuers]]
    issuer = "https://a.example"
    jwks_uri = 3
    audience = "us"
    tenants = { org = ["north"] }
    """
    assert set(_faults(tmp_path, text)) == {
        "tenants", "metrics", "password", "issuers", "issuers[0].jwks_uri", "issuers[0].audience",
        "issuers[0].algorithms", "issuers[0].leeway_s", "issuers[0].longest_life_s", "issuers[0].tenant",
        "issuers[0].roles.doctor", "issuers[0].verify", "issuers[1].jwks_uri", "issuers[1].tenants",
        "issuers[1].tenant", "issuers[1].roles",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", 'tenants = ["north"]', "keys = 'keys.json'", "tenants = 3\nkeys = 'k'"])
def test_a_file_that_could_let_nobody_in_is_refused(tmp_path: Path, text: str) -> None:
    assert _faults(tmp_path, text)


@pytest.mark.parametrize(
    "line", ['tenant_claim = "org"', "genomic_roles = 3", 'roles_claim = ""', "refresh_s = -1"]
)
def test_each_wrong_line_is_a_fault_of_its_own(tmp_path: Path, line: str) -> None:
    assert not _read(tmp_path, 'tenants = "north"' + GOOD).open_metrics
    assert (
        len(_faults(tmp_path, 'tenants = "north"' + GOOD.replace("[[issuers]]", f"[[issuers]]\n{line}"))) == 1
    )


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "http://login.example/keys", "https://", "keys"])
def test_keys_come_over_tls_or_from_this_machine(tmp_path: Path, uri: str) -> None:
    text = 'tenants = "north"' + GOOD.replace("https://login.example/keys", uri)
    assert list(_faults(tmp_path, text)) == ["issuers[0].jwks_uri"]


def test_a_file_that_is_absent_or_no_toml_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml cannot be read"):
        read_rules(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match="not TOML"):
        _read(tmp_path, "tenants = [")
