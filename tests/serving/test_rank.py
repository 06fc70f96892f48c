"""All drugs of a panel, or all treatments, of one patient in one call."""

from __future__ import annotations

import json
import math
import time

import pytest

from features.readers.document import read_documents
from models.bundle import load
from serving.store.store import Store
from tests.serving.client import Client
from tests.serving.openapi_check import faults_of
from tests.serving.test_body import REFUSED
from tests.serving.tiny import STUDY
from tests.serving.tiny_sets import (
    ARMS,
    BINARY,
    DRUGS,
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
CANARY = "Zwetschgenknoedel"


def test_a_panel_is_ranked_best_first(kinds: Client) -> None:
    answer = kinds.rank(PANEL, patient()).json()
    values = [row["value"] for row in answer["ranked"]]
    assert answer["better"] == "lower"
    assert values == sorted(values)
    assert sorted(row["option"] for row in answer["ranked"]) == sorted(DRUGS)
    assert [row["place"] for row in answer["ranked"]] == list(range(1, len(DRUGS) + 1))


def test_treatments_are_ranked_whatever_is_recorded_of_the_patients_own(kinds: Client) -> None:
    without, under = (kinds.rank(QUESTION, patient(UNDER, arm)).json() for arm in (None, ARMS[2]))
    assert without["question"] == "arm"
    assert [row["option"] for row in without["ranked"]] != list(ARMS)
    values = [row["value"] for row in without["ranked"]]
    assert values == sorted(values, reverse=True)
    assert {row["option"] for row in under["ranked"]} == set(ARMS)


def test_an_option_of_a_ranking_is_answered_as_it_is_alone(kinds: Client) -> None:
    for row in kinds.rank(PANEL, patient(), explain="full").json()["ranked"]:
        alone = kinds.ask(PANEL, patient(), drug=row["option"]).json()
        assert (row["value"], row["interval"]) == (alone["value"], alone["interval"])
        assert row["explanation"] == alone["explanation"]
    for row in kinds.rank(QUESTION, patient(UNDER, ARMS[0])).json()["ranked"]:
        alone = kinds.ask(QUESTION, patient(UNDER, row["option"])).json()
        assert (row["value"], row["possible"]) == (alone["value"], alone["possible"])


def test_a_ranking_gives_the_models_own_numbers(kinds: Client) -> None:
    answer = kinds.rank(QUESTION, patient(UNDER), level=0.8).json()
    models = load(kinds.settings.home / "bundles" / answer["basis"]["bundle_digest"]).models
    answers = models.answer(read_documents([patient(UNDER)], models.spec), 0.8)
    for row, own in zip(answer["ranked"], models.rank(answers, 0), strict=True):
        assert (row["place"], row["option"], row["value"]) == (own.place, own.option, own.prediction.value)
        assert row["difference"] == {"value": own.difference, "lower": own.lower, "upper": own.upper}


def test_differences_are_from_the_first_and_hold_themselves(kinds: Client) -> None:
    first, *others = kinds.rank(PANEL, patient()).json()["ranked"]
    assert first["difference"]["value"] == 0.0
    for row in others:
        difference = row["difference"]
        assert difference["value"] == pytest.approx(row["value"] - first["value"])
        assert difference["lower"] <= difference["value"] <= difference["upper"]


def test_chosen_options_are_ranked_alone(kinds: Client) -> None:
    chosen = kinds.rank(PANEL, patient(), options=[DRUGS[4], DRUGS[1]]).json()["ranked"]
    everything = kinds.rank(PANEL, patient()).json()["ranked"]
    assert {row["option"] for row in chosen} == {DRUGS[4], DRUGS[1]}
    values = {row["option"]: row["value"] for row in everything}
    assert all(row["value"] == values[row["option"]] for row in chosen)


@pytest.mark.parametrize("explain", ["none", "top", "full"])
@pytest.mark.parametrize("study", [PANEL, QUESTION, BINARY])
def test_rankings_are_as_the_openapi_document_says(kinds: Client, study: str, explain: str) -> None:
    document = patient(UNDER if study == QUESTION else GENES)
    response = kinds.rank(study, document, explain=explain)
    assert not faults_of(response, "/v1/rank", "post")
    for row in response.json()["ranked"]:
        assert (row["explanation"] is None) == (explain == "none")


def test_contributions_of_each_option_add_up(kinds: Client) -> None:
    for row in kinds.rank(QUESTION, patient(UNDER), explain="full").json()["ranked"]:
        explanation = row["explanation"]
        total = explanation["base"] + math.fsum(f["contribution"] for f in explanation["features"])
        assert total == pytest.approx(explanation["margin"], abs=1e-9)


def test_what_is_said_of_every_option_is_told_once(kinds: Client) -> None:
    bare = {"patient_id": "bare", "clinical": {"age": {"value": 101, "unit": "a"}}}
    answer = kinds.rank(PANEL, bare).json()
    assert {"out_of_range", "modality_missing"} <= {notice["code"] for notice in answer["notices"]}
    assert all(row["notices"] == [] for row in answer["ranked"])


def test_a_patient_who_cannot_be_answered_is_declined_under_every_option(client: Client) -> None:
    answer = client.rank(STUDY, {"patient_id": "bare"}).json()
    (row,) = answer["ranked"]
    assert row["declined"]
    assert row["value"] is row["interval"] is row["difference"] is None
    assert any(notice["severity"] == "decline" for notice in answer["notices"])


def test_a_ranking_is_one_durable_row_as_it_was_sent(kinds: Client) -> None:
    answered = kinds.rank(PANEL, patient())
    again = kinds.get(f"/v1/predictions/{answered.json()['id']}")
    assert again.content == answered.content
    assert not faults_of(again, "/v1/predictions/{id}", "get")
    store = Store.open(kinds.settings)
    record = store.predictions.find(answered.json()["id"], "local")
    assert record.request.encode() == answered.request.content
    assert store.verify().broken is None
    store.close()


def test_rankings_are_counted(kinds: Client) -> None:
    kinds.rank(PANEL, patient())
    metrics = kinds.get("/metrics").text
    assert 'rxplain_predictions_total{result="ranked",study="tiny-panel",version="1"}' in metrics
    assert 'route="/v1/rank"' in metrics


@pytest.mark.parametrize(
    ("options", "pointers"),
    [
        ([], ["/options"]), (None, ["/options"]), ("Venetoclax", ["/options"]), ({}, ["/options"]),
        ([CANARY], ["/options/0"]), ([DRUGS[0], CANARY, 7], ["/options/2"]),
        ([DRUGS[0], CANARY], ["/options/1"]), ([DRUGS[0], DRUGS[0]], ["/options/1"]),
        ([None], ["/options/0"]), (["x" * 200], ["/options/0"]),
        ([[DRUGS[0]]], ["/options/0"]), ([DRUGS[0]] * 1001, ["/options"]),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused_by_their_place(kinds: Client, options, pointers) -> None:
    response = kinds.rank(PANEL, patient(), options=options)
    assert response.status_code == 422
    assert [fault["pointer"] for fault in response.json()["faults"]] == pointers
    assert CANARY not in response.text


@pytest.mark.parametrize("field", ["drug", CANARY])
def test_unknown_fields_are_refused(kinds: Client, field: str) -> None:
    response = kinds.rank(PANEL, patient(), **{field: DRUGS[0]})
    assert response.status_code == 422
    assert CANARY not in response.text


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_strict_json_is_refused(kinds: Client, name: str) -> None:
    options = {"content": REFUSED[name], "headers": {"content-type": "application/json"}}
    assert kinds.request("POST", "/v1/rank", **options).status_code == 400


@pytest.mark.slow
def test_more_contributions_than_a_page_could_hold_are_refused(start, home) -> None:
    publish(home, panel_draft(40, [f"drug-{i}" for i in range(40)], gene_names(3000)))
    client, document = start(), patient(gene_names(3000))
    response = client.rank(PANEL, document, explain="full")
    assert [fault["pointer"] for fault in response.json()["faults"]] == ["/explain"]
    assert client.rank(PANEL, document, explain="full", options=["drug-1"]).status_code == 200
    began = time.perf_counter()
    assert len(client.rank(PANEL, document, explain="top").json()["ranked"]) == 40
    assert time.perf_counter() - began < 5.0


def test_a_wide_study_can_be_ranked(kinds: Client) -> None:
    assert len(kinds.rank(WIDE, patient(gene_names(3000)), explain="top").json()["ranked"]) == 1


def test_unknown_studies_are_not_found(kinds: Client) -> None:
    body = json.dumps({"study": CANARY, "patient": patient()})
    response = kinds.request("POST", "/v1/rank", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 404
    assert CANARY not in response.text
