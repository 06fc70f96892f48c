"""Many patients in one request: each as if asked about alone, and none spoiled by another."""

from __future__ import annotations

import copy
import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from features.readers.document import to_document
from features.synthetic import synthetic_cohort
from serving.batch_lines import MOST_LINES
from serving.settings import Settings
from serving.store.store import Store
from tests.serving.client import Client
from tests.serving.openapi_check import faults_of
from tests.serving.server_process import ServerProcess
from tests.serving.tiny import PATIENT, STUDY, copy_home
from tests.serving.tiny_sets import ARMS, DRUGS, PANEL, QUESTION, patient

MEDIA = "application/x-ndjson"
ASKED = {"study": STUDY, "patient": PATIENT}


def _lines(requests: list[object]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in requests)


def _batch(client: Client, body: bytes, media: str = MEDIA) -> httpx.Response:
    return client.request("POST", "/v1/batch", content=body, headers={"content-type": media})


def _rows(answer: httpx.Response) -> tuple[list[dict], dict]:
    assert answer.status_code == 200
    *rows, end = [json.loads(line) for line in answer.text.splitlines()]
    return rows, end["end"]


def _without_id(answer: dict) -> dict:
    return {key: value for key, value in answer.items() if key != "id"}


@pytest.mark.parametrize("depth", ["none", "top", "full"])
def test_each_patient_gets_what_it_would_get_alone(client: Client, depth: str) -> None:
    cohort = synthetic_cohort(2 * MOST_LINES + 7, seed=4)
    patients = [to_document(cohort, name) for name in cohort.patient_ids]
    requests = [{"study": STUDY, "patient": one, "explain": depth} for one in patients]
    rows, end = _rows(_batch(client, _lines(requests)))
    assert [row["line"] for row in rows] == list(range(1, len(patients) + 1))
    for row, one in list(zip(rows, patients, strict=True))[::17]:
        assert _without_id(row["answer"]) == _without_id(client.predict(one, explain=depth).json())
    n_declined = sum(row["answer"]["declined"] for row in rows)
    told = {"answered": len(rows) - n_declined, "declined": n_declined, "refused": 0, "complete": True}
    assert end == told


def test_lines_of_several_studies_drugs_and_levels_are_answered_in_their_order(kinds: Client) -> None:
    requests: list[dict] = []
    for seed in range(6):
        requests += [
            {"study": PANEL, "drug": DRUGS[seed % 3], "patient": patient(seed=seed)},
            {"study": QUESTION, "patient": patient(arm=ARMS[seed % 2], seed=seed), "level": 0.8},
        ]
    rows, _ = _rows(_batch(kinds, _lines(requests)))
    for row, one in zip(rows, requests, strict=True):
        alone = kinds.request("POST", "/v1/predict", json=one).json()
        assert _without_id(row["answer"]) == _without_id(alone)


def test_a_line_that_cannot_be_answered_is_told_in_its_place_and_spoils_no_other(client: Client) -> None:
    wrong_unit = copy.deepcopy(ASKED)
    wrong_unit["patient"]["clinical"]["age"]["unit"] = "kg"
    parts = [
        _lines([ASKED]),
        b'{"study": \n',
        _lines([wrong_unit]),
        b"\n",
        _lines([{"study": "none", "patient": PATIENT}, ASKED]),
        b"[1, 2]\n",
        _lines([ASKED]),
    ]
    rows, end = _rows(_batch(client, b"".join(parts)))
    kinds = [row["problem"]["type"].rsplit(":", 1)[-1] if "problem" in row else "answered" for row in rows]
    assert kinds == ["answered", "malformed-json", "invalid-request", "unknown-study", "answered",
                     "malformed-json", "answered"]  # fmt: skip
    assert [row["line"] for row in rows] == [1, 2, 3, 5, 6, 7, 8]
    assert rows[2]["problem"]["faults"][0]["pointer"] == "/patient/clinical/age/unit"
    assert end == {"answered": 3, "declined": 0, "refused": 4, "complete": True}
    alone = _without_id(client.predict().json())
    assert all(_without_id(row["answer"]) == alone for row in rows if "answer" in row)


def test_a_line_beyond_the_limit_is_refused_and_the_rest_answered(start) -> None:
    client = start(body_limit_bytes=4000)
    long = _lines([{"study": STUDY, "patient": PATIENT | {"patient_id": "x" * 5000}}])
    rows, end = _rows(_batch(client, long + _lines([ASKED]) + long))
    assert [("problem" in row) for row in rows] == [True, False, True]
    assert rows[0]["problem"]["status"] == 413
    assert end["refused"] == 2


def test_a_last_line_without_its_end_is_answered_too(client: Client) -> None:
    rows, end = _rows(_batch(client, _lines([ASKED]) + json.dumps(ASKED).encode()))
    assert [row["line"] for row in rows] == [1, 2]
    assert end["answered"] == 2


def test_nothing_asked_is_nothing_answered(client: Client) -> None:
    assert _rows(_batch(client, b"")) == (
        [], {"answered": 0, "declined": 0, "refused": 0, "complete": True},
    )  # fmt: skip


def test_another_media_type_is_refused(client: Client) -> None:
    answer = _batch(client, _lines([ASKED]), "application/json")
    assert answer.status_code == 415
    assert "application/x-ndjson" in answer.json()["detail"]


def test_every_answer_is_recorded_as_the_line_that_asked(client: Client) -> None:
    line = json.dumps(ASKED, indent=None)
    rows, _ = _rows(_batch(client, line.encode() + b"\n"))
    store = Store.open(client.settings)
    record = store.predictions.find(rows[0]["answer"]["id"], "local")
    store.close()
    assert record is not None
    assert record.request == line
    assert json.loads(record.answer) == rows[0]["answer"]


def test_lines_are_as_the_openapi_document_says(client: Client) -> None:
    rows, end = _rows(_batch(client, _lines([ASKED]) + b"{\n"))
    for row in (*rows, {"end": end}):
        assert faults_of(row, schema={"$ref": "#/components/schemas/BatchLine"}) == []


@pytest.fixture(scope="module")
def server(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    home = copy_home(shelf_home, tmp_path_factory.mktemp("batch") / "home")
    with ServerProcess(home) as running:
        yield running


@pytest.mark.slow
def test_answers_come_while_the_patients_are_still_sent(server: ServerProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("POST", "/v1/batch")
    connection.putheader("Content-Type", MEDIA)
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    line = _lines([ASKED])
    chunk = f"{len(line):x}\r\n".encode() + line + b"\r\n"
    connection.send(chunk)
    answer = connection.getresponse()
    assert json.loads(answer.readline())["line"] == 1
    connection.send(chunk)
    assert json.loads(answer.readline())["line"] == 2
    connection.send(b"0\r\n\r\n")
    assert json.loads(answer.readline())["end"]["answered"] == 2
    connection.close()


@pytest.mark.slow
def test_a_client_that_sends_all_before_it_reads_is_answered_and_recorded(server: ServerProcess) -> None:
    n = 3000
    before = server.http.get("/metrics").text
    assert "rxplain_predictions" in before
    answer = server.http.post("/v1/batch", content=_lines([ASKED] * n), headers={"content-type": MEDIA})
    rows, end = _rows(answer)
    assert end == {"answered": n, "declined": 0, "refused": 0, "complete": True}
    store = Store.open(Settings(home=server._home))
    found = [store.predictions.find(row["answer"]["id"], "local") for row in rows[::500]]
    assert None not in found
    assert store.verify().broken is None
    store.close()
