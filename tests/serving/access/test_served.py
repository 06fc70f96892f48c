"""The server as a process with access configured, an issuer beside it, and keys that come and go."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from serving.access.caller import Role
from serving.access.key_file import KeyFile
from tests.serving.access.conftest import RULES
from tests.serving.access.issuer_process import AUDIENCE, NAME, IssuerProcess, token
from tests.serving.access.test_matrix import issued
from tests.serving.server_process import ROOT, ServerProcess
from tests.serving.tiny import PATIENT, STUDY, copy_home

pytestmark = pytest.mark.slow
REQUEST = {"study": STUDY, "patient": PATIENT}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, issuer: IssuerProcess) -> Path:
    """A folder with an access file."""
    made = tmp_path_factory.mktemp("access")
    rules = RULES.format(name=NAME, uri=issuer.uri, audience=AUDIENCE, more="")
    (made / "access.toml").write_text(rules)
    return made


@pytest.fixture(scope="module")
def server(shelf_home: Path, folder: Path) -> Iterator[ServerProcess]:
    """Two workers behind one port, with access."""
    home = copy_home(shelf_home, folder / "home")
    with ServerProcess(home, "--workers", "2", RXPLAIN_ACCESS=str(folder / "access.toml")) as running:
        yield running


def _ask(server: ServerProcess, credential: str) -> httpx.Response:
    """A request on a connection of its own, so that either worker may get it."""
    headers = {"authorization": f"Bearer {credential}"}
    return httpx.post(f"{server.http.base_url}/v1/predict", json=REQUEST, headers=headers, timeout=30)


def _run(home: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RXPLAIN_HOME": str(home), "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-m", "serving", "--port", "0", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_tokens_and_keys_are_honoured_by_every_worker(server: ServerProcess, folder: Path) -> None:
    key = issued(KeyFile(folder / "keys.json"), "north", [Role.APPLICATION], genomic=True)
    time.sleep(1.1)
    for credential in (key, token(org="org-1")):
        assert {_ask(server, credential).status_code for _ in range(12)} == {200}
    assert server.http.post("/v1/predict", json=REQUEST).status_code == 401
    assert server.http.get("/livez").status_code == 200


def test_a_record_is_its_tenants_alone(server: ServerProcess) -> None:
    asked = _ask(server, token(org="org-1", roles=["app", "genomics"])).json()
    path = f"/v1/predictions/{asked['id']}"
    statuses = {}
    for org in ("org-1", "org-2"):
        headers = {"authorization": f"Bearer {token(org=org, roles=['board'])}"}
        statuses[org] = server.http.get(path, headers=headers).status_code
    assert statuses == {"org-1": 200, "org-2": 404}


def test_a_revoked_key_ends_within_five_seconds_at_every_worker(server: ServerProcess, folder: Path) -> None:
    key = issued(KeyFile(folder / "keys.json"), "north", [Role.APPLICATION], genomic=True)
    time.sleep(1.1)
    assert {_ask(server, key).status_code for _ in range(12)} == {200}
    access = {"RXPLAIN_ACCESS": str(folder / "access.toml"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "serving", "keys", "revoke", key.split("_")[1]]
    subprocess.run(command, env={**os.environ, **access}, check=True, capture_output=True)
    revoked = time.monotonic()
    while time.monotonic() - revoked < 1.5:
        _ask(server, key)
    assert {_ask(server, key).status_code for _ in range(24)} == {401}


def test_nobody_is_refused_before_any_of_the_body_is_there(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as raw:
        head = "POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
        raw.sendall(f"{head}Content-Length: 900000\r\n\r\n".encode())
        answer = raw.recv(2000)
    assert answer.startswith(b"HTTP/1.1 401")
    assert b'www-authenticate: Bearer realm="rxplain"' in answer


def test_two_authorization_headers_are_refused(server: ServerProcess) -> None:
    good = ("authorization", f"Bearer {token(org='org-1')}")
    assert server.http.get("/v1/models", headers=[good]).status_code == 200
    response = server.http.get("/v1/models", headers=[good, good])
    assert response.status_code == 401
    assert response.json()["detail"] == "Send one Authorization header."


def test_no_credential_is_logged_or_counted(server: ServerProcess) -> None:
    bad, good = token(aud="other", sub="canary-subject"), token(org="org-1", sub="canary-subject")
    for credential in (bad, good, "rxp_canary_key"):
        assert credential not in _ask(server, credential).text
    headers = {"authorization": f"Bearer {token(org='org-1', roles=['analyst'])}"}
    metrics = server.http.get("/metrics", headers=headers).text
    assert 'route="/v1/predict",status="401"' in metrics
    for told in (server.log, metrics):
        assert not any(canary in told for canary in (bad, good, "canary", "org-1", "north"))


def test_a_guarded_server_listens_on_one_port_only(server: ServerProcess) -> None:
    assert server.listening() == {("127.0.0.1", server.port)}
    assert "no access is configured" not in server.log


def test_without_access_the_server_stays_on_this_machine_and_says_so(home: Path) -> None:
    done = _run(home, "--host", "0.0.0.0")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "RXPLAIN_ACCESS" in done.stderr
    with ServerProcess(home) as server:
        assert "no access is configured: this machine only" in server.log
        assert server.http.post("/v1/predict", json=REQUEST).status_code == 200


def test_a_wrong_access_file_is_told_whole_and_no_port_is_opened(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "access.toml"
    path.write_text('tenants = ["north"]\nmetrics = "maybe"\npassword = "x"\n')
    done = _run(home, RXPLAIN_ACCESS=str(path))
    assert done.returncode == 2
    assert "listening" not in done.stderr
    assert all(name in done.stderr for name in ("issuers", "metrics", "password"))
    assert _run(home, RXPLAIN_ACCESS=str(tmp_path / "none.toml")).returncode == 2


def test_an_answer_has_the_subject_nowhere(server: ServerProcess) -> None:
    answer = _ask(server, token(org="org-1", sub="canary-subject", roles=["app", "genomics"])).json()
    assert "canary-subject" not in json.dumps(answer)
