"""What callers without genomic access are told: the same numbers, explained by block and rounded."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.access.caller import Role
from serving.access.key_file import KeyFile
from serving.access.restricted import restricted, restricted_text
from serving.json_text import plain
from serving.settings import Settings
from tests.serving.access.test_matrix import issued
from tests.serving.client import Client
from tests.serving.openapi_check import faults_of
from tests.serving.tiny import PATIENT, STUDY, copy_home
from tests.serving.tiny_sets import (
    ARMS,
    BINARY,
    DRUGS,
    GENES,
    PANEL,
    QUESTION,
    WIDE,
    gene_names,
    patient,
)

ASKED = {"study": STUDY, "patient": PATIENT}
EXPLANATION = {
    "scale": "root(mg/wk)", "base": 5.83, "margin": 5.5, "features": [],
    "genes": {"CYP2C9": -0.4567, "VKORC1": 0.1},
    "blocks": {"genotype": -0.3567, "clinical": 0.02699, "medication": 0.0},
}  # fmt: skip


def test_blocks_are_rounded_to_two_digits_of_the_largest() -> None:
    told = restricted({"value": 30.25, "explanation": EXPLANATION})
    assert told["value"] == 30.25
    assert told["explanation"] == {
        "scale": "root(mg/wk)", "base": 5.83, "margin": 5.5, "rounded_to": 0.01,
        "blocks": {"genotype": -0.36, "clinical": 0.03, "medication": 0.0},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("amounts", "rounded", "step"),
    [([123.4, -7.2], [120.0, -10.0], 10.0), ([0.00123, 1e-7], [0.0012, 0.0], 1e-4), ([0.0], [0.0], 0.1)],
)
def test_rounding_follows_the_size(amounts: list[float], rounded: list[float], step: float) -> None:
    blocks = {str(i): amount for i, amount in enumerate(amounts)}
    told = restricted({"explanation": EXPLANATION | {"blocks": blocks}})["explanation"]
    assert list(told["blocks"].values()) == pytest.approx(rounded)
    assert told["rounded_to"] == pytest.approx(step)


def test_notices_of_single_genes_are_told_in_general_and_once() -> None:
    def notice(code: str, text: str, feature: str | None) -> dict:
        return {"code": code, "text": text, "severity": "caution", "feature": feature}

    height = notice("out_of_range", "Height lies beyond every patient trained on.", "clinical.height.value")
    tp53 = notice("out_of_range", "TP53 lies beyond every patient trained on.", "expression.TP53.log2_tpm")
    rare = [notice("unknown_allele", f"{g} has an allele that no patient carried.", None) for g in ("A", "B")]
    told = restricted({"notices": [height, tp53, *rare]})["notices"]
    assert told[0] == height
    assert [n["code"] for n in told] == ["out_of_range", "out_of_range", "unknown_allele"]
    assert told[1]["feature"] is None
    assert "TP53" not in json.dumps(told)
    assert "A has" not in json.dumps(told)


def test_a_document_is_left_as_it_was() -> None:
    given = {"explanation": copy.deepcopy(EXPLANATION), "notices": [], "ranked": []}
    before = copy.deepcopy(given)
    restricted(given)
    assert given == before


class Two:
    """The same application asked by somebody with genomic access and by somebody without."""

    def __init__(self, client: Client, keys: KeyFile) -> None:
        self._client = client
        roles = [Role.APPLICATION, Role.REVIEWER]
        self.keys = {genomic: issued(keys, "north", roles, genomic) for genomic in (True, False)}

    def ask(self, genomic: bool, method: str, path: str, **options: object):
        """A request of either."""
        headers = {"authorization": f"Bearer {self.keys[genomic]}", **options.pop("headers", {})}
        return self._client.request(method, path, headers=headers, **options)


@pytest.fixture(scope="module")
def two(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("restricted")
    path = folder / "access.toml"
    path.write_text('tenants = ["north"]\nkeys = "keys.json"\n')
    with Client(Settings(home=copy_home(shelf_home, folder / "home"), access=path)) as started:
        yield Two(started, KeyFile(folder / "keys.json"))


def _same_but_for_the_id(answer: dict) -> dict:
    return {name: value for name, value in answer.items() if name != "id"}


@pytest.mark.parametrize("explain", ["none", "top", "full"])
@pytest.mark.parametrize("path", ["/v1/predict", "/v1/rank", "/v1/simulate", "/v1/explain", "/v1/similar"])
def test_an_answer_is_the_full_one_restricted(two: Two, path: str, explain: str) -> None:
    drug = {"name": "with amiodarone", "medications": [{"drug": "amiodarone", "taken": False}]}
    body = {**ASKED, "explain": explain, **({"changes": [drug]} if path == "/v1/simulate" else {})}
    full, less = (two.ask(genomic, "POST", path, json=body) for genomic in (True, False))
    assert full.status_code == less.status_code == 200
    assert not faults_of(less, path, "post")
    assert _same_but_for_the_id(less.json()) == _same_but_for_the_id(restricted(full.json()))
    if explain != "none":
        assert "rs9923231" not in json.dumps(less.json().get("explanation"))
        assert '"contribution"' not in less.text
        assert '"contribution"' in full.text


def test_the_durable_row_keeps_the_full_answer(two: Two) -> None:
    less = two.ask(False, "POST", "/v1/predict", json=ASKED)
    path = f"/v1/predictions/{less.json()['id']}"
    assert two.ask(False, "GET", path).content == less.content
    full = two.ask(True, "GET", path).json()
    total = full["explanation"]["base"] + math.fsum(
        f["contribution"] for f in full["explanation"]["features"]
    )
    assert total == pytest.approx(full["explanation"]["margin"], abs=1e-9)
    assert restricted(full) == less.json()


def test_lines_of_a_batch_are_restricted_too(two: Two) -> None:
    media = {"content-type": "application/x-ndjson"}
    rows = two.ask(False, "POST", "/v1/batch", content=json.dumps(ASKED), headers=media).text.splitlines()
    assert set(json.loads(rows[0])["answer"]["explanation"]) == {
        "scale",
        "base",
        "margin",
        "blocks",
        "rounded_to",
    }


HOSTILE = (
    '"features":[',
    '"levels":[',
    '"similar":',
    '"blocks":{',
    ',"basis":{',
    '"simulated":[',
    '],"genes":{',
    "\\",
    '\\"',
    "é",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_quick_way_is_the_same_whatever_a_patient_is_called(client: Client, name: str) -> None:
    called = f"p{name}p"
    change = {"name": called, "medications": [{"drug": "amiodarone", "taken": False}]}
    asked = {f"/v1/{what}": {} for what in ("predict", "rank", "explain", "similar")}
    for path, more in {**asked, "/v1/simulate": {"changes": [change]}}.items():
        body = {**ASKED, "patient": PATIENT | {"patient_id": called}, "explain": "full", **more}
        text = client.request("POST", path, json=body).text
        assert json.loads(text)["patient_id"] == called
        assert restricted_text(text) == plain(restricted(json.loads(text)))


@pytest.mark.parametrize("explain", ["none", "top", "full"])
def test_the_quick_way_is_the_same_for_every_kind_of_study(kinds: Client, explain: str) -> None:
    few, many = patient(), patient(gene_names(3000)[:100])
    treated = patient(GENES[:4], ARMS[2])
    answers = [
        kinds.ask(BINARY, few, explain=explain), kinds.ask(PANEL, few, drug=DRUGS[3], explain=explain),
        kinds.ask(QUESTION, treated, explain=explain), kinds.ask(WIDE, many, explain=explain),
        kinds.rank(PANEL, few, explain=explain), kinds.rank(QUESTION, treated, explain=explain),
        kinds.rank(BINARY, {"patient_id": "bare"}, explain=explain),
    ]  # fmt: skip
    for answer in answers:
        assert answer.status_code == 200, answer.text
        told = restricted_text(answer.text)
        assert told == plain(restricted(answer.json()))
        assert '"contribution"' not in told
        assert '"features"' not in told


def test_the_quick_way_is_the_same_where_notices_tell_of_genes(client: Client, kinds: Client) -> None:
    rare = PATIENT | {"genotypes": [{"gene": "CYP2C9", "diplotype": "*1/*8"}, *PATIENT["genotypes"][1:]]}
    high = patient()
    high["expression"]["values"] = dict.fromkeys(GENES, 20.0)
    for answer, code in ((client.predict(rare), "unknown_allele"), (kinds.ask(BINARY, high), "out_of_range")):
        assert f'"code":"{code}"' in answer.text
        assert restricted_text(answer.text) == plain(restricted(answer.json()))
        notices = json.loads(restricted_text(answer.text))["notices"]
        (told,) = (notice for notice in notices if notice["code"] == code)
        assert told["feature"] is None
        assert not any(gene in told["text"] for gene in ("CYP2C9", *GENES))
