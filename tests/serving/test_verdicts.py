"""Signing an answer over the API: who, what and why, amended and never altered."""

from __future__ import annotations

import pytest

from serving.verdicts import LONGEST_COMMENT
from tests.serving.client import Client
from tests.serving.openapi_check import faults_of

PATH = "/v1/predictions/{id}/verdicts"
UNSURE = {"verdict": "unsure", "reasons": ["too-uncertain", "input-missing"], "comment": " INR first "}


def _sign(client: Client, prediction_id: str, document: object, key: str | None = None):
    headers = {} if key is None else {"idempotency-key": key}
    return client.request("POST", PATH.format(id=prediction_id), json=document, headers=headers)


@pytest.fixture
def answered(client: Client) -> str:
    """The id of an answer that somebody got."""
    return client.predict().json()["id"]


def test_a_verdict_comes_back_with_who_signed_it_and_its_amendment(client: Client, answered: str) -> None:
    empty = client.get(PATH.format(id=answered))
    assert empty.json() == {"state": "", "readers": 0, "verdicts": []}
    first, second = _sign(client, answered, UNSURE), _sign(client, answered, {"verdict": "agree"})
    assert (first.status_code, faults_of(first, PATH, "post")) == (201, [])
    assert first.json()["reasons"] == ["input-missing", "too-uncertain"]
    assert (first.json()["comment"], first.json()["by"], first.json()["role"]) == (
        "INR first",
        "local",
        "reviewer",
    )
    assert second.json()["amends"] == first.json()["id"]
    told = client.get(PATH.format(id=answered))
    assert faults_of(told, PATH, "get") == []
    assert told.json() == {"state": "agree", "readers": 1, "verdicts": [first.json(), second.json()]}


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({}, ["/verdict", "/reasons"]),
        ({"verdict": "perhaps", "comment": "x"}, ["/verdict"]),
        ({"verdict": ["agree"]}, ["/verdict", "/reasons"]),
        ({"verdict": "disagree"}, ["/reasons"]),
        ({"verdict": "disagree", "comment": "  "}, ["/reasons"]),
        ({"verdict": "agree", "reasons": "other"}, ["/reasons"]),
        ({"verdict": "agree", "reasons": ["other", "Zwetschge"]}, ["/reasons/1"]),
        ({"verdict": "agree", "comment": "x" * (LONGEST_COMMENT + 1)}, ["/comment"]),
        ({"verdict": "agree", "comment": 7}, ["/comment"]),
        ({"verdict": "agree", "by": "Zwetschge"}, [""]),
    ],
)
def test_what_is_no_verdict_is_refused_by_its_field(
    client: Client, answered: str, document: dict, pointers: list[str]
) -> None:
    refused = _sign(client, answered, document)
    assert (refused.status_code, faults_of(refused, PATH, "post")) == (422, [])
    assert [fault["pointer"] for fault in refused.json()["faults"]] == pointers
    assert "Zwetschge" not in refused.text
    assert client.get(PATH.format(id=answered)).json()["verdicts"] == []


def test_the_same_key_signs_once(client: Client, answered: str) -> None:
    first, second = (_sign(client, answered, UNSURE, "sign-1") for _ in range(2))
    assert first.json() == second.json()
    assert len(client.get(PATH.format(id=answered)).json()["verdicts"]) == 1


def test_nothing_is_signed_that_was_never_answered(client: Client) -> None:
    assert _sign(client, "0" * 32, UNSURE).status_code == 404
