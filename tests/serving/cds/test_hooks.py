"""A record discovers the services, asks at its hooks, gets cards, and tells what was done with them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from serving.settings import Settings
from tests.serving.cds.record import PATIENT, genotype, order, quantity, request
from tests.serving.cds.specified import response_faults, service_faults
from tests.serving.client import Client
from tests.serving.tiny import STUDY, copy_home

CANARY = "Zwetschge"


@pytest.fixture(scope="module")
def cds(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service that knows where browsers find it, and whose cards a sandbox may ask for."""
    home = copy_home(shelf_home, tmp_path_factory.mktemp("cds") / "home")
    known = Settings(home=home, public_url="https://rx.example.org", cds_origins=("https://ehr.example.org",))
    with Client(known) as running:
        yield running


@pytest.fixture
def services(cds: Client) -> dict[str, Any]:
    """The services by their hook."""
    return {one["hook"]: one for one in cds.get("/cds-services").json()["services"]}


def _ask(cds: Client, service: dict, document: object) -> Any:
    return cds.request("POST", f"/cds-services/{service['id']}", json=document)


def test_discovery_is_as_specified(cds: Client, services: dict) -> None:
    assert set(services) == {"patient-view", "order-select", "order-sign"}
    assert [fault for one in services.values() for fault in service_faults(one)] == []
    assert services["order-sign"]["id"] == f"{STUDY}-order-sign"


@pytest.mark.parametrize("hook", ["patient-view", "order-select", "order-sign"])
def test_a_card_tells_the_recorded_answer(cds: Client, services: dict, hook: str) -> None:
    response = _ask(cds, services[hook], request(services[hook], order()))
    assert response.status_code == 200
    assert response_faults(response.json()) == []
    (card,) = response.json()["cards"]
    answer = cds.get(f"/v1/predictions/{UUID(card['uuid']).hex}").json()
    assert answer["patient_id"] == "p1"
    said = f"{round(answer['value'], 1):g} mg a week"
    assert said in card["summary"]
    assert f"**{said}**" in card["detail"]
    assert answer["advice"] in card["detail"]
    assert card["links"][0]["url"] == f"https://rx.example.org/review/{answer['id']}"


def test_the_numbers_are_those_of_the_same_facts_as_json(cds: Client, services: dict) -> None:
    (card,) = _ask(cds, services["order-sign"], request(services["order-sign"], order())).json()["cards"]
    answer = cds.get(f"/v1/predictions/{UUID(card['uuid']).hex}").json()
    used = set(answer["basis"]["inputs_used"])
    assert {"genotype.CYP2C9.*3_count", "clinical.weight.value", "clinical.age.value"} <= used
    facts = {row["name"]: row["value"] for row in answer["explanation"]["features"]}
    assert facts["genotype.CYP2C9.*3_count"] == 1.0
    assert facts["clinical.weight.value"] == 81.5


def test_what_was_missed_is_offered_as_a_test_and_not_recommended(cds: Client, services: dict) -> None:
    (card,) = _ask(cds, services["order-sign"], request(services["order-sign"], order())).json()["cards"]
    (suggestion,) = card["suggestions"]
    assert suggestion["isRecommended"] is False
    assert suggestion["label"].startswith("Genotyping of VKORC1")
    resource = suggestion["actions"][0]["resource"]
    assert (resource["resourceType"], resource["status"], resource["intent"]) == (
        "ServiceRequest",
        "draft",
        "proposal",
    )


@pytest.mark.parametrize(
    ("name", "code", "n_cards"),
    [
        ("Warfarin Sodium 5 MG Oral Tablet", "855332", 1),
        ("a coumarin", "11289", 1),
        ("Apixaban 5 MG Oral Tablet", "1364447", 0),
        ("Warfarinoid", "1", 0),
    ],
)
def test_only_orders_of_the_drug_bring_a_card(
    cds: Client, services: dict, name: str, code: str, n_cards: int
) -> None:
    response = _ask(cds, services["order-sign"], request(services["order-sign"], order(name, code)))
    assert (response.status_code, len(response.json()["cards"])) == (200, n_cards)


