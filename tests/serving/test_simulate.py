"""What becomes of an answer when something that can be changed is changed."""

from __future__ import annotations

import copy
import json

import pytest

from tests.serving.client import Client
from tests.serving.openapi_check import faults_of
from tests.serving.tiny import PATIENT, STUDY
from tests.serving.tiny_sets import ARMS, DRUGS, PANEL, QUESTION, patient

WITHOUT_AMIODARONE = {"name": "without", "medications": [{"drug": "amiodarone", "taken": False}]}
LIGHTER = {"name": "lighter", "clinical": {"weight": {"value": 60.0, "unit": "kg"}}}
UNWEIGHED = {"name": "unweighed", "clinical": {"weight": None}}


def _simulate(client: Client, changes: object, study: str = STUDY, who: object = PATIENT, **more: object):
    body = {"study": study, "patient": who, "changes": changes, **more}
    return client.request("POST", "/v1/simulate", json=body)


def _changed(change: dict) -> dict:
    """The patient as somebody would write them after the change, by hand."""
    after = copy.deepcopy(PATIENT)
    for name, fact in change.get("clinical", {}).items():
        if fact is None:
            del after["clinical"][name]
        else:
            after["clinical"][name] = fact
    drugs = {entry["drug"]: entry for entry in (*PATIENT["medications"], *change.get("medications", ()))}
    return after | {"medications": list(drugs.values())}


@pytest.mark.parametrize("change", [WITHOUT_AMIODARONE, LIGHTER, UNWEIGHED, LIGHTER | WITHOUT_AMIODARONE])
def test_a_change_is_answered_as_the_changed_patient_alone(client: Client, change: dict) -> None:
    told = _simulate(client, [change]).json()
    before, after = client.predict().json(), client.predict(_changed(change)).json()
    (row,) = told["simulated"]
    assert (told["value"], told["interval"]) == (before["value"], before["interval"])
    assert (row["value"], row["interval"], row["notices"]) == (
        after["value"], after["interval"], after["notices"],
    )  # fmt: skip
    assert row["difference"]["value"] == after["value"] - before["value"]


@pytest.mark.parametrize("depth", ["top", "full"])
def test_shares_add_up_to_the_difference(client: Client, depth: str) -> None:
    told = _simulate(client, [LIGHTER, WITHOUT_AMIODARONE], explain=depth).json()
    for row in told["simulated"]:
        why = row["difference_explained"]
        shares = [one["contribution"] for one in why["features"]]
        total = why["base"] + sum(shares) + why.get("other_features", 0.0)
        assert total == pytest.approx(why["margin"], abs=1e-9)
        moved = [one["name"] for one in why["features"] if one["value"] != one["before"]]
        assert set(moved) == set(row["inputs_changed"])


def test_a_change_that_the_model_does_not_read_changes_nothing(client: Client) -> None:
    (row,) = _simulate(
        client, [{"name": "same", "clinical": {"weight": PATIENT["clinical"]["weight"]}}]
    ).json()["simulated"]
    assert row["inputs_changed"] == []
    assert row["difference"]["value"] == 0.0
    assert {one["contribution"] for one in row["difference_explained"]["features"]} == {0.0}


def test_another_treatment_is_answered_with_the_interval_of_the_ranking(kinds: Client) -> None:
    who = patient(arm=ARMS[0])
    change = {"name": "other arm", "clinical": {"arm": {"value": ARMS[1]}}}
    (row,) = _simulate(kinds, [change], QUESTION, who).json()["simulated"]
    ranked = kinds.rank(QUESTION, who, options=list(ARMS[:2])).json()["ranked"]
    second = ranked[1]["difference"]
    turned = second if ranked[1]["option"] == ARMS[1] else {"value": -second["value"]}
    assert row["difference"]["value"] == pytest.approx(turned["value"])
    assert row["difference"]["lower"] < row["difference"]["value"] < row["difference"]["upper"]


def test_a_drug_of_a_panel_is_simulated(kinds: Client) -> None:
    change = {"name": "statin", "medications": [{"drug": "statin", "taken": True}]}
    told = _simulate(kinds, [change], PANEL, patient(), drug=DRUGS[1]).json()
    assert told["drug"] == DRUGS[1]
    assert told["simulated"][0]["inputs_changed"] == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ([{"name": "younger", "clinical": {"age": {"value": 20, "unit": "a"}}}], "/changes/0/clinical"),
        ([LIGHTER, {"name": "x", "clinical": {"Zwetschge": {"value": 1}}}], "/changes/1/clinical"),
        ([{"name": "x", "clinical": {"weight": {"value": 60}}}], "/changes/0/clinical/weight"),
        ([{"name": "x", "medications": [{"drug": "amiodarone"}]}], "/changes/0/medications/0"),
        ([LIGHTER, LIGHTER], "/changes/1/name"),
        ([{"name": "x"}], "/changes/0"),
        ([{"name": "x", "genotypes": []}], "/changes/0"),
        ([], "/changes"),
        (None, "/changes"),
        ([LIGHTER] * 21, "/changes"),
    ],
)
def test_what_cannot_be_changed_is_refused_by_its_place(
    client: Client, changes: object, pointer: str
) -> None:
    answer = _simulate(client, changes)
    assert answer.status_code == 422
    assert pointer in {fault["pointer"] for fault in answer.json()["faults"]}
    assert "Zwetschge" not in answer.text


def test_faults_of_every_change_are_told_together(client: Client) -> None:
    wrong = [{"name": f"n{i}", "clinical": {"age": {"value": 20, "unit": "a"}}} for i in range(3)]
    faults = _simulate(client, wrong).json()["faults"]
    assert [fault["pointer"] for fault in faults] == [f"/changes/{i}/clinical" for i in range(3)]


def test_a_simulation_is_recorded_and_shown(client: Client) -> None:
    told = _simulate(client, [LIGHTER])
    found = client.get(f"/v1/predictions/{told.json()['id']}")
    assert found.content == told.content
    assert faults_of(told, "/v1/simulate", "post") == []
    assert client.get(f"/review/{told.json()['id']}").status_code == 200


def test_a_declined_patient_has_no_difference(client: Client) -> None:
    bare = {"patient_id": "p", "clinical": {"height": {"value": 170, "unit": "cm"}}}
    (row,) = _simulate(client, [LIGHTER], who=bare).json()["simulated"]
    assert (row["difference"], row["difference_explained"]) == (None, None)
    assert json.loads(json.dumps(row))["declined"]
