"""An answer as FHIR: valid for another's models, the same numbers to the bit, no gene without access."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import fhirpathpy
import httpx
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from features.readers.document import to_document
from features.readers.fhir import read_fhir
from features.readers.index_date import IndexDates
from features.synthetic import synthetic_cohort
from serving.access.caller import Role
from serving.access.key_file import KeyFile
from serving.access.restricted import restricted
from serving.fhir.accept import asks_for_fhir
from serving.fhir.document import fhir_document
from serving.settings import Settings
from tests.serving.access.test_matrix import issued
from tests.serving.client import Client
from tests.serving.openapi_check import faults_of
from tests.serving.tiny import PATIENT, STUDY, copy_home
from tests.serving.tiny_sets import ARMS, BINARY, DRUGS, EVENT, GENES, PANEL, QUESTION, patient

FHIR = {"accept": "application/fhir+json"}


def ask(client: Client, path: str, body: dict) -> tuple[dict, dict, dict]:
    """The answer to a request, the Bundle of the same record, and the request."""
    answered = client.request("POST", path, json=body)
    assert answered.status_code == 200, answered.text
    told = client.request("GET", f"/v1/predictions/{answered.json()['id']}", headers=FHIR)
    assert told.headers["content-type"] == "application/fhir+json"
    Bundle.model_validate_json(told.content)
    return answered.json(), told.json(), body


def of(bundle: dict, kind: str) -> list[dict]:
    """The resources of one type."""
    return [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind]


def part(row: dict, *names: str) -> object:
    """The value of a nested parameter."""
    for name in names:
        (row,) = (one for one in row["part"] if one["name"] == name)
    ((_, value),) = ((key, value) for key, value in row.items() if key.startswith("value"))
    return value["value"] if isinstance(value, dict) else value


def rows(bundle: dict) -> list[dict]:
    """The rows of numbers."""
    return of(bundle, "Parameters")[0]["parameter"]


def test_a_dose_is_the_output_of_a_guidance_response(client: Client) -> None:
    answer, bundle, _ = ask(client, "/v1/predict", {"study": STUDY, "patient": PATIENT})
    (row,) = rows(bundle)
    assert part(row, "value") == answer["value"]
    for name in ("level", "lower", "upper"):
        assert part(row, "interval", name) == answer["interval"][name]
    (value,) = (one["valueQuantity"] for one in row["part"] if one["name"] == "value")
    assert (value["system"], value["code"]) == ("http://unitsofmeasure.org", "mg/wk")
    assert not of(bundle, "RiskAssessment")
    (response,) = of(bundle, "GuidanceResponse")
    assert response["status"] == "data-requested"
    assert response["note"] == [{"text": answer["advice"]}]
    assert response["subject"] == {"type": "Patient", "identifier": {"value": "patient-7"}}
    digest = answer["basis"]["bundle_digest"]
    assert [v["value"] for v in of(bundle, "Device")[0]["version"]] == ["1", digest]


def test_contributions_add_up_after_reading_them_back(client: Client) -> None:
    answer, bundle, _ = ask(client, "/v1/predict", {"study": STUDY, "patient": PATIENT, "explain": "full"})
    (row,) = rows(bundle)
    (told,) = (one for one in row["part"] if one["name"] == "explanation")
    shares = [part(one, "contribution") for one in told["part"] if one["name"] == "feature"]
    assert shares == [feature["contribution"] for feature in answer["explanation"]["features"]]
    assert part(row, "explanation", "margin") == answer["explanation"]["margin"]
    assert part(row, "explanation", "base") + sum(shares) == pytest.approx(answer["explanation"]["margin"])


def test_a_chance_is_a_risk_assessment_too(kinds: Client) -> None:
    answer, bundle, _ = ask(kinds, "/v1/predict", {"study": BINARY, "patient": patient()})
    (risk,) = of(bundle, "RiskAssessment")
    (told,) = risk["prediction"]
    assert told["probabilityDecimal"] == answer["value"] == part(rows(bundle)[0], "value")
    assert told["outcome"]["text"] == f"{EVENT}, with atezolizumab"
    ends = {one["url"]: one["valueDecimal"] for one in told["extension"][0]["extension"]}
    assert ends == answer["interval"]
    possible = [one["valueString"] for one in rows(bundle)[0]["part"] if one["name"] == "possible"]
    assert possible == answer["possible"]
    assert of(bundle, "GuidanceResponse")[0]["status"] == "success"


@pytest.mark.parametrize(("study", "document"), [(QUESTION, patient(GENES[:4], ARMS[2])), (PANEL, patient())])
def test_a_ranking_keeps_its_order_and_every_number(kinds: Client, study: str, document: dict) -> None:
    answer, bundle, _ = ask(kinds, "/v1/rank", {"study": study, "patient": document, "explain": "top"})
    assert len(rows(bundle)) == len(answer["ranked"])
    for row, told in zip(rows(bundle), answer["ranked"], strict=True):
        assert [part(row, name) for name in ("place", "option", "value")] == [
            told[name] for name in ("place", "option", "value")
        ]
        assert part(row, "interval", "lower") == told["interval"]["lower"]
        if told["difference"] is not None:
            assert part(row, "difference", "value") == told["difference"]["value"]
    chances = [p["probabilityDecimal"] for risk in of(bundle, "RiskAssessment") for p in risk["prediction"]]
    assert chances == ([row["value"] for row in answer["ranked"]] if study == QUESTION else [])


def test_every_change_of_a_simulation_is_told(client: Client) -> None:
    change = {"name": "without amiodarone", "medications": [{"drug": "amiodarone", "taken": False}]}
    body = {"study": STUDY, "patient": PATIENT, "changes": [change]}
    answer, bundle, _ = ask(client, "/v1/simulate", body)
    own, changed = rows(bundle)
    assert (own["name"], changed["name"]) == ("prediction", "simulated")
    assert part(changed, "name") == "without amiodarone"
    assert part(changed, "value") == answer["simulated"][0]["value"]
    assert part(changed, "difference", "value") == answer["simulated"][0]["difference"]["value"]


def test_an_abstention_has_no_number_and_says_what_is_missing(client: Client) -> None:
    answer, bundle, _ = ask(client, "/v1/predict", {"study": STUDY, "patient": {"patient_id": "bare"}})
    assert answer["declined"]
    (response,) = of(bundle, "GuidanceResponse")
    assert response["status"] == "data-required"
    codes = [
        one for need in response["dataRequirement"] for f in need.get("codeFilter", ()) for one in f["code"]
    ]
    assert {"8302-2", "29463-7", "30525-0"} <= {code.get("code") for code in codes}
    assert not of(bundle, "RiskAssessment")
    names = {one["name"] for one in rows(bundle)[0]["part"]}
    assert not names & {"value", "interval", "explanation"}
    (words,) = of(bundle, "OperationOutcome")
    assert {i["severity"] for i in words["issue"]} >= {"error"}
    assert words["issue"][0]["details"]["text"] == answer["notices"][0]["text"]


def test_implications_derive_from_the_genotypes_that_were_sent(client: Client, tmp_path: Path) -> None:
    body = {"study": STUDY, "patient": PATIENT, "explain": "full"}
    answer, bundle, _ = ask(client, "/v1/predict", body)
    found = of(bundle, "Observation")
    implications = [o for o in found if o["code"]["coding"][0]["code"] == "therapeutic-implication"]
    assert implications
    by_url = {e["fullUrl"]: e["resource"] for e in bundle["entry"]}
    for one in implications:
        texts = [c.get("valueString") or c["valueCodeableConcept"]["text"] for c in one["component"]]
        assert texts[1:] == ["warfarin", "CPIC level A (Final)"]
        (genotype,) = (by_url[ref["reference"]] for ref in one["derivedFrom"])
        gene = genotype["component"][0]["valueCodeableConcept"]["text"]
        assert repr(abs(answer["explanation"]["genes"][gene])) in texts[0]
        assert one["extension"][0]["valueRelatedArtifact"]["url"].startswith("https://cpicpgx.org/")
    _check_read_back(bundle, tmp_path)


def _check_read_back(bundle: dict, folder: Path) -> None:
    """Our own reader reads the genotypes as they were sent, once there is a patient."""
    here = {"resourceType": "Patient", "id": "patient-7"}
    genotypes = [o for o in of(bundle, "Observation") if o["code"]["coding"][0]["code"] == "84413-4"]
    named = [o | {"subject": {"reference": "Patient/patient-7"}} for o in genotypes]
    entries = [{"resource": one} for one in (here, *named)]
    path = folder / "back.json"
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    cohort = read_fhir([path], IndexDates({"patient-7": date(2030, 1, 1)})).cohort
    sent = {c.get("rsid", c["gene"]): c.get("alleles") or c["diplotype"] for c in PATIENT["genotypes"]}
    back = dict(zip(cohort.genotypes.locus, cohort.genotypes.call, strict=True))
    assert back
    assert back == {locus: sent[locus] for locus in back}


def test_no_implication_of_a_gene_that_was_filled_in(client: Client) -> None:
    without = PATIENT | {"genotypes": []}
    _, bundle, _ = ask(client, "/v1/predict", {"study": STUDY, "patient": without, "explain": "full"})
    assert not of(bundle, "Observation")


def test_without_genomic_access_no_gene_is_named(client: Client) -> None:
    for document in (PATIENT, PATIENT | {"genotypes": []}, {"patient_id": "bare"}):
        answer, bundle, body = ask(client, "/v1/predict", {"study": STUDY, "patient": document})
        less = fhir_document(restricted(answer), body, genomic=False)
        text = json.dumps(less)
        Bundle.model_validate_json(text)
        assert not of(less, "Observation")
        assert not any(word in text for word in ("CYP2C9", "VKORC1", "rs9923231", "*1/*3"))
        if not answer["declined"]:
            assert part(rows(less)[0], "value") == part(rows(bundle)[0], "value")


def test_every_reference_leads_to_an_entry_and_ids_are_unique(client: Client, kinds: Client) -> None:
    asked = [
        ask(client, "/v1/predict", {"study": STUDY, "patient": PATIENT})[1],
        ask(kinds, "/v1/rank", {"study": QUESTION, "patient": patient(GENES[:4], ARMS[2])})[1],
    ]
    for bundle in asked:
        urls = {entry["fullUrl"] for entry in bundle["entry"]}
        referred = fhirpathpy.evaluate(bundle, "Bundle.descendants().reference", model=None)
        assert {ref for ref in referred if isinstance(ref, str)} <= urls
        ids = [entry["resource"]["id"] for entry in bundle["entry"]]
        assert len(set(ids)) == len(ids) == len(urls)
        assert all(len(one) <= 64 for one in ids)


def test_the_same_record_is_the_same_document_byte_for_byte(client: Client) -> None:
    answered = client.request("POST", "/v1/predict", json={"study": STUDY, "patient": PATIENT}, headers=FHIR)
    path = f"/v1/predictions/{answered.json()['id']}"
    assert client.request("GET", path, headers=FHIR).content == answered.content
    plain = client.get(path)
    assert plain.headers["content-type"] == "application/json"
    assert plain.json()["value"] == part(rows(answered.json())[0], "value")


def test_a_patient_may_be_named_by_reference(client: Client) -> None:
    document = PATIENT | {"patient_id": "Patient/p-1"}
    _, bundle, _ = ask(client, "/v1/predict", {"study": STUDY, "patient": document})
    assert of(bundle, "GuidanceResponse")[0]["subject"] == {"type": "Patient", "reference": "Patient/p-1"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/predict", b"{", 400), ("POST", "/v1/predict", b'{"study": 1}', 422),
        ("POST", "/v1/rank", b'{"study":"no","patient":{}}', 404),
        ("GET", "/v1/predictions/" + "0" * 32, b"", 404), ("GET", "/nowhere", b"", 404),
        ("GET", "/v1/predict", b"", 405), ("POST", "/v1/predict", b" " * (2**21 + 1), 413),
    ],
)  # fmt: skip
def test_errors_for_a_fhir_client_are_operation_outcomes(
    client: Client, method: str, path: str, body: bytes, status: int
) -> None:
    headers = FHIR | {"content-type": "application/json"}
    response = client.request(method, path, content=body, headers=headers)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/fhir+json")
    outcome = OperationOutcome.model_validate_json(response.content)
    assert outcome.issue[0].severity in ("error", "fatal")
    plain = client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert plain.headers["content-type"] == "application/problem+json"
    assert outcome.issue[0].details.text == plain.json()["detail"]
    assert len(outcome.issue) == 1 + len(plain.json()["faults"])


def test_an_idempotency_key_answers_in_the_media_type_it_was_asked_for(client: Client) -> None:
    def again(accept: str) -> httpx.Response:
        headers = {"accept": accept, "idempotency-key": "fhir-1"}
        return client.request(
            "POST", "/v1/predict", json={"study": STUDY, "patient": PATIENT}, headers=headers
        )

    first, second = again(FHIR["accept"]), again(FHIR["accept"])
    assert first.content == second.content
    assert second.headers["content-type"] == "application/fhir+json"
    assert again("application/json").status_code == 422


@pytest.mark.parametrize(
    ("value", "asks"),
    [
        (b"application/fhir+json", True), (b"Application/FHIR+json;fhirVersion=4.0", True),
        (b"text/html, application/fhir+json;q=0.5", True), (b"application/json", False), (b"*/*", False),
        (b"application/fhir+json;q=0", False), (b"application/fhir+jsonx", False), (b"", False),
    ],
)  # fmt: skip
def test_fhir_is_answered_to_whoever_names_it(value: bytes, asks: bool) -> None:
    assert asks_for_fhir([(b"host", b"x"), (b"accept", value)]) == asks


def test_one_drug_of_a_panel_is_told_by_its_name(kinds: Client) -> None:
    body = {"study": PANEL, "patient": patient(), "drug": DRUGS[1]}
    answer, bundle, _ = ask(kinds, "/v1/predict", body)
    assert part(rows(bundle)[0], "drug") == DRUGS[1]
    assert part(rows(bundle)[0], "value") == answer["value"]


def test_fhir_answers_are_described(client: Client) -> None:
    asked = {"study": STUDY, "patient": PATIENT}
    good = client.request("POST", "/v1/predict", json=asked, headers=FHIR)
    bad = client.request("POST", "/v1/predict", json={"study": "no", "patient": {}}, headers=FHIR)
    assert (good.status_code, bad.status_code) == (200, 404)
    assert not faults_of(good, "/v1/predict", "post")
    assert not faults_of(bad, "/v1/predict", "post")


def test_a_caller_without_genomic_access_gets_the_document_without_genes(
    shelf_home: Path, tmp_path: Path
) -> None:
    access = tmp_path / "access.toml"
    access.write_text('tenants = ["north"]\nkeys = "keys.json"\n')
    keys = KeyFile(tmp_path / "keys.json")
    roles = [Role.APPLICATION, Role.REVIEWER]
    full, less = (issued(keys, "north", roles, genomic) for genomic in (True, False))
    with Client(Settings(home=copy_home(shelf_home, tmp_path / "home"), access=access)) as client:

        def as_fhir(key: str, method: str, path: str, **options: object) -> httpx.Response:
            headers = FHIR | {"authorization": f"Bearer {key}"}
            return client.request(method, path, headers=headers, **options)

        asked = {"json": {"study": STUDY, "patient": PATIENT}}
        given = as_fhir(less, "POST", "/v1/predict", **asked)
        path = f"/v1/predictions/{given.json()['id']}"
        assert as_fhir(less, "GET", path).content == given.content
        assert "CYP2C9" not in given.text
        assert "VKORC1" not in given.text
        whole = as_fhir(full, "GET", path)
        assert "VKORC1" in whole.text
        assert part(rows(whole.json())[0], "value") == part(rows(given.json())[0], "value")
        refused = client.request("POST", "/v1/predict", headers=FHIR, **asked)
        assert (refused.status_code, refused.json()["resourceType"]) == (401, "OperationOutcome")


def test_anothers_models_read_the_same_doubles(client: Client, kinds: Client) -> None:
    dose, bundle, _ = ask(client, "/v1/predict", {"study": STUDY, "patient": PATIENT})
    read = [e.resource for e in Bundle.model_validate_json(json.dumps(bundle)).entry]
    (numbers,) = (one for one in read if one.get_resource_type() == "Parameters")
    told = {part.name: part for part in numbers.parameter[0].part}
    assert float(told["value"].valueQuantity.value) == dose["value"]
    chance, bundle, _ = ask(kinds, "/v1/predict", {"study": BINARY, "patient": patient()})
    read = [e.resource for e in Bundle.model_validate_json(json.dumps(bundle)).entry]
    (risk,) = (one for one in read if one.get_resource_type() == "RiskAssessment")
    assert float(risk.prediction[0].probabilityDecimal) == chance["value"]


def test_every_patient_has_a_valid_document_with_the_answers_numbers(client: Client) -> None:
    cohort = synthetic_cohort(30, seed=3)
    for one in cohort.patient_ids:
        body = {"study": STUDY, "patient": to_document(cohort, one), "explain": "top"}
        answer, bundle, _ = ask(client, "/v1/predict", body)
        (row,) = rows(bundle)
        assert ("value" in {p["name"] for p in row["part"]}) != answer["declined"]
        assert answer["declined"] or part(row, "value") == answer["value"]
        less = json.dumps(fhir_document(restricted(answer), body, genomic=False))
        assert not any(gene in less for gene in ("CYP2C9", "VKORC1", "rs99"))


def test_answers_by_level_and_among_others_are_told_as_fhir_too(client: Client) -> None:
    asked = {"study": STUDY, "patient": PATIENT}
    answer, bundle, _ = ask(client, "/v1/explain", asked | {"levels": ["gene"], "explain": "full"})
    (row,) = rows(bundle)
    assert part(row, "value") == answer["value"]
    assert part(row, "explanation", "margin") == answer["explanation"]["margin"]
    answer, bundle, _ = ask(client, "/v1/similar", asked)
    assert part(rows(bundle)[0], "value") == answer["value"]


def test_a_reader_keeps_the_same_document_as_a_file(client: Client) -> None:
    _, bundle, _ = ask(client, "/v1/predict", {"study": STUDY, "patient": PATIENT})
    page = f"/review/{bundle['id']}"
    kept = client.get(f"{page}/fhir")
    assert kept.json() == bundle
    assert kept.headers["content-type"] == "application/fhir+json"
    assert kept.headers["content-disposition"] == f'attachment; filename="rxplain-{bundle["id"]}.json"'
    assert f'href="{page}/fhir"' in client.get(page).text
    assert client.get(f"/review/{'0' * 32}/fhir").status_code == 404
