"""The what-if form: answered as by the API, recorded, and shown beside the original."""

from __future__ import annotations

import re

import pytest

from tests.serving.client import Client
from tests.serving.pages import HOSTILE, form_of, send
from tests.serving.test_review import Outline
from tests.serving.tiny import PATIENT, STUDY
from tests.serving.tiny_sets import ARMS, DRUGS, GENES, PANEL, QUESTION, WIDE, gene_names, patient


def _asked(client: Client, prediction_id: str, **changes: str):
    address, fields = form_of(client.get(f"/review/{prediction_id}").text, "/what-if")
    assert not set(changes) - set(fields)
    return send(client, address, {**fields, **changes})


def _shown(client: Client, response) -> tuple[str, dict]:
    """The page that a question leads to, and the answer that was recorded."""
    assert response.status_code == 303, response.text
    where = response.headers["location"].partition("#")[0]
    page = client.get(where).text
    assert Outline(page).open == []
    return page, client.get(where.replace("/review/", "/v1/predictions/")).json()


def test_a_change_on_the_page_is_answered_as_over_the_api(client: Client) -> None:
    made = client.predict().json()["id"]
    page, told = _shown(
        client, _asked(client, made, **{"clinical.weight": "60,5", "medication.amiodarone": "not taken"})
    )
    change = {
        "name": "x", "clinical": {"weight": {"value": 60.5, "unit": "kg"}},
        "medications": [{"drug": "amiodarone", "taken": False}],
    }  # fmt: skip
    body = {"study": STUDY, "patient": PATIENT, "changes": [change], "explain": "full"}
    (wanted,) = client.request("POST", "/v1/simulate", json=body).json()["simulated"]
    (row,) = told["simulated"]
    assert {**row, "name": "x"} == wanted
    assert f"<strong>{row['value']:.1f} mg a week</strong>" in page
    assert f"{row['interval']['lower']:.1f} to {row['interval']['upper']:.1f}" in page
    assert page.count('class="ghost"') == 2
    assert "Weight 60,5 kg; " in page


def test_a_class_is_not_taken_when_none_of_its_drugs_is(client: Client) -> None:
    taking = {**PATIENT, "medications": [{"drug": "simvastatin", "taken": True}]}
    made = client.predict(taking).json()["id"]
    _, told = _shown(client, _asked(client, made, **{"medication.statin": "not taken"}))
    assert told["simulated"][0]["inputs_changed"] == ["medication.statin.taken"]


def test_a_fact_can_be_taken_away_and_asked_on_from_there(client: Client) -> None:
    made = client.predict().json()["id"]
    first = _asked(client, made, **{"medication.amiodarone": "not taken"})
    next_id = first.headers["location"].rpartition("/")[2].partition("#")[0]
    _, told = _shown(client, _asked(client, next_id, **{"clinical.smoker": ""}))
    assert told["simulated"][0]["inputs_changed"] == ["clinical.smoker.flag", "medication.amiodarone.taken"]
    assert told["value"] == client.predict().json()["value"]


def test_treatments_are_asked_about_where_they_are_the_question(kinds: Client) -> None:
    made = kinds.ask(QUESTION, patient(GENES[:4], ARMS[1])).json()["id"]
    page, told = _shown(kinds, _asked(kinds, made, **{"clinical.arm": ARMS[2]}))
    assert f"<strong>{100 * told['simulated'][0]['value']:.0f}%</strong>" in page
    assert "percentage points from the answer as recorded" in page


@pytest.mark.parametrize("study", [PANEL, WIDE])
def test_where_nothing_can_be_changed_there_is_no_form(kinds: Client, study: str) -> None:
    drug = {"drug": DRUGS[0]} if study == PANEL else {}
    genes = gene_names(3000) if study == WIDE else GENES
    page = kinds.get(f"/review/{kinds.ask(study, patient(genes), **drug).json()['id']}").text
    assert "/what-if" not in page


@pytest.mark.parametrize("weight", ["-5", "1e9", "heavy", "nan", *HOSTILE])
def test_what_cannot_be_is_told_beside_the_form(client: Client, weight: str) -> None:
    made = client.predict().json()["id"]
    refused = _asked(client, made, **{"clinical.weight": weight})
    assert refused.status_code == 422
    outline = Outline(refused.text)
    assert outline.open == []
    assert "script" not in {tag for tag, _ in outline.tags}
    assert re.search(r'role="alert">\s*Weight: ', refused.text)
    (field,) = [a for a in outline.all("input") if a["name"] == "clinical.weight"]
    assert field["value"] == weight


def test_asking_nothing_is_told_and_not_recorded(client: Client) -> None:
    made = client.predict().json()["id"]
    refused = _asked(client, made)
    assert refused.status_code == 422
    assert "Change something first" in refused.text


def test_the_form_wants_its_token(client: Client) -> None:
    made = client.predict().json()["id"]
    address, fields = form_of(client.get(f"/review/{made}").text, "/what-if")
    refused = send(client, address, {**fields, "token": "1.x", "clinical.weight": "60"})
    assert refused.status_code == 422
    assert "lay open for too long" in refused.text


def test_a_ranking_has_no_form_and_takes_none(kinds: Client) -> None:
    made = kinds.rank(PANEL, patient()).json()["id"]
    page = kinds.get(f"/review/{made}").text
    assert "/what-if" not in page
    assert send(kinds, f"/review/{made}/what-if", {"token": "1.x"}).status_code == 404


def test_the_page_tells_the_numbers_of_the_api(client: Client) -> None:
    answer = client.predict().json()
    page = client.get(f"/review/{answer['id']}").text
    rows = dict(re.findall(r'data-feature="([^"]+)">.*?<td class="figure">([^ <]+)', page))
    told = {f["name"]: f["contribution"] for f in answer["explanation"]["features"]}
    assert set(rows) == set(told)
    for name, said in rows.items():
        assert float(said.replace("\N{MINUS SIGN}", "-")) == pytest.approx(told[name], abs=0.00501)