def test_only_what_was_just_selected_counts(cds: Client, services: dict) -> None:
    orders = order(), order("Apixaban 5 MG Oral Tablet", "1364447", "m2")
    for chosen, n_cards in (("m1", 1), ("m2", 0)):
        asked = request(services["order-select"], *orders, selections=[f"MedicationRequest/{chosen}"])
        assert len(_ask(cds, services["order-select"], asked).json()["cards"]) == n_cards


def test_opening_a_record_without_a_genotype_brings_no_card_and_no_row(cds: Client, services: dict) -> None:
    asked = request(services["patient-view"])
    asked["prefetch"]["observations"]["entry"] = [{"resource": quantity("29463-7", 81.5, "kg")}]
    assert _ask(cds, services["patient-view"], asked).json() == {"cards": []}


def test_a_patient_who_cannot_be_answered_gets_a_card_that_says_so(cds: Client, services: dict) -> None:
    asked = request(services["order-sign"], order())
    asked["prefetch"]["patient"] = {"resourceType": "Patient", "id": "p1"}
    asked["prefetch"]["observations"]["entry"] = []
    response = _ask(cds, services["order-sign"], asked)
    assert response_faults(response.json()) == []
    (card,) = response.json()["cards"]
    answer = cds.get(f"/v1/predictions/{UUID(card['uuid']).hex}").json()
    assert card["indicator"] == ("warning" if answer["declined"] else "info")
    if answer["declined"]:
        assert "no weekly dose is predicted" in card["summary"]


@pytest.mark.parametrize("gone", ["patient", "observations"])
@pytest.mark.parametrize("told", [None, "absent", {"resourceType": "OperationOutcome", "issue": []}])
def test_without_what_must_be_prefetched_it_is_412(
    cds: Client, services: dict, gone: str, told: object
) -> None:
    asked = request(services["order-sign"], order())
    if told == "absent":
        del asked["prefetch"][gone]
    else:
        asked["prefetch"][gone] = told
    refused = _ask(cds, services["order-sign"], asked)
    assert refused.status_code == 412
    assert refused.headers["content-type"] == "application/fhir+json"
    assert [issue.get("diagnostics") for issue in refused.json()["issue"]] == [None, f"/prefetch/{gone}"]


@pytest.mark.parametrize("key", ["conditions", "medications", "statements", "goals"])
def test_what_else_could_not_be_fetched_is_done_without(cds: Client, services: dict, key: str) -> None:
    asked = request(services["order-sign"], order())
    asked["prefetch"][key] = None
    assert len(_ask(cds, services["order-sign"], asked).json()["cards"]) == 1


def test_what_was_done_with_a_card_is_kept_with_its_prediction(cds: Client, services: dict) -> None:
    (card,) = _ask(cds, services["order-sign"], request(services["order-sign"], order())).json()["cards"]
    reason = {
        "reason": {"code": "judgement", "system": "urn:rxplain:override-reason"},
        "userComment": "INR 4",
    }
    told = {
        "card": card["uuid"],
        "outcome": "overridden",
        "overrideReason": reason,
        "outcomeTimestamp": "2026-05-01T10:00:00Z",
    }
    path = f"/cds-services/{services['order-sign']['id']}/feedback"
    accepted = {"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": "2026-05-01T10:01:00+02:00"}
    assert cds.request("POST", path, json={"feedback": [told, accepted]}).status_code == 200
    kept = cds.get(f"/v1/predictions/{UUID(card['uuid']).hex}/feedback").json()["feedback"]
    assert [one["kind"] for one in kept] == ["overridden", "agreed"]
    assert json.loads(kept[0]["detail"])["overrideReason"] == reason


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({}, 400),
        ({"feedback": []}, 400),
        ({"feedback": [7]}, 400),
        (
            {
                "feedback": [
                    {"card": CANARY, "outcome": "accepted", "outcomeTimestamp": "2026-05-01T10:00:00Z"}
                ]
            },
            400,
        ),
        ({"feedback": [{"card": str(UUID(int=7)), "outcome": CANARY, "outcomeTimestamp": CANARY}]}, 400),
        (
            {
                "feedback": [
                    {
                        "card": str(UUID(int=7)),
                        "outcome": "accepted",
                        "outcomeTimestamp": "2026-05-01T10:00:00Z",
                    }
                ]
            },
            404,
        ),
    ],
)
def test_feedback_on_no_card_is_refused(cds: Client, services: dict, told: dict, status: int) -> None:
    refused = cds.request("POST", f"/cds-services/{services['order-sign']['id']}/feedback", json=told)
    assert refused.status_code == status
    assert refused.json()["resourceType"] == "OperationOutcome"
    assert CANARY not in refused.text


