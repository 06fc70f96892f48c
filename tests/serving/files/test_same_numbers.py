"""The same patient as JSON, VCF, MAF, panel calls or bundle: the same numbers, bit for bit, also replayed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from serving.settings import Settings
from tests.serving.client import Client
from tests.serving.files.sent import (
    AMPLIFIED,
    ASSAY,
    CALLS,
    INDEX,
    MAF,
    TUMOUR,
    VARIANTS,
    bgzip,
    bundle,
    form,
    tumour_draft,
    vcf,
)
from tests.serving.tiny import PATIENT, STUDY, copy_home
from tests.serving.tiny_sets import patient, publish

WITHOUT_GENES = {name: part for name, part in PATIENT.items() if name != "genotypes"}
ASKED = {"study": STUDY, "patient": WITHOUT_GENES, "explain": "full"}
FHIR = {"content-type": "application/fhir+json"}


@pytest.fixture(scope="module")
def service(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    home = copy_home(shelf_home, tmp_path_factory.mktemp("files") / "home")
    publish(home, tumour_draft())
    with Client(Settings(home=home)) as started:
        yield started


def but_for_the_id(response: httpx.Response) -> dict:
    assert response.status_code == 200, response.text
    return {name: value for name, value in response.json().items() if name != "id"}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("path", ["/v1/predict", "/v1/rank"])
def test_a_vcf_says_what_the_genotypes_say(service: Client, path: str, packed: bool) -> None:
    file = bgzip(vcf()) if packed else vcf()
    sent = form(service, ASKED, path, vcf=file, assume_reference="true")
    plain = service.request("POST", path, json=ASKED | {"patient": PATIENT})
    assert but_for_the_id(sent) == but_for_the_id(plain)


def test_a_silent_vcf_is_not_taken_for_the_reference_unasked(service: Client) -> None:
    sent = form(service, ASKED, vcf=vcf())
    rsid_only = WITHOUT_GENES | {"genotypes": PATIENT["genotypes"][1:]}
    plain = service.request("POST", "/v1/predict", json=ASKED | {"patient": rsid_only})
    assert but_for_the_id(sent) == but_for_the_id(plain)


def test_a_build_that_the_head_does_not_tell_is_declared(service: Client) -> None:
    bare = b"".join(line for line in vcf().splitlines(keepends=True) if not line.startswith(b"##contig"))
    undeclared = form(service, ASKED, vcf=bare)
    assert undeclared.status_code == 422
    assert undeclared.json()["faults"][0]["pointer"] == "vcf"
    assert "GRCh38" in undeclared.json()["faults"][0]["remedy"]
    declared = form(service, ASKED, vcf=bare, assume_reference="true", build="GRCh38")
    plain = service.request("POST", "/v1/predict", json=ASKED | {"patient": PATIENT})
    assert but_for_the_id(declared) == but_for_the_id(plain)


@pytest.mark.parametrize(
    ("part", "file", "found"), [("maf", MAF, VARIANTS), ("panel", CALLS, [*VARIANTS, AMPLIFIED])]
)
def test_a_tumours_files_say_what_its_findings_say(
    service: Client, part: str, file: str, found: list[dict]
) -> None:
    asked = {"study": TUMOUR, "explain": "full", "patient": patient() | {"tumour": {"assay": ASSAY}}}
    told = {**asked, "patient": patient() | {"tumour": {"assay": ASSAY, "variants": found}}}
    plain = but_for_the_id(service.request("POST", "/v1/predict", json=told))
    assert but_for_the_id(form(service, asked, **{part: file.encode()})) == plain
    wild = service.request("POST", "/v1/predict", json={"study": TUMOUR, "patient": patient()})
    assert wild.json()["value"] != plain["value"]


def test_a_file_without_findings_is_wild_type(service: Client) -> None:
    asked = {"study": TUMOUR, "patient": patient() | {"tumour": {"assay": ASSAY}}}
    told = {**asked, "patient": patient() | {"tumour": {"assay": ASSAY, "variants": []}}}
    empty = MAF.splitlines(keepends=True)[0].encode()
    plain = but_for_the_id(service.request("POST", "/v1/predict", json=told))
    assert but_for_the_id(form(service, asked, maf=empty)) == plain


def test_a_bundle_says_what_the_document_says(service: Client) -> None:
    plain = service.request("POST", "/v1/predict", json=ASKED | {"patient": PATIENT})
    posted = json.dumps(bundle()).encode()
    in_form = form(service, {"study": STUDY}, bundle=posted, index=INDEX)
    assert but_for_the_id(in_form) == but_for_the_id(plain)
    address = f"/v1/predict?study={STUDY}&explain=full&level=0.9"
    alone = service.request("POST", address, content=posted, headers=FHIR)
    assert but_for_the_id(alone) == but_for_the_id(plain)
    ranked = service.request("POST", f"/v1/rank?study={STUDY}&options=warfarin", content=posted, headers=FHIR)
    assert but_for_the_id(ranked)["ranked"][0]["value"] == plain.json()["value"]


def test_what_a_bundle_says_of_later_days_is_left_out(service: Client) -> None:
    tomorrow = (datetime.now(UTC).date() + timedelta(days=2)).isoformat()
    later = bundle()
    weight = {**later["entry"][3]["resource"], "effectiveDateTime": tomorrow}
    weight["valueQuantity"] = {**weight["valueQuantity"], "value": 60.5}
    later["entry"].append({"resource": weight})
    address = f"/v1/predict?study={STUDY}"
    first, second = (
        service.request("POST", address, content=json.dumps(one), headers=FHIR) for one in (bundle(), later)
    )
    assert but_for_the_id(first) == but_for_the_id(second)


def test_files_and_request_add_up(service: Client) -> None:
    genes = form(service, ASKED, vcf=vcf(), assume_reference="true")
    without = bundle()
    without["entry"] = [e for e in without["entry"] if "84413-4" not in json.dumps(e)]
    both = form(
        service, {"study": STUDY}, bundle=json.dumps(without).encode(), vcf=vcf(), assume_reference="true"
    )
    assert but_for_the_id(both) == but_for_the_id(genes)


def test_the_row_replays_bit_for_bit(service: Client, tmp_path: Path) -> None:
    answered = form(service, ASKED, vcf=vcf(), assume_reference="true")
    kept = service.get(f"/v1/predictions/{answered.json()['id']}")
    assert kept.content == answered.content
    record = _record(service, answered.json()["id"])
    again = service.post(record.request.encode())
    assert but_for_the_id(again) == but_for_the_id(answered)
    genotypes = json.loads(record.request)["patient"]["genotypes"]
    assert {"gene": "CYP2C9", "diplotype": "*1/*3"} in genotypes


def _record(service: Client, prediction_id: str):
    from serving.store.store import Store

    store = Store.open(service.settings)
    try:
        return store.predictions.find(prediction_id, "local")
    finally:
        store.close()


def test_a_form_sent_again_is_answered_once(service: Client) -> None:
    def send(file: bytes) -> httpx.Response:
        parts = {"vcf": ("a", file), "request": (None, json.dumps(ASKED))}
        return service.request("POST", "/v1/predict", files=parts, headers={"idempotency-key": "form-1"})

    first, second = send(vcf()), send(vcf())
    assert first.status_code == 200
    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"
    assert send(vcf(RECORDS_OTHER)).status_code == 422


RECORDS_OTHER = "chr16\t31096368\trs9923231\tC\tT\t.\tPASS\t.\tGT\t1/1\n"


def test_a_bundle_in_may_be_answered_by_a_bundle_out(service: Client) -> None:
    headers = FHIR | {"accept": "application/fhir+json"}
    content = json.dumps(bundle())
    answered = service.request("POST", f"/v1/predict?study={STUDY}", content=content, headers=headers)
    assert answered.headers["content-type"] == "application/fhir+json"
    assert answered.json()["type"] == "collection"
