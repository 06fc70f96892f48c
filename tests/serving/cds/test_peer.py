"""The models of an independent library, in an environment of its own, read what is sent and answered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.settings import Settings
from tests.serving.cds.record import order, request
from tests.serving.client import Client
from tests.serving.tiny import copy_home

PEER = "healthchain==0.16.1"
_READ = """
import json, sys, warnings
warnings.simplefilter("ignore")
from healthchain.models.hooks.orderselect import OrderSelectContext
from healthchain.models.hooks.ordersign import OrderSignContext
from healthchain.models.hooks.patientview import PatientViewContext
from healthchain.models.responses.cdsdiscovery import CDSServiceInformation
from healthchain.models.responses.cdsresponse import CDSResponse
told = json.load(sys.stdin)
services = CDSServiceInformation.model_validate(told["discovery"]).services
responses = {name: CDSResponse.model_validate(one) for name, one in told["responses"].items()}
summaries = {name: [card.summary for card in one.cards] for name, one in responses.items()}
print(json.dumps({"services": [one.id for one in services], "summaries": summaries}))
"""


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the library; it needs a package index."""
    folder = tmp_path_factory.mktemp("peer")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", PEER]
    made = subprocess.run(install, capture_output=True, text=True, check=False)
    if made.returncode and "peers" not in os.environ.get("RXPLAIN_REQUIRE", "").split(","):
        pytest.skip(f"{PEER} cannot be installed here")
    assert made.returncode == 0, made.stderr
    return folder / "bin" / "python"


@pytest.mark.slow
def test_an_independent_client_reads_discovery_and_cards(
    shelf_home: Path, tmp_path: Path, peer: Path
) -> None:
    known = Settings(home=copy_home(shelf_home, tmp_path / "home"), public_url="https://rx.example.org")
    with Client(known) as client:
        discovery = client.get("/cds-services").json()
        responses = {}
        for service in discovery["services"]:
            path = f"/cds-services/{service['id']}"
            responses[service["hook"]] = client.request("POST", path, json=request(service, order())).json()
    expected = {name: [card["summary"] for card in one["cards"]] for name, one in responses.items()}
    for card in (card for one in responses.values() for card in one["cards"]):
        for link in card["links"]:
            link["autoLaunchable"] = None  # its models want a field that the specification does not
    told = json.dumps({"discovery": discovery, "responses": responses})
    read = subprocess.run([str(peer), "-c", _READ], input=told, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    assert json.loads(read.stdout) == {
        "services": [one["id"] for one in discovery["services"]],
        "summaries": expected,
    }
