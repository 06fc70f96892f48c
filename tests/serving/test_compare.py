"""Two answers on one page: what differs, and the way from one to the other, which adds up."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from models.bundle import load
from serving.review.compare_view import comparison
from serving.store.store import Store
from tests.serving.client import Client
from tests.serving.tiny import PATIENT
from tests.serving.tiny_sets import ARMS, BINARY, DRUGS, GENES, PANEL, QUESTION, patient

OLDER = {
    **PATIENT,
    "patient_id": "patient-8",
    "clinical": {**PATIENT["clinical"], "age": {"value": 81, "unit": "a"}},
    "medications": [],
}


def _view(client: Client, first: str, second: str):
    store = Store.open(client.settings)
    records = tuple(store.predictions.find(one, "local") for one in (first, second))
    store.close()
    home = client.settings.home
    return comparison(records, tuple(load(home / "bundles" / r.digest, r.digest) for r in records))


def test_the_way_leads_from_the_first_answer_to_the_second(client: Client) -> None:
    first, second = client.predict().json(), client.predict(OLDER).json()
    view = _view(client, first["id"], second["id"])
    way = view.waterfall
    assert way is not None
    assert (way.base, way.margin) == (first["explanation"]["margin"], second["explanation"]["margin"])
    assert way.base + sum(step.amount for step in way.steps) == pytest.approx(way.margin, abs=1e-9)
    before, after = (
        {row["name"]: row["contribution"] for row in one["explanation"]["features"]}
        for one in (first, second)
    )
    told = {
        row.name: row.amount for block in way.blocks for gene in block.genes for row in gene.rows if row.name
    }
    apart = {name: after[name] - before[name] for name in after}
    assert told == {name: amount for name, amount in apart.items() if abs(amount) >= 0.005}


def test_only_facts_that_differ_are_told(client: Client) -> None:
    view = _view(client, client.predict().json()["id"], client.predict(OLDER).json()["id"])
    assert ("Age", "63 years", "81 years") in view.facts
    assert all(one != other for _, one, other in view.facts)
    assert {name for name, *_ in view.facts} == {"Age", "Amiodarone", "Simvastatin"}
    assert view.n_alike == 8


def test_an_answer_beside_itself_differs_in_nothing(client: Client) -> None:
    answer = client.predict().json()["id"]
    view = _view(client, answer, answer)
    assert view.facts == ()
    assert view.waterfall is not None
    assert view.waterfall.steps == ()


@pytest.mark.parametrize("explain", ["top", "none"])
def test_short_explanations_still_add_up(kinds: Client, explain: str) -> None:
    ids = [kinds.ask(BINARY, patient(seed=seed), explain=explain).json()["id"] for seed in (3, 4)]
    way = _view(kinds, *ids).waterfall
    if explain == "none":
        assert way is None
    else:
        assert way is not None
        assert way.base + sum(step.amount for step in way.steps) == pytest.approx(way.margin, abs=1e-9)


def test_answers_to_different_questions_are_shown_but_not_subtracted(kinds: Client) -> None:
    one, other = (kinds.ask(PANEL, patient(), drug=drug).json()["id"] for drug in DRUGS[:2])
    page = kinds.get(f"/review/{one}/compare?with={other}")
    assert page.status_code == 200
    assert "They answer different questions" in page.text


def test_the_page_shows_both_and_each_look_is_noted(client: Client) -> None:
    first, second = client.predict().json(), client.predict(OLDER).json()
    page = client.get(f"/review/{first['id']}/compare?with={second['id']}")
    assert page.status_code == 200
    for one in (first, second):
        assert f"{round(one['value'], 1):g} mg a week" in page.text
        assert one["patient_id"] in page.text
    with closing(sqlite3.connect(client.settings.home / "store.db")) as rows:
        looked = rows.execute("SELECT record_id FROM access WHERE route LIKE '%compare'").fetchall()
    assert {first["id"], second["id"]} <= {row[0] for row in looked}


@pytest.mark.parametrize("other", ["", "x", "0" * 31, "../../etc/passwd", "<script>alert(1)</script>"])
def test_what_is_no_id_is_refused(client: Client, other: str) -> None:
    answer = client.predict().json()["id"]
    response = client.request("GET", f"/review/{answer}/compare", params={"with": other})
    assert response.status_code == 422
    assert json.loads(response.content)["faults"][0]["pointer"] == "with"
    assert "script" not in response.text


def test_an_unknown_answer_is_not_found(client: Client) -> None:
    answer = client.predict().json()["id"]
    assert client.get(f"/review/{answer}/compare?with={'0' * 32}").status_code == 404


def test_a_ranking_has_no_single_answer_to_compare(kinds: Client) -> None:
    asked = patient(GENES[:4], arm=ARMS[1])
    ranked, answer = kinds.rank(QUESTION, asked).json()["id"], kinds.ask(QUESTION, asked).json()["id"]
    assert kinds.get(f"/review/{answer}/compare?with={ranked}").status_code == 422
