"""Nothing a patient sent is found in logs, metrics or errors."""

from __future__ import annotations

import copy
import json
import logging

import pytest

from serving.logs import PrivateFormatter
from tests.serving.client import Client
from tests.serving.tiny import PATIENT, STUDY

CANARIES = ("canary-patient", "77.7125", "*1/*3977")


def _patient() -> dict:
    patient = copy.deepcopy(PATIENT)
    patient["patient_id"] = CANARIES[0]
    patient["clinical"]["weight"]["value"] = float(CANARIES[1])
    patient["genotypes"][0]["diplotype"] = CANARIES[2]
    return patient


def test_no_canary_is_in_logs_or_metrics(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = client.predict(_patient()).json()
    wrong = _patient()
    wrong["clinical"]["age"]["unit"] = CANARIES[0]
    errors = [client.predict(wrong).text, client.predict(_patient(), level=CANARIES[1]).text]
    errors.append(client.get(f"/v1/predictions/{CANARIES[0]}").text)
    formatter = PrivateFormatter()
    lines = "\n".join(formatter.format(record) for record in caplog.records)
    metrics = client.get("/metrics").text
    for canary in (*CANARIES, answer["id"]):
        assert canary not in lines
        assert canary not in metrics
        assert all(canary not in error for error in errors)


def test_metrics_are_labelled_by_route_template(client: Client) -> None:
    answer = client.predict().json()
    client.get(f"/v1/predictions/{answer['id']}")
    client.get("/somewhere/else")
    metrics = client.get("/metrics").text
    assert 'rxplain_requests_total{method="GET",route="/v1/predictions/{id}",status="200"}' in metrics
    assert 'route="(none)",status="404"' in metrics
    assert "somewhere" not in metrics
    assert f'rxplain_predictions_total{{result="answered",study="{STUDY}",version="1"}}' in metrics


def test_a_librarys_words_and_an_errors_text_are_left_out() -> None:
    try:
        raise ValueError("canary-patient weighs 77.7125")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("some.library", logging.ERROR, "f.py", 1, "got %s", ("canary-patient",), info)
    line = PrivateFormatter().format(record)
    assert not any(canary in line for canary in CANARIES)
    assert json.loads(line)["error"] == "ValueError"
    assert "test_privacy.py" in line


def test_our_own_events_keep_their_details() -> None:
    record = logging.LogRecord("rxplain.repository", logging.INFO, "f.py", 1, "bundle in service", (), None)
    record.study, record.patient = "tiny", "canary-patient"
    line = json.loads(PrivateFormatter().format(record))
    assert line["event"] == "bundle in service"
    assert line["study"] == "tiny"
    assert "patient" not in line
