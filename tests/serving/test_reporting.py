"""What is said of an answer afterwards, and requests that are sent twice."""

from __future__ import annotations

import pytest

from serving.store.store import Store
from tests.serving.client import Client
from tests.serving.openapi_check import faults_of
from tests.serving.tiny import PATIENT, STUDY
from tests.serving.tiny_sets import ARMS, BINARY, DRUGS, PANEL, QUESTION, patient

OUTCOMES, FEEDBACK = "/v1/predictions/{id}/outcomes", "/v1/predictions/{id}/feedback"
DOSE = {"name": "weekly_dose", "value": 31.5, "unit": "mg/wk", "observed": "2026-03-01"}


def _report(client: Client, path: str, prediction_id: str, document: object, key: str | None = None):
    headers = {} if key is None else {"idempotency-key": key}
    return client.request("POST", path.format(id=prediction_id), json=document, headers=headers)


@pytest.fixture
def answered(client: Client) -> dict:
    """An answer that somebody got."""
    return client.predict().json()


def _dose(answered: dict) -> dict:
    return DOSE | {"name": answered["outcome"], "unit": answered["unit"]}


def test_an_outcome_comes_back_with_who_said_it_and_the_last_one_counts(
    client: Client, answered: dict
) -> None:
    first = _report(client, OUTCOMES, answered["id"], _dose(answered))
    second = _report(client, OUTCOMES, answered["id"], _dose(answered) | {"value": 28})
    assert (first.status_code, faults_of(first, OUTCOMES, "post")) == (201, [])
    told = client.get(OUTCOMES.format(id=answered["id"]))
    assert faults_of(told, OUTCOMES, "get") == []
    assert told.json()["outcomes"] == [first.json(), second.json()]
    assert [one["value"] for one in told.json()["outcomes"]] == [31.5, 28.0]
    assert first.json()["by"] == "local"


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"value": "31"}, "/value"),
        ({"value": None}, "/value"),
        ({"value": -5.0}, "/value"),
        ({"value": True}, "/value"),
        ({"unit": "mg"}, "/unit"),
        ({"name": "blood pressure"}, "/name"),
        ({"observed": "yesterday"}, "/observed"),
        ({"observed": "2999-01-01"}, "/observed"),
        ({"observed": "20260301"}, "/observed"),
        ({"option": "Zwetschge"}, "/option"),
        ({"Zwetschge": 1}, ""),
    ],
)
def test_an_outcome_that_cannot_be_is_refused_by_its_field(
    client: Client, answered: dict, wrong: dict, pointer: str
) -> None:
    refused = _report(client, OUTCOMES, answered["id"], _dose(answered) | wrong)
    assert refused.status_code == 422
    assert [fault["pointer"] for fault in refused.json()["faults"]] == [pointer]
    assert "Zwetschge" not in refused.text
    assert client.get(OUTCOMES.format(id=answered["id"])).json() == {"outcomes": []}


def test_all_faults_of_an_outcome_are_told_together(client: Client, answered: dict) -> None:
    faults = _report(client, OUTCOMES, answered["id"], {"value": "x", "more": 1}).json()["faults"]
    assert [fault["pointer"] for fault in faults] == ["", "/name", "/unit", "/value"]


def test_an_event_is_yes_or_no_and_a_panel_wants_the_drug(kinds: Client) -> None:
    event = kinds.ask(BINARY, patient()).json()
    told = {"name": event["outcome"], "value": True, "unit": event["unit"]}
    assert _report(kinds, OUTCOMES, event["id"], told).json()["value"] == 1.0
    assert _report(kinds, OUTCOMES, event["id"], told | {"value": 0.4}).status_code == 422
    ranked = kinds.rank(PANEL, patient()).json()
    response = {"name": ranked["outcome"], "value": 100.0, "unit": ranked["ranked"][0]["unit"]}
    assert _report(kinds, OUTCOMES, ranked["id"], response).json()["faults"][0]["pointer"] == "/option"
    kept = _report(kinds, OUTCOMES, ranked["id"], response | {"option": DRUGS[2]})
    assert (kept.status_code, kept.json()["option"]) == (201, DRUGS[2])
    arm = kinds.ask(QUESTION, patient(arm=ARMS[1])).json()
    had = {"name": arm["outcome"], "value": False, "unit": arm["unit"], "option": ARMS[1]}
    assert _report(kinds, OUTCOMES, arm["id"], had).status_code == 201


