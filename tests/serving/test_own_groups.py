"""Each answer tells how well the model did for patients of the same groups, and what CPIC lists."""

from __future__ import annotations

import pytest

from features.readers.document import read_documents
from serving.own_groups import GroupsWriter
from tests.serving.client import Client
from tests.serving.tiny import EVALUATION, PATIENT
from tests.serving.tiny_sets import ARMS, BINARY, GENES, QUESTION, patient

UNDER = GENES[:4]
SEXES = {
    "female": {"n": 40, "model": {"auc": 0.8}, "naive": {"auc": 0.5}},
    "male": {"n": 35, "model": {"auc": 0.7}},
}
RACES = {"asian": {"n": 12, "model": {"auc": 0.9}}}
CARD = {
    "subgroups": {
        "cv": {"sex": SEXES, "race": RACES, "dose_third": {"low": {"n": 20, "model": {"auc": 0.6}}}}
    }
}


@pytest.mark.parametrize("race", ["white", "asian"])
def test_the_figures_are_those_of_the_patients_group(client: Client, race: str) -> None:
    asked = {**PATIENT, "clinical": {**PATIENT["clinical"], "race": {"value": race}}}
    own = client.predict(asked).json()["basis"]["subgroups"]
    assert [(one["protocol"], one["group"]) for one in own] == [
        ("leave_one_site_out", race),
        ("random_80_20", race),
    ]
    for one in own:
        assert one["figures"] == EVALUATION["subgroups"][one["protocol"]]["race"][race]["model"]


def test_of_a_group_that_was_not_judged_nothing_is_told(client: Client) -> None:
    asked = {**PATIENT, "clinical": {**PATIENT["clinical"], "race": {"value": "black"}}}
    assert client.predict(asked).json()["basis"]["subgroups"] == []


def test_only_the_models_own_figures_of_groups_known_beforehand() -> None:
    clinical = {"sex": {"value": "female"}, "race": {"value": "asian"}}
    cohort = read_documents([{"patient_id": "p", "clinical": clinical}])
    sex = '{"variable":"sex","group":"female","protocol":"cv","n":40,"figures":{"auc":0.8}}'
    race = '{"variable":"race","group":"asian","protocol":"cv","n":12,"figures":{"auc":0.9}}'
    assert GroupsWriter(CARD).write(cohort) == f"[{sex},{race}]"
    assert GroupsWriter(CARD).write(cohort, varied="race") == f"[{sex}]"
    assert GroupsWriter({}).write(cohort) == "[]"


def test_patients_of_a_batch_have_their_own_groups() -> None:
    documents = [{"patient_id": sex, "clinical": {"sex": {"value": sex}}} for sex in SEXES]
    cohort = read_documents(documents)
    for i, (sex, known) in enumerate(SEXES.items()):
        assert f'"group":"{sex}","protocol":"cv","n":{known["n"]},' in GroupsWriter(CARD).write(cohort, i)


def test_evidence_is_of_the_genes_read_and_the_drug_answered_about(client: Client, kinds: Client) -> None:
    evidence = client.predict().json()["basis"]["evidence"]
    assert {(one["gene"], one["drug"], one["level"]) for one in evidence} == {
        ("CYP2C9", "warfarin", "A"),
        ("VKORC1", "warfarin", "A"),
    }
    assert all(one["guideline"].startswith("https://") for one in evidence)
    assert kinds.ask(BINARY, patient()).json()["basis"]["evidence"] == []


def test_a_ranking_of_treatments_tells_the_patients_other_groups(kinds: Client) -> None:
    asked = patient(UNDER, arm=ARMS[1])
    ranked = kinds.rank(QUESTION, asked).json()["basis"]["subgroups"]
    assert [(one["variable"], one["group"], one["n"]) for one in ranked] == [("subtype", "hr_negative", 80)]
    assert kinds.ask(QUESTION, asked).json()["basis"]["subgroups"] == ranked
