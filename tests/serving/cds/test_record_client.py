"""A record in its own process against a real server with two workers, with keys it signs by."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from serving.settings import Settings
from serving.store.store import Store
from tests.serving.access.issuer_process import IssuerProcess, public_jwk
from tests.serving.server_process import ROOT, ServerProcess
from tests.serving.tiny import copy_home

pytestmark = pytest.mark.slow
ISSUER = "https://ehr.example.org"
RULES = """
tenants = ["north"]

[[issuers]]
issuer = "{issuer}"
jwks_uri = "{uri}"
audience = "https://rx.example.org/cds-services"
algorithms = ["ES384", "RS384"]
tenant = "north"
cds_client = true
longest_life_s = 300
"""


def test_a_record_discovers_asks_shows_and_tells(shelf_home: Path, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    home = copy_home(shelf_home, tmp_path / "home")
    with IssuerProcess(tmp_path / "issuer") as issuer:
        issuer.publish(public_jwk(key, "ehr-1"))
        (tmp_path / "access.toml").write_text(RULES.format(issuer=ISSUER, uri=issuer.uri))
        with ServerProcess(home, "--workers", "2", RXPLAIN_ACCESS=str(tmp_path / "access.toml")) as server:
            command = [sys.executable, str(Path(__file__).with_name("record_client.py"))]
            asked = [f"http://127.0.0.1:{server.port}", str(tmp_path / "key.pem"), ISSUER]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            ended = subprocess.run(
                [*command, *asked], env=environment, capture_output=True, text=True, timeout=120, check=False
            )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["faults"] == []
    assert all(len(cards) == 1 and "weekly dose" in cards[0] for cards in told["shown"].values())
    assert told["refused"].pop("used before") == [401]
    assert set(told["refused"].values()) == {401}
    store = Store.open(Settings(home=home))
    rows = list(store.predictions.of_patient("p1", "north"))
    assert len(rows) == 4
    assert sum(len(store.feedback.of_prediction(row.id, "north")) for row in rows) == 3
    store.close()
