"""What is answered of a probability, of one drug of a panel, and under the treatment that was recorded."""

from __future__ import annotations

import json
import math

import pytest

from features.readers.document import read_documents
from models.bundle import load
from tests.serving.client import Client
from tests.serving.openapi_check import faults_of
from tests.serving.tiny_sets import (
    ARMS,
    BINARY,
    DRUGS,
    EVENT,
    GENES,
    PANEL,
    QUESTION,
    WIDE,
    gene_names,
    panel_draft,
    patient,
    publish,
)

UNDER = GENES[:4]


def test_a_probability_lies_in_its_band_and_says_what_can_be(kinds: Client) -> None:
    answer = kinds.ask(BINARY, patient()).json()
    assert 0.0 < answer["interval"]["lower"] < answer["value"] < answer["interval"]["upper"] < 1.0
    assert answer["event"] == EVENT
    assert set(answer["possible"]) <= {EVENT, f"no {EVENT}"}
    explanation = answer["explanation"]
    assert explanation["scale"] == "log-odds"
    assert 1.0 / (1.0 + math.exp(-explanation["margin"])) == pytest.approx(answer["value"])


def test_a_higher_level_rules_out_less(kinds: Client) -> None:
    sure, surer = (kinds.ask(BINARY, patient(), level=level).json()["possible"] for level in (0.5, 0.999))
    assert set(sure) <= set(surer) == {EVENT, f"no {EVENT}"}


def test_only_a_probability_has_possible_outcomes(kinds: Client, client: Client) -> None:
    panel = kinds.ask(PANEL, patient(), drug=DRUGS[0]).json()
    assert not {"possible", "event", "option"} & panel.keys()
    assert not {"possible", "event", "option"} & client.predict().json().keys()


@pytest.mark.parametrize("options", [{}, {"explain": "none"}, {"explain": "top"}])
def test_every_kind_is_as_the_openapi_document_says(kinds: Client, options: dict) -> None:
    asked = [
        (BINARY, patient(), {}), (PANEL, patient(), {"drug": DRUGS[3]}),
        (QUESTION, patient(UNDER, ARMS[2]), {}), (WIDE, patient(gene_names(3000)), {}),
    ]  # fmt: skip
    for study, document, own in asked:
        response = kinds.ask(study, document, **own, **options)
        assert response.status_code == 200
        assert not faults_of(response, "/v1/predict", "post")


def test_a_drug_of_a_panel_is_answered_as_its_own_model_does(kinds: Client) -> None:
    answer = kinds.ask(PANEL, patient(), drug=DRUGS[2], level=0.8).json()
    models = load(kinds.settings.home / "bundles" / answer["basis"]["bundle_digest"]).models
    own = models.models[2].explain(read_documents([patient()], models.spec), 0.8)
    assert answer["drug"] == DRUGS[2]
    assert answer["value"] == own.value[0]
    assert [f["contribution"] for f in answer["explanation"]["features"]] == own.contributions[0].tolist()


@pytest.mark.parametrize("options", [{}, {"drug": "Aspirin"}])
def test_a_panel_says_which_drugs_it_knows(kinds: Client, options: dict) -> None:
    response = kinds.ask(PANEL, patient(), **options)
    (fault,) = response.json()["faults"]
    assert response.status_code == 422
    assert fault["pointer"] == "/drug"
    assert all(drug in fault["remedy"] for drug in DRUGS)
    assert "/v1/rank" in fault["remedy"]
    assert "Aspirin" not in response.text


def test_of_a_large_panel_twenty_drugs_are_named_and_all_are_counted(start, home) -> None:
    publish(home, panel_draft(40, [f"drug-{i:03}" for i in range(120)]))
    remedy = start().ask(PANEL, patient()).json()["faults"][0]["remedy"]
    assert remedy.count("drug-") == 20
    assert "120" in remedy


def test_a_study_of_one_drug_may_be_asked_by_its_name_and_by_no_other(client: Client) -> None:
    assert client.predict(drug="warfarin").json()["drug"] == "warfarin"
    assert client.predict(drug="heparin").status_code == 422


@pytest.mark.parametrize("drug", [None, "", 7, ["Venetoclax"], "x" * 101, True])
def test_a_drug_is_a_name(kinds: Client, drug: object) -> None:
    response = kinds.ask(PANEL, patient(), drug=drug)
    assert response.status_code == 422
    assert [fault["pointer"] for fault in response.json()["faults"]] == ["/drug"]


def test_the_recorded_treatment_is_what_is_answered_about(kinds: Client) -> None:
    answers = [kinds.ask(QUESTION, patient(UNDER, arm)).json() for arm in ARMS]
    assert [answer["option"] for answer in answers] == list(ARMS)
    assert len({answer["value"] for answer in answers}) == len(ARMS)


def test_a_treatment_that_is_not_recorded_is_never_guessed(kinds: Client) -> None:
    response = kinds.ask(QUESTION, patient(UNDER))
    (fault,) = response.json()["faults"]
    assert response.status_code == 422
    assert fault["pointer"] == "/patient/clinical/arm"
    assert all(arm in fault["remedy"] for arm in ARMS)
    assert "/v1/rank" in fault["remedy"]


def test_who_lacks_a_modality_is_told_of_it_once_and_answered_less_surely(kinds: Client) -> None:
    whole = kinds.ask(BINARY, patient()).json()
    bare = kinds.ask(BINARY, {k: v for k, v in patient().items() if k != "expression"}).json()
    codes = [notice["code"] for notice in bare["notices"]]
    assert codes.count("modality_missing") == 1
    assert "imputed" not in codes
    assert bare["basis"]["imputed"] == []
    assert len(bare["basis"]["missing"]) == len(GENES)
    spread, narrow = (a["interval"]["upper"] - a["interval"]["lower"] for a in (bare, whole))
    assert spread > narrow


@pytest.mark.parametrize(
    ("study", "kind", "options"),
    [(BINARY, "binary", 1), (PANEL, "continuous", len(DRUGS)), (QUESTION, "binary", len(ARMS))],
)
def test_the_listing_says_what_can_be_asked(kinds: Client, study: str, kind: str, options: int) -> None:
    listed = {model["study"]: model for model in kinds.get("/v1/models").json()["models"]}
    assert listed[study]["kind"] == kind
    assert len(listed[study]["options"]) == options
    assert (listed[study]["drug"] is None) == (study == PANEL)
    assert listed[study]["question"] == ("arm" if study == QUESTION else None)
    assert not faults_of(kinds.get("/v1/models"), "/v1/models", "get")


@pytest.mark.parametrize("study", [BINARY, PANEL, QUESTION, WIDE])
def test_the_example_of_a_studys_schema_is_answered(kinds: Client, study: str) -> None:
    schema = kinds.get(f"/v1/models/{study}/schema").json()
    response = kinds.post(json.dumps(schema["examples"][0]).encode())
    assert response.status_code == 200, response.text


def test_the_schema_asks_for_the_drug_or_the_treatment(kinds: Client) -> None:
    panel, arms = (kinds.get(f"/v1/models/{study}/schema").json() for study in (PANEL, QUESTION))
    assert panel["properties"]["drug"]["enum"] == list(DRUGS)
    assert "drug" in panel["required"]
    assert "clinical" in arms["properties"]["patient"]["required"]
    assert "arm" in arms["properties"]["patient"]["properties"]["clinical"]["required"]
