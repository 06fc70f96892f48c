"""Every operation has examples, which are as their schemas say, and which the service would give and take."""

from __future__ import annotations

import json

import pytest

from serving.openapi import openapi_document
from tests.serving.client import Client
from tests.serving.openapi_check import faults_of
from tests.serving.tiny import PATIENT, STUDY

DOCUMENT = openapi_document()
OPERATIONS = [(path, method) for path, found in DOCUMENT["paths"].items() for method in found]


def _answer(path: str, method: str) -> tuple[str, dict]:
    """The media type and content of what an operation answers with when all is well, FHIR beside it."""
    responses = DOCUMENT["paths"][path][method]["responses"]
    contents = next(r for status, r in responses.items() if status < "300")["content"]
    return next(iter(contents.items()))


def _is_read(path: str, method: str) -> bool:
    """Whether a client reads it as JSON: no page, no text, and not this document itself."""
    return "json" in _answer(path, method)[0] and path not in ("/openapi.json", "/review/{id}/fhir")


READ = [operation for operation in OPERATIONS if _is_read(*operation)]


def _asked(path: str, method: str) -> tuple[str, list[dict]]:
    """The media type of an operation's body, and its examples, of the study that is served here."""
    media, content = next(iter(DOCUMENT["paths"][path][method]["requestBody"]["content"].items()))
    schema = DOCUMENT["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]
    examples = [one | ({"study": STUDY} if "study" in one else {}) for one in schema["examples"]]
    return media, examples


def _request(client: Client, path: str, method: str, example: dict | None, media: str = ""):
    """The operation asked of a real answer of a real study."""
    answered = client.predict(patient=PATIENT | {"patient_id": "example-1"}).json()
    told = path.replace("{id}", answered["id"]).replace("{study}", STUDY)
    if example is None:
        return client.request(method.upper(), told)
    return client.request(method.upper(), told, content=json.dumps(example), headers={"content-type": media})


@pytest.mark.parametrize(("path", "method"), READ)
def test_the_example_of_an_answer_is_as_its_schema_says_and_as_answers_are(
    client: Client, path: str, method: str
) -> None:
    media, content = _answer(path, method)
    assert faults_of(content["example"], schema=content["schema"]) == []
    has_body = "requestBody" in DOCUMENT["paths"][path][method]
    asked, examples = _asked(path, method) if has_body else ("", [None])
    response = _request(client, path, method, examples[0], asked)
    live = json.loads(response.text.splitlines()[0])
    assert response.headers["content-type"].partition(";")[0] == media
    assert content["example"].keys() <= live.keys()


@pytest.mark.parametrize(
    ("path", "method"), [o for o in OPERATIONS if "requestBody" in DOCUMENT["paths"][o[0]][o[1]]]
)
def test_every_example_of_a_request_is_as_its_schema_says_and_is_taken(
    client: Client, path: str, method: str
) -> None:
    media, examples = _asked(path, method)
    assert examples
    body = DOCUMENT["paths"][path][method]["requestBody"]["content"][media]
    for example in examples:
        assert faults_of(example, schema=body["schema"]) == []
        response = _request(client, path, method, example, media)
        assert response.status_code < 300, response.text
        assert "problem" not in json.loads(response.text.splitlines()[0])


def test_what_an_answer_links_to_is_there() -> None:
    known = {found["operationId"] for methods in DOCUMENT["paths"].values() for found in methods.values()}
    linked = {
        link["operationId"]
        for methods in DOCUMENT["paths"].values()
        for found in methods.values()
        for response in found["responses"].values()
        for link in response.get("links", {}).values()
    }
    assert {"prediction", "report_outcome", "model", "schema"} <= linked <= known
