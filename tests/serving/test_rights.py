"""A patient asks what is kept of them, and that it be erased; nobody else's row is touched."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from serving.settings import Settings
from serving.store.store import Store
from tests.serving.client import Client
from tests.serving.openapi_check import faults_of
from tests.serving.tiny import PATIENT, copy_home

EXPORT, ERASE = "/v1/patients/export", "/v1/patients/erase"
CANARY = "Zwetschge-4711"


def _lines(client: Client, patient_id: str) -> list[dict]:
    response = client.request("POST", EXPORT, json={"patient_id": patient_id})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


@pytest.fixture
def two(shelf_home: Path, tmp_path: Path):
    """A service that answered two patients, one of them twice, and was told an outcome of hers."""
    with Client(Settings(home=copy_home(shelf_home, tmp_path / "home"))) as client:
        hers = [client.predict({**PATIENT, "patient_id": CANARY}).json() for _ in range(2)]
        client.predict({**PATIENT, "patient_id": "another"})
        outcome = {"name": "weekly_dose", "value": 31.5, "unit": "mg/wk"}
        client.request("POST", f"/v1/predictions/{hers[0]['id']}/outcomes", json=outcome)
        yield client, hers


def test_everything_kept_is_given_out_as_it_was_received_and_sent(two) -> None:
    client, hers = two
    rows = _lines(client, CANARY)
    assert [row["row"] for row in rows] == ["prediction", "prediction", "outcome"]
    assert [json.loads(row["answer"]) for row in rows[:2]] == hers
    assert rows[2]["value"] == 31.5
    assert _lines(client, "nobody") == []


def test_after_erasing_nothing_is_left_and_the_chain_holds(two) -> None:
    client, hers = two
    erased = client.request("POST", ERASE, json={"patient_id": CANARY, "reason": "ticket 12"})
    assert faults_of(erased, ERASE, "post") == []
    told = erased.json()
    assert (told["n_predictions"], told["n_others"], told["by"]) == (2, 1, "local: ticket 12")
    assert told["traces"] == []
    assert _lines(client, CANARY) == []
    assert len(_lines(client, "another")) == 1
    assert client.get(f"/v1/predictions/{hers[0]['id']}").status_code == 404
    again = client.request("POST", ERASE, json={"patient_id": CANARY}).json()
    assert (again["n_predictions"], again["n_others"]) == (0, 0)
    store = Store.open(client.settings)
    verified = store.verify()
    assert (verified.broken, verified.n_rows, verified.n_erased) == (None, 3, 2)
    store.close()


@pytest.mark.parametrize("route", [EXPORT, ERASE])
@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({}, "/patient_id"),
        ({"patient_id": ""}, "/patient_id"),
        ({"patient_id": 7}, "/patient_id"),
        ({"patient_id": CANARY, "reason": 7}, "/reason"),
        ({"patient_id": CANARY, "reason": "x" * 201}, "/reason"),
        ({"patient_id": CANARY, CANARY: 1}, ""),
    ],
)
def test_what_is_no_such_request_is_refused_without_the_id(
    client: Client, route: str, document: dict, pointer: str
) -> None:
    refused = client.request("POST", route, json=document)
    assert refused.status_code == 422
    assert [fault["pointer"] for fault in refused.json()["faults"]] == [pointer]
    assert CANARY not in refused.text


@pytest.mark.parametrize("route", [EXPORT, ERASE])
def test_each_request_is_noted_without_the_id(two, route: str) -> None:
    client, _ = two
    client.request("POST", route, json={"patient_id": CANARY})
    with sqlite3.connect(client.settings.home / "store.db") as rows:
        notes = [str(row) for row in rows.execute("SELECT * FROM access")]
    assert any(f"'{route}'" in note for note in notes)
    assert CANARY not in " ".join(notes)
