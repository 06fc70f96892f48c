"""What the routes answer."""

from __future__ import annotations

import json
import math

import pytest

from features.readers.document import read_documents
from models.bundle import load
from serving.openapi import openapi_document
from tests.serving.client import Client
from tests.serving.openapi_check import faults_of
from tests.serving.tiny import PATIENT, STUDY


def test_an_answer_adds_up_and_holds_its_value(client: Client) -> None:
    answer = client.predict().json()
    explanation, interval = answer["explanation"], answer["interval"]
    total = explanation["base"] + math.fsum(f["contribution"] for f in explanation["features"])
    assert total == pytest.approx(explanation["margin"], abs=1e-9)
    assert math.fsum(explanation["genes"].values()) == pytest.approx(
        math.fsum(explanation["blocks"].values())
    )
    assert explanation["margin"] ** 2 == pytest.approx(answer["value"])
    assert interval["lower"] <= answer["value"] <= interval["upper"]


def test_the_api_gives_the_models_own_numbers_bit_for_bit(client: Client) -> None:
    answer = client.predict(level=0.8).json()
    folder = client.settings.home / "bundles" / answer["basis"]["bundle_digest"]
    own = load(folder).model.explain(read_documents([PATIENT]), level=0.8)
    assert answer["value"] == own.value[0]
    assert [answer["interval"]["lower"], answer["interval"]["upper"]] == [own.lower[0], own.upper[0]]
    assert [f["contribution"] for f in answer["explanation"]["features"]] == own.contributions[0].tolist()


def test_depths_of_explanation_share_one_answer(client: Client) -> None:
    none, top, full = (client.predict(explain=depth).json() for depth in ("none", "top", "full"))
    assert none["value"] == top["value"] == full["value"]
    assert none["explanation"] is None
    rows, rest = top["explanation"]["features"], top["explanation"]["other_features"]
    assert len(rows) == 10
    total = top["explanation"]["base"] + math.fsum(row["contribution"] for row in rows) + rest
    assert total == pytest.approx(full["explanation"]["margin"])


def test_a_wider_level_gives_a_wider_interval_or_none(client: Client) -> None:
    narrow, wide, widest = (client.predict(level=level).json()["interval"] for level in (0.5, 0.95, 0.999))
    assert wide["lower"] < narrow["lower"] < narrow["upper"] < wide["upper"]
    assert widest["upper"] is None or widest["upper"] >= wide["upper"]


def test_a_patient_without_what_is_required_gets_no_number(client: Client) -> None:
    answer = client.predict({"patient_id": "bare"}).json()
    assert answer["declined"]
    assert answer["value"] is answer["interval"] is answer["explanation"] is None
    assert any(notice["severity"] == "decline" for notice in answer["notices"])


def test_the_basis_says_what_was_used_missing_and_filled(client: Client) -> None:
    basis = client.predict().json()["basis"]
    assert "genotype.CYP2C9.*3_count" in basis["inputs_used"]
    assert "clinical.target_inr.value" in basis["imputed"]
    assert "medication.aspirin.taken" in basis["unrecorded_as_absent"]
    assert set(basis["missing"]) == {*basis["imputed"], *basis["unrecorded_as_absent"]}
    assert basis["model_version"] == 1
    assert basis["population"]["n"] == 600


def test_a_recorded_answer_is_given_back_byte_for_byte(client: Client) -> None:
    answered = client.predict()
    again = client.get(f"/v1/predictions/{answered.json()['id']}")
    assert again.content == answered.content


def test_the_schemas_example_is_answered(client: Client) -> None:
    schema = client.get(f"/v1/models/{STUDY}/schema").json()
    example = schema["examples"][0]
    response = client.post(json.dumps(example).encode())
    assert response.status_code == 200
    assert not response.json()["declined"]


def test_models_are_listed_with_their_card(client: Client) -> None:
    listed = client.get("/v1/models").json()["models"]
    assert [model["study"] for model in listed] == [STUDY]
    assert client.get(f"/v1/models/{STUDY}").json()["card"]["limits"]


def test_the_openapi_document_lists_every_route(client: Client) -> None:
    mount = client.app.routes[0]
    served = {route.path: route.methods - {"HEAD"} for route in mount.app.routes}
    served = {path: found for path, found in served.items() if not path.startswith("/cds-services")}
    forms = {path for path, methods in served.items() if path.startswith("/review") and "POST" in methods}
    assert len(forms) == 6, "forms belong to their pages; whoever writes a client has the routes below /v1"
    served = {path: found - ({"POST"} if path in forms else set()) for path, found in served.items()}
    served = {path: found for path, found in served.items() if found}
    listed = {
        path: {method.upper() for method in found} for path, found in openapi_document()["paths"].items()
    }
    assert listed == served
    assert client.get("/openapi.json").json() == openapi_document()


@pytest.mark.parametrize("options", [{}, {"explain": "none"}, {"explain": "top"}, {"level": 0.999}])
def test_answers_are_as_the_openapi_document_says(client: Client, options: dict) -> None:
    response = client.predict(**options)
    assert not faults_of(response, "/v1/predict", "post")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("PredictRequest", "/v1/predict"),
        ("RankRequest", "/v1/rank"),
        ("SimulateRequest", "/v1/simulate"),
        ("ExplainRequest", "/v1/explain"),
        ("SimilarRequest", "/v1/similar"),
    ],
)
def test_the_openapi_examples_are_as_it_says_and_are_answered(client: Client, name: str, path: str) -> None:
    schema = openapi_document()["components"]["schemas"][name]
    assert len(schema["examples"]) == 2
    for example in schema["examples"]:
        assert not faults_of(example, schema=schema)
        response = client.request("POST", path, json=example | {"study": STUDY})
        assert not faults_of(response, path, "post")
        assert response.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("GET", "/v1/models", None), ("GET", f"/v1/models/{STUDY}", "/v1/models/{study}"),
        ("GET", "/livez", None),
        ("GET", "/readyz", None), ("GET", "/v1/models/none", "/v1/models/{study}"),
        ("GET", "/v1/models/none/schema", "/v1/models/{study}/schema"),
        ("GET", "/v1/predictions/none", "/v1/predictions/{id}"), ("GET", "/review/none", "/review/{id}"),
    ],
)  # fmt: skip
def test_other_routes_are_as_the_openapi_document_says(
    client: Client, method: str, path: str, template: str | None
) -> None:
    response = client.request(method, path)
    assert not faults_of(response, template or path, method.lower())


@pytest.mark.parametrize(
    "path", ["/", "/docs.json", "/schema.json", "/healthz", "/v1/predict/", "/static_content/x"]
)
def test_nothing_else_is_served(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_wrong_method_is_405_and_says_which_is_right(client: Client, method: str) -> None:
    response = client.request(method, "/v1/predict")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert response.json()["type"] == "urn:rxplain:problem:method-not-allowed"


def test_readiness_waits_for_a_model(start, home) -> None:
    (home / "aliases" / f"{STUDY}.json").unlink()
    client = start()
    assert client.get("/livez").status_code == 200
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.headers["retry-after"]
