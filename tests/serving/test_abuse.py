"""Bodies that no honest client sends: all are refused with 4xx, and none is repeated."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator

import pytest

from tests.serving.client import Client
from tests.serving.test_body import REFUSED
from tests.serving.tiny import PATIENT, STUDY

CANARY = "Zwetschgenknoedel"
_WRONG = {
    "null": None, "true": True, "text": CANARY, "number text": "63", "list": [CANARY],
    "object": {CANARY: CANARY},
    "huge": 1e300, "negative": -1e15, "empty text": "",
}  # fmt: skip
_PLACES = (
    ("study",), ("patient",), ("level",), ("explain",), ("patient", "patient_id"), ("patient", "genotypes"),
    ("patient", "genotypes", 0), ("patient", "genotypes", 0, "diplotype"),
    ("patient", "genotypes", 1, "alleles"),
    ("patient", "genotypes", 1, "rsid"), ("patient", "clinical"), ("patient", "clinical", "age"),
    ("patient", "clinical", "age", "value"), ("patient", "clinical", "age", "unit"),
    ("patient", "clinical", "sex", "value"), ("patient", "clinical", "smoker", "value"),
    ("patient", "medications"), ("patient", "medications", 0), ("patient", "medications", 0, "taken"),
    ("patient", "medications", 0, "drug"), ("patient", "medications", 0, "start_day"),
)  # fmt: skip
_OBJECTS = (
    (), ("patient",), ("patient", "clinical"), ("patient", "clinical", "age"), ("patient", "genotypes", 0),
    ("patient", "medications", 0),
)  # fmt: skip
_LEGAL = {
    (("patient", "clinical", "smoker", "value"), "true"), (("patient", "medications", 0, "taken"), "true"),
    (("patient", "patient_id"), "text"), (("patient", "patient_id"), "number text"),
    (("patient", "medications", 0, "start_day"), "null"),
}  # fmt: skip


def _request() -> dict:
    patient = copy.deepcopy(PATIENT)
    patient["medications"][0]["start_day"] = -30
    return {"study": STUDY, "patient": patient, "level": 0.9, "explain": "full"}


def _changed(place: tuple, value: object) -> bytes:
    document = _request()
    inner = document
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return json.dumps(document).encode()


def _corpus() -> Iterator[tuple[str, bytes]]:
    yield from REFUSED.items()
    for place in _PLACES:
        for name, value in _WRONG.items():
            if (place, name) not in _LEGAL:
                yield f"{'/'.join(map(str, place))} {name}", _changed(place, value)
    for place in _OBJECTS:
        yield f"unknown field in /{'/'.join(map(str, place))}", _changed((*place, CANARY), CANARY)
        yield f"odd key in /{'/'.join(map(str, place))}", _changed((*place, "\x00\u202e~/" + CANARY), 1)
        without = _request()
        raw = json.dumps(without)
        yield f"duplicate in /{'/'.join(map(str, place))}", _doubled(raw, place)


def _doubled(raw: str, place: tuple) -> bytes:
    """The text with the first key of one object given twice."""
    decoded = json.loads(raw)
    for step in place:
        decoded = decoded[step]
    first, value = next(iter(decoded.items()))
    start = json.dumps(decoded)
    return raw.replace(start, f'{{"{first}": {json.dumps(value)}, {start[1:]}', 1).encode()


CORPUS = dict(_corpus())


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 200


@pytest.mark.parametrize("name", CORPUS)
def test_every_abusive_body_is_refused_and_not_repeated(client: Client, name: str) -> None:
    response = client.post(CORPUS[name])
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert CANARY not in response.text
    assert "\u202e" not in response.text
    assert response.json()["status"] == response.status_code


@pytest.mark.parametrize(
    "media", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "*/*"]
)
def test_other_media_types_are_refused(client: Client, media: str) -> None:
    assert client.post(json.dumps(_request()).encode(), media).status_code == 415


def test_json_with_a_charset_is_read(client: Client) -> None:
    assert client.post(json.dumps(_request()).encode(), "application/json; charset=utf-8").status_code == 200


def test_all_faults_are_told_together_with_their_place(client: Client) -> None:
    request = _request()
    request["patient"]["clinical"]["age"]["unit"] = CANARY
    request["patient"]["genotypes"][1]["alleles"] = "G/A"
    response = client.post(json.dumps(request).encode())
    pointers = [fault["pointer"] for fault in response.json()["faults"]]
    assert set(pointers) == {"/patient/clinical/age/unit", "/patient/genotypes/1/alleles"}
    assert all(fault["remedy"] for fault in response.json()["faults"])