def test_feedback_is_kept_beside_the_answer(client: Client, answered: dict) -> None:
    given = _report(client, FEEDBACK, answered["id"], {"kind": "overridden", "detail": "renal failure"})
    assert (given.status_code, faults_of(given, FEEDBACK, "post")) == (201, [])
    told = client.get(FEEDBACK.format(id=answered["id"]))
    assert faults_of(told, FEEDBACK, "get") == []
    assert told.json() == {"feedback": [given.json()]}


@pytest.mark.parametrize(
    "wrong", [{"kind": "shrug"}, {"detail": "x"}, {"kind": "comment", "detail": "x" * 2001}, {"kind": 1}]
)
def test_feedback_that_cannot_be_is_refused(client: Client, answered: dict, wrong: dict) -> None:
    assert _report(client, FEEDBACK, answered["id"], wrong).status_code == 422


def test_of_an_unknown_or_erased_answer_nothing_can_be_said(start) -> None:
    client = start()
    answered = client.predict().json()
    assert _report(client, OUTCOMES, "0" * 32, _dose(answered)).status_code == 404
    _report(client, OUTCOMES, answered["id"], _dose(answered))
    store = Store.open(client.settings)
    store.erase("local", str(PATIENT["patient_id"]))
    store.close()
    assert _report(client, OUTCOMES, answered["id"], _dose(answered)).status_code == 404
    assert client.get(OUTCOMES.format(id=answered["id"])).status_code == 404


def test_a_request_that_is_sent_twice_is_answered_once(start) -> None:
    client = start()
    asked = {"json": {"study": STUDY, "patient": PATIENT}, "headers": {"idempotency-key": "visit-7"}}
    first, second = (client.request("POST", "/v1/predict", **asked) for _ in range(2))
    assert first.content == second.content
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    store = Store.open(client.settings)
    assert store.verify().n_rows == 1
    store.close()


def test_a_key_with_another_request_is_refused(client: Client, answered: dict) -> None:
    _report(client, FEEDBACK, answered["id"], {"kind": "agreed"}, "a key")
    other = _report(client, FEEDBACK, answered["id"], {"kind": "disagreed"}, "a key")
    assert other.status_code == 422
    assert other.json()["type"].endswith("idempotency-mismatch")
    kept = client.get(FEEDBACK.format(id=answered["id"])).json()["feedback"]
    assert [one["kind"] for one in kept] == ["agreed"]


@pytest.mark.parametrize("key", ["", "x" * 201, "\x07"])
def test_a_key_that_is_none_is_refused(client: Client, key: str) -> None:
    headers = {"idempotency-key": key}
    body = {"study": STUDY, "patient": PATIENT}
    assert client.request("POST", "/v1/predict", json=body, headers=headers).status_code == 422


def test_a_request_that_failed_may_be_sent_again_with_its_key(client: Client) -> None:
    headers = {"idempotency-key": "again"}
    for _ in range(2):
        refused = client.request("POST", "/v1/predict", json={"study": STUDY}, headers=headers)
        assert refused.json()["type"].endswith("invalid-request")


def test_whoever_looks_at_an_answer_is_noted(client: Client, answered: dict) -> None:
    for path in ("/v1/predictions/{id}", "/review/{id}", OUTCOMES):
        client.get(path.format(id=answered["id"]))
    store = Store.open(client.settings)
    noted = store.audit.of_record(answered["id"], "local")
    store.close()
    told = [(one.subject, one.method, one.route, one.status) for one in noted]
    routes = ("/v1/predictions/{id}", "/review/{id}", OUTCOMES)
    assert told == [("local", "GET", route, 200) for route in routes]
