"""The store beneath the service: nothing is answered that is not kept, and nothing is kept in plain."""

from __future__ import annotations

import json
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from serving.store.store import Store
from tests.serving.tiny import PATIENT


def test_no_answer_is_given_that_is_not_recorded(start, home: Path) -> None:
    client = start()
    with closing(sqlite3.connect(home / "store.db")) as other:
        other.execute("DROP TABLE predictions")
        other.commit()
    response = client.predict()
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert "value" not in response.json()


def test_a_full_disk_gives_503_and_the_service_goes_on_when_there_is_room(start, home: Path) -> None:
    client = start()
    given = [client.predict().json()["id"]]
    with _room_for((home / "store.db-wal").stat().st_size + 60_000):
        answers = [client.predict() for _ in range(12)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 503
    assert answers[-1].json()["type"].endswith("audit-unavailable")
    answers.append(client.predict())
    given += [one.json()["id"] for one in answers if one.status_code == 200]
    store = Store.open(client.settings)
    assert store.verify().broken is None
    assert [store.predictions.find(one, "local").id for one in given] == given
    assert store.verify().n_rows == len(given)
    store.close()


def test_the_row_holds_what_was_asked_and_answered(start, home: Path) -> None:
    client = start()
    answered = client.predict()
    store = Store.open(client.settings)
    record = store.predictions.find(answered.json()["id"], "local")
    store.close()
    assert record.answer.encode() == answered.content
    assert record.request.encode() == answered.request.content
    assert json.loads(record.request)["patient"] == PATIENT
    assert record.patient_id == "patient-7"
    assert record.latency_ms > 0


def test_an_erased_answer_is_nowhere_to_be_had(start) -> None:
    client = start()
    answered = client.predict().json()["id"]
    assert client.get(f"/v1/predictions/{answered}").status_code == 200
    store = Store.open(client.settings)
    assert store.erase("local", "patient-7").n_predictions == 1
    store.close()
    assert client.get(f"/v1/predictions/{answered}").status_code == 404
    assert client.get(f"/review/{answered}").status_code == 404
    assert client.predict().status_code == 200


def test_nothing_a_patient_sent_lies_in_the_home_in_plain(start, home: Path) -> None:
    client = start()
    patient = {**PATIENT, "patient_id": "canary-4711"}
    assert client.predict(patient).status_code == 200
    files = [file for file in home.rglob("*") if file.is_file()]
    assert [file.name for file in files if b"canary-4711" in file.read_bytes()] == []
    kept = {
        file.name: file.stat().st_mode & 0o077 for file in files if file.name.startswith(("store", "keys"))
    }
    assert set(kept) >= {"store.db", "store.db-wal", "keys.json"}
    assert set(kept.values()) == {0}


@contextmanager
def _room_for(n_bytes: int) -> Iterator[None]:
    """As if the disk were full once a file has so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
