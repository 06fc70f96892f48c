"""Training patients near a patient: told as the bundle holds them, and no row or small cell ever."""

from __future__ import annotations

import json

import numpy as np
import pytest

from features.encode import encode
from features.readers.document import read_documents
from models import bundle
from serving.access.restricted import restricted, restricted_text
from tests.serving.client import Client
from tests.serving.openapi_check import faults_of
from tests.serving.tiny import NAMES, PATIENT, STUDY
from tests.serving.tiny_sets import (
    ARMS,
    BINARY,
    DRUGS,
    PANEL,
    QUESTION,
    WIDE,
    gene_names,
    patient,
    question_draft,
)


def _similar(client: Client, who: object = PATIENT, study: str = STUDY, **more: object):
    return client.request("POST", "/v1/similar", json={"study": study, "patient": who, **more})


def _without_vkorc1() -> dict:
    return {**PATIENT, "genotypes": [g for g in PATIENT["genotypes"] if g["gene"] != "VKORC1"]}


def test_the_answer_is_the_patients_own_with_those_near(client: Client) -> None:
    told = _similar(client)
    assert faults_of(told, "/v1/similar", "post") == []
    own, near = client.predict(explain="none").json(), told.json()
    assert (near["value"], near["interval"], near["basis"]) == (own["value"], own["interval"], own["basis"])
    assert near["explanation"] is None
    assert near["similar"]["of"] == 600
    assert near["similar_by_clinical_facts"]["n"] >= near["similar"]["n"] >= 20


def test_every_step_is_true_of_the_patient(client: Client) -> None:
    for who in (PATIENT, _without_vkorc1()):
        steps = _similar(client, who).json()["similar"]["path"]
        cohort = read_documents([who], _spec(client))
        known = dict(zip(NAMES, encode(cohort, _spec(client)).values[0].tolist(), strict=True))
        assert steps
        for step in steps:
            value = known[step["feature"]]
            value = 0.0 if np.isnan(value) and step["silence_is_no"] else value
            found = "not_recorded" if np.isnan(value) else "at_least" if value >= step["value"] else "below"
            assert step["is"] == found
            assert step["text"].startswith(step["label"])


def _spec(client: Client):
    (folder,) = (client.settings.home / "bundles").iterdir()
    return bundle.load(folder).models.spec


def test_what_was_not_recorded_goes_its_own_way(client: Client) -> None:
    steps = _similar(client, _without_vkorc1()).json()["similar"]["path"]
    (step,) = [step for step in steps if "VKORC1" in step["feature"]]
    assert (step["is"], step["value"]) == ("not_recorded", None)
    assert step["text"].endswith(": not recorded")


def test_clinical_steps_are_the_first_and_tell_nothing_molecular(client: Client) -> None:
    near = _similar(client).json()
    wide, narrow = near["similar_by_clinical_facts"]["path"], near["similar"]["path"]
    assert narrow[: len(wide)] == wide
    assert all(step["feature"].startswith(("clinical.", "medication.")) for step in wide)
    assert len(narrow) > len(wide)


def test_without_genomic_access_only_those_by_clinical_facts_are_told(client: Client) -> None:
    text = _similar(client, explain="full").text
    told = json.loads(restricted_text(text))
    assert told == restricted(json.loads(text))
    assert "similar" not in told
    assert told["similar_by_clinical_facts"] == json.loads(text)["similar_by_clinical_facts"]
    assert not [one for one in ("VKORC1", "CYP2C9") if one in json.dumps(told["similar_by_clinical_facts"])]


def test_a_declined_patient_has_no_neighbours(client: Client) -> None:
    bare = {"patient_id": "p", "clinical": {"height": {"value": 170, "unit": "cm"}}}
    told = _similar(client, bare)
    assert faults_of(told, "/v1/similar", "post") == []
    assert told.json()["declined"]
    assert (told.json()["similar"], told.json()["similar_by_clinical_facts"]) == (None, None)


def test_of_an_event_the_rate_is_told_with_its_interval(kinds: Client) -> None:
    told = _similar(kinds, patient(), BINARY)
    assert faults_of(told, "/v1/similar", "post") == []
    near = told.json()["similar"]
    rate = near["outcome"]
    assert 0.0 <= rate["lower"] <= rate["rate"] <= rate["upper"] <= 1.0
    events = round(rate["rate"] * near["n"])
    assert min(events, near["n"] - events) >= 10


def test_of_a_panel_the_drug_asked_about_is_told(kinds: Client) -> None:
    told = [_similar(kinds, patient(), PANEL, drug=drug) for drug in DRUGS[:2]]
    assert [faults_of(one, "/v1/similar", "post") for one in told] == [[], []]
    near = [one.json()["similar"] for one in told]
    assert near[0]["path"] == near[1]["path"]
    assert near[0]["outcome"] != near[1]["outcome"]
    assert near[0]["options"] == {}


def test_of_treatments_each_is_told_where_enough_had_it(kinds: Client) -> None:
    told = _similar(kinds, patient(arm=ARMS[0]), QUESTION)
    assert faults_of(told, "/v1/similar", "post") == []
    near = told.json()["similar_by_clinical_facts"]
    assert tuple(near["options"]) == ARMS
    assert any(near["options"].values())
    cohort = question_draft().cohort
    arms, happened = cohort.texts("arm"), cohort.outcome("pcr")
    for arm, rate in near["options"].items():
        own = happened[arms == arm]
        assert rate is None or near["n"] < len(cohort) or rate["rate"] == pytest.approx(own.mean(), abs=1e-6)
    other = _similar(kinds, patient(arm=ARMS[1]), QUESTION).json()["similar"]
    assert other["path"] == told.json()["similar"]["path"]


def test_a_bundle_that_kept_nothing_says_so(kinds: Client) -> None:
    told = _similar(kinds, patient(gene_names(3000)), WIDE)
    assert told.status_code == 404
    assert told.json()["type"] == "urn:rxplain:problem:not-available"
    assert faults_of(told, "/v1/similar", "post") == []


def test_it_is_recorded_and_shown_and_answered_once(client: Client) -> None:
    body = {"study": STUDY, "patient": PATIENT}
    first, again = (
        client.request("POST", "/v1/similar", json=body, headers={"idempotency-key": "near-1"})
        for _ in range(2)
    )
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    found = client.get(f"/v1/predictions/{first.json()['id']}")
    assert found.content == first.content
    assert client.get(f"/review/{first.json()['id']}").status_code == 200
    told = {"name": "weekly_dose", "value": 30.0, "unit": "mg/wk"}
    reported = client.request("POST", f"/v1/predictions/{first.json()['id']}/outcomes", json=told)
    assert reported.status_code == 201


def test_no_row_of_a_training_patient_is_told(client: Client) -> None:
    text = _similar(client).text
    assert not [i for i in range(600) if f'"s{i}"' in text]
    assert set(json.loads(text)["similar"]) == {
        "path", "n", "of", "outcome", "options", "shares", "held_out",
    }  # fmt: skip