def _broken(asked: dict) -> Iterator[tuple[str, dict]]:
    """Requests with one thing wrong, by what is wrong."""

    def changed(what: str, *path: str, value: object = CANARY) -> tuple[str, dict]:
        document = copy.deepcopy(asked)
        at = document
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = value
        return what, document

    yield changed("hook", "hook")
    for value in (CANARY, 7, None, "", "x" * 36):
        yield changed("instance", "hookInstance", value=value)
    for value in (CANARY, [], 7, None):
        yield changed("context", "context", value=value)
        yield changed("prefetch", "prefetch", value=value if value is not None else CANARY)
        yield changed("orders", "context", "draftOrders", value=value)
    for value in (CANARY, 7, None, "", "p2", ["p1"], "x" * 65):
        yield changed("patient", "context", "patientId", value=value)
    for value in (
        {"resourceType": "Patient", "id": CANARY},
        {"resourceType": "Patient"},
        {**PATIENT, "birthDate": CANARY},
    ):
        yield changed("prefetched patient", "prefetch", "patient", value=value)
    for wrong in (
        {**genotype("CYP2C9", "*1/*3"), "status": 7},
        {**quantity("29463-7", 81.5, "kg"), "valueQuantity": {"value": CANARY}},
        {**quantity("29463-7", 81.5, CANARY)},
        {**quantity("29463-7", -5.0, "kg")},
        {**quantity("29463-7", 81.5, "kg"), CANARY: 1},
    ):
        bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": wrong}]}
        yield changed("observation", "prefetch", "observations", value=bundle)


def test_hostile_requests_are_refused_and_nothing_of_them_is_told(cds: Client, services: dict) -> None:
    service = services["order-sign"]
    for what, document in _broken(request(service, order())):
        refused = _ask(cds, service, document)
        assert 400 <= refused.status_code < 500, what
        assert refused.headers["content-type"] == "application/fhir+json"
        assert refused.json()["resourceType"] == "OperationOutcome"
        assert CANARY not in refused.text, what


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b"[" * 5000]
)
def test_what_is_no_json_is_refused(cds: Client, services: dict, body: bytes) -> None:
    path = f"/cds-services/{services['order-sign']['id']}"
    refused = cds.request("POST", path, content=body, headers={"content-type": "application/json"})
    assert refused.status_code == 400
    assert refused.json()["resourceType"] == "OperationOutcome"


def test_an_unknown_service_is_404(cds: Client) -> None:
    refused = cds.request("POST", "/cds-services/nothing-here", json={})
    assert refused.status_code == 404
    assert refused.json()["issue"][0]["details"]["coding"][0]["code"] == "unknown-service"


@pytest.mark.parametrize(
    ("origin", "is_let_in"), [("https://ehr.example.org", True), ("https://evil.example", False)]
)
def test_only_listed_web_pages_may_call(cds: Client, services: dict, origin: str, is_let_in: bool) -> None:
    path = f"/cds-services/{services['order-sign']['id']}"
    asks = {"origin": origin, "access-control-request-method": "POST"}
    before = cds.request("OPTIONS", path, headers=asks)
    assert (before.headers.get("access-control-allow-origin") == origin) is is_let_in
    assert (before.status_code == 200) is is_let_in
    after = cds.request("GET", "/cds-services", headers={"origin": origin})
    assert (after.headers.get("access-control-allow-origin") == origin) is is_let_in
    assert (
        "access-control-allow-origin"
        not in cds.request("GET", "/v1/models", headers={"origin": origin}).headers
    )
