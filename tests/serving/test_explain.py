"""An answer explained at several levels: each adds up, and each feature is counted once."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from features.encode import FeatureSpec
from features.errors import IntegrityError
from features.knowledge.signatures import signatures
from models.results import Explanation
from serving.access.restricted import restricted, restricted_text
from serving.levels import LevelWriter
from serving.schemas import LEVELS
from tests.serving.client import Client
from tests.serving.openapi_check import faults_of
from tests.serving.tiny import PATIENT, STUDY
from tests.serving.tiny_sets import ARMS, BINARY, DRUGS, PANEL, QUESTION, WIDE, gene_names, patient

ROWS = {"feature": "features", "gene": "genes", "pathway": "pathways", "block": "blocks"}
KINDS = [
    (BINARY, patient(), {}),
    (QUESTION, patient(arm=ARMS[1]), {}),
    (PANEL, patient(), {"drug": DRUGS[2]}),
    (WIDE, patient(gene_names(3000)), {}),
]


def _explain(client: Client, who: object = PATIENT, study: str = STUDY, **more: object):
    return client.request("POST", "/v1/explain", json={"study": study, "patient": who, **more})


def _adds_up(told: dict) -> None:
    for level in told["levels"]:
        rows = [row["contribution"] for row in told[ROWS[level]]]
        total = told["base"] + sum(rows) + told.get(f"other_{ROWS[level]}", 0.0)
        assert total == pytest.approx(told["margin"], abs=1e-6)


@pytest.mark.parametrize("depth", ["top", "full"])
@pytest.mark.parametrize(("study", "who", "more"), KINDS, ids=[kind[0] for kind in KINDS])
def test_every_level_adds_up_to_the_answer(
    kinds: Client, study: str, who: dict, more: dict, depth: str
) -> None:
    response = _explain(kinds, who, study, explain=depth, top=4, **more)
    assert study == WIDE or faults_of(response, "/v1/explain", "post") == []
    told = response.json()["explanation"]
    assert told["levels"] == list(LEVELS)
    _adds_up(told)
    most = {row: len(told[row]) for row in ("features", "genes", "pathways")}
    assert depth == "full" or max(most.values()) <= 4


def test_it_is_the_explanation_of_the_prediction(client: Client) -> None:
    whole = client.predict(explain="full").json()
    told = _explain(client, explain="full").json()
    assert (told["value"], told["interval"], told["basis"]) == (
        whole["value"], whole["interval"], whole["basis"],
    )  # fmt: skip
    known, why = whole["explanation"], told["explanation"]
    assert {r["name"]: r for r in why["features"]} == {r["name"]: r for r in known["features"]}
    assert {r["name"]: r["contribution"] for r in why["genes"]} == known["genes"]
    assert {r["name"]: r["contribution"] for r in why["blocks"]} == known["blocks"]
    sizes = [abs(row["contribution"]) for row in why["features"]]
    assert sizes == sorted(sizes, reverse=True)


def test_each_gene_stands_under_all_its_pathways_and_once(kinds: Client) -> None:
    told = _explain(kinds, patient(), BINARY, explain="full").json()["explanation"]
    by_hand: dict[tuple[str, ...], float] = {}
    for row in told["features"]:
        own = tuple(sorted(s.name for s in signatures().values() if row["gene"] in s.genes))
        by_hand[own or (row["block"],)] = by_hand.get(own or (row["block"],), 0.0) + row["contribution"]
    found = {tuple(row["pathways"]) or (row["block"],): row["contribution"] for row in told["pathways"]}
    assert found == pytest.approx(by_hand)
    assert sum(row["n_features"] for row in told["pathways"]) == len(told["features"])
    assert ("cd8_t_effector", "cytotoxic_cells") in found


def test_a_signature_and_a_product_go_under_their_pathways() -> None:
    names = (
        "clinical.age.value", "signature.interferon_gamma.score",
        "interaction.clinical.age.value:expression.PRF1.log2_tpm",
    )  # fmt: skip
    spec = FeatureSpec(names)
    amounts = np.array([0.5, -1.0, 2.0])
    found = Explanation(spec.features, np.array([60.0, 1.0, np.nan]), amounts, 0.25, 1.75)
    told = json.loads(LevelWriter(spec).write(found, ("pathway",), "full", 10, '"log-odds"'))
    of_prf1 = sorted(s.name for s in signatures().values() if "PRF1" in s.genes)
    assert [row["pathways"] for row in told["pathways"]] == [of_prf1, ["interferon_gamma"], []]


def test_an_explanation_that_does_not_add_up_is_withheld() -> None:
    spec = FeatureSpec(("clinical.age.value", "clinical.sex.is_male"))
    good = Explanation(spec.features, np.zeros(2), np.array([0.5, 0.25]), 1.0, 1.75)
    broken = object.__new__(Explanation)
    for field in dataclasses.fields(Explanation):
        object.__setattr__(broken, field.name, getattr(good, field.name))
    object.__setattr__(broken, "margin", 1.7500021)
    for level in LEVELS:
        assert LevelWriter(spec).write(good, (level,), "full", 10, '"1"')
        with pytest.raises(IntegrityError, match=f"by {level}"):
            LevelWriter(spec).write(broken, (level,), "top", 1, '"1"')


@pytest.mark.parametrize("levels", [["gene"], ["pathway"], ["feature", "pathway"], ["block"]])
def test_only_the_levels_asked_for_are_told_and_blocks(client: Client, levels: list[str]) -> None:
    response = _explain(client, levels=levels)
    told = response.json()["explanation"]
    assert {level for level, rows in ROWS.items() if rows in told} == {*levels, "block"}
    assert told["levels"] == [level for level in LEVELS if level in {*levels, "block"}]
    assert faults_of(response, "/v1/explain", "post") == []
    _adds_up(told)
    assert client.get(f"/review/{response.json()['id']}").status_code == 200
    assert client.get(f"/v1/predictions/{response.json()['id']}").content == response.content


@pytest.mark.parametrize("levels", [["gene"], ["pathway"], list(LEVELS)])
def test_without_genomic_access_only_rounded_blocks_are_told(kinds: Client, levels: list[str]) -> None:
    text = _explain(kinds, patient(), BINARY, levels=levels, explain="full").text
    told = json.loads(restricted_text(text))
    assert told == restricted(json.loads(text))
    why = told["explanation"]
    assert set(why) == {"scale", "base", "margin", "blocks", "rounded_to"}
    whole = kinds.ask(BINARY, patient()).json()
    assert why == restricted(whole)["explanation"]


def test_a_recorded_answer_of_every_kind_is_as_the_openapi_document_says(client: Client) -> None:
    for path in ("predict", "explain", "similar"):
        for depth in ("none", "top"):
            body = {"study": STUDY, "patient": PATIENT, "explain": depth}
            made = client.request("POST", f"/v1/{path}", json=body).json()
            found = client.get(f"/v1/predictions/{made['id']}")
            assert faults_of(found, "/v1/predictions/{id}", "get") == []


def test_nothing_is_explained_where_nothing_is_asked_or_answered(client: Client) -> None:
    assert _explain(client, explain="none").json()["explanation"] is None
    bare = {"patient_id": "p", "clinical": {"height": {"value": 170, "unit": "cm"}}}
    declined = _explain(client, bare)
    assert faults_of(declined, "/v1/explain", "post") == []
    assert (declined.json()["declined"], declined.json()["explanation"]) == (True, None)


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"levels": []}, "/levels"), ({"levels": ["gene", "organ"]}, "/levels"),
        ({"levels": "gene"}, "/levels"), ({"levels": [["gene"]]}, "/levels"),
        ({"top": 0}, "/top"), ({"top": 1001}, "/top"),
        ({"top": True}, "/top"), ({"top": 2.5}, "/top"), ({"explain": "much"}, "/explain"),
        ({"drug": 3}, "/drug"), ({"depth": "top"}, ""),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_its_place(client: Client, more: dict, pointer: str) -> None:
    answer = _explain(client, **more)
    assert answer.status_code == 422
    assert pointer in {fault["pointer"] for fault in answer.json()["faults"]}
