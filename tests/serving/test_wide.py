"""Thousands of genes in a request: read, answered in bounded text, refused and not repeated."""

from __future__ import annotations

import json
import math

import pytest

from tests.serving.client import Client
from tests.serving.tiny_sets import WIDE, gene_names, patient

CANARY = "Zwetschgenknoedel"
GENES = gene_names(3000)


def test_a_short_answer_of_many_genes_tells_the_largest_and_sums_the_rest(kinds: Client) -> None:
    top, full = (kinds.ask(WIDE, patient(GENES), explain=depth).json() for depth in ("top", "full"))
    short, whole = top["explanation"], full["explanation"]
    assert len(short["features"]) == len(short["genes"]) == 10
    sizes = sorted((abs(f["contribution"]) for f in whole["features"]), reverse=True)
    assert [abs(f["contribution"]) for f in short["features"]] == sizes[:10]
    for name, told in (("other_features", [f["contribution"] for f in short["features"]]),
                       ("other_genes", [*short["genes"].values()])):  # fmt: skip
        total = short["base"] + math.fsum(told) + short[name]
        assert total == pytest.approx(whole["margin"])
    assert len(whole["genes"]) == 3001
    assert "other_genes" not in whole


def test_notices_of_many_genes_are_told_as_one(kinds: Client) -> None:
    answer = kinds.ask(WIDE, patient(GENES[:1500]), explain="none").json()
    texts = [notice["text"] for notice in answer["notices"]]
    assert "1500 expression features were not recorded; typical values stand in." in texts
    assert len(texts) < 30
    assert len(answer["basis"]["imputed"]) == 1500


def test_patients_who_lack_the_same_genes_are_told_the_same(kinds: Client) -> None:
    one, other, third = (
        kinds.ask(WIDE, patient(genes)).json()["basis"] for genes in (GENES[:9], GENES[:9], GENES)
    )
    assert one == other
    assert len(one["missing"]) == 2991
    assert third["missing"] == []


def test_a_whole_transcriptome_at_full_precision_fits_into_a_request(kinds: Client) -> None:
    levels = dict.fromkeys(_ensembl_ids(20_000), 3.123456789012345)
    document = patient(GENES[:1]) | {"expression": {"scale": "log2(TPM+1)", "values": levels}}
    response = kinds.ask(WIDE, document)
    assert len(response.request.content) > 700_000
    assert response.status_code == 200
    assert len(response.json()["basis"]["missing"]) == 3000


def _ensembl_ids(n: int) -> list[str]:
    return [f"ENSG{90_000_000_000 + i:011}" for i in range(n)]


def _refused(kinds: Client, expression: object) -> tuple[list[dict], str]:
    response = kinds.ask(WIDE, patient(GENES[:3]) | {"expression": expression})
    assert response.status_code == 422, response.text
    return response.json()["faults"], response.text


_LOG = {"scale": "log2(TPM+1)"}


@pytest.mark.parametrize(
    "expression",
    [
        None, [], 7, {}, {"scale": "log2(TPM+1)"}, {"scale": CANARY, "values": {"GENE1": 1.0}},
        {"scale": "TPM", "values": {}}, {"scale": "TPM", "values": [1.0]},
        *({**_LOG, "values": {"GENE1": value}} for value in ("7", None, True, 99.0, -3.0, [1.0], {}, 1e300)),
        {"scale": "TPM", "values": {"GENE1": 1e300}}, {"scale": "TPM", "values": {"GENE1": 1.0}, CANARY: 1},
        {"scale": "TPM", "values": {CANARY: 1.0}}, {"scale": "TPM", "values": {"": 1.0}},
        {"scale": "TPM", "values": {"1234567": 1.0}},
    ],
)  # fmt: skip
def test_expression_that_cannot_be_is_refused_and_not_repeated(kinds: Client, expression: object) -> None:
    faults, text = _refused(kinds, expression)
    assert faults[0]["pointer"].startswith("/patient/expression")
    assert CANARY not in text
    assert "1234567" not in text


def test_a_gene_that_is_no_gene_is_told_by_its_place(kinds: Client) -> None:
    faults, text = _refused(kinds, {"scale": "TPM", "values": {"GENE1": 1.0, "GENE2": 2.0, CANARY: 3.0}})
    assert faults[0]["pointer"] == "/patient/expression/values"
    assert faults[0]["what"].startswith("entry 3: ")
    assert CANARY not in text


def test_a_known_gene_with_a_wrong_value_is_named(kinds: Client) -> None:
    faults, _ = _refused(kinds, {"scale": "TPM", "values": {"GENE2": "x"}})
    assert [fault["pointer"] for fault in faults] == ["/patient/expression/values/GENE2"]


def test_a_number_as_a_key_is_not_taken_for_a_place(kinds: Client) -> None:
    document = patient(GENES[:3])
    document["clinical"]["4711001"] = {"value": 1}
    response = kinds.ask(WIDE, document)
    assert response.json()["faults"][0]["pointer"] == "/patient/clinical"
    assert "4711001" not in response.text


_ASSAY = {"name": "p", "genes": None, "reads": ["mutations"]}
_FOUND = {"gene": "TP53", "kind": "missense"}


@pytest.mark.parametrize(
    "tumour",
    [
        None, [], {"variants": []}, {"assay": {"name": CANARY}, "variants": []},
        {"assay": _ASSAY | {"genes": [CANARY]}, "variants": [_FOUND]},
        {"assay": _ASSAY | {"reads": [CANARY]}, "variants": []},
        {"assay": _ASSAY, "variants": [_FOUND | {"kind": CANARY}]},
        {"assay": _ASSAY, "variants": [_FOUND | {"vaf": 7, "protein_change": CANARY}]},
        {"assay": _ASSAY, "variants": [_FOUND | {CANARY: 1}]}, {"assay": _ASSAY, "variants": {CANARY: 1}},
    ],
)  # fmt: skip
def test_a_tumour_that_cannot_be_is_refused_and_not_repeated(kinds: Client, tumour: object) -> None:
    response = kinds.ask(WIDE, patient(GENES[:3]) | {"tumour": tumour})
    assert response.status_code == 422
    assert response.json()["faults"][0]["pointer"].startswith("/patient/tumour")
    assert CANARY not in response.text


def test_no_gene_of_a_patient_is_in_logs_or_metrics(kinds: Client, caplog: pytest.LogCaptureFixture) -> None:
    document = patient(GENES[:3]) | {"expression": {"scale": "TPM", "values": {"GENE1": 77.7125}}}
    kinds.ask(WIDE, document)
    kinds.rank(WIDE, document)
    assert "77.7125" not in "\n".join(record.getMessage() for record in caplog.records)
    assert "77.7125" not in kinds.get("/metrics").text


def test_a_body_beyond_the_limit_is_refused_however_it_is_made(start) -> None:
    body = json.dumps({"study": WIDE, "patient": patient(gene_names(60_000))}).encode()
    assert start(body_limit_bytes=100_000).post(body).status_code == 413
