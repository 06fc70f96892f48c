"""Signing a model version, in service or waiting: over the API, and on its page without JavaScript."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from models.history import Event
from models.shelf import Shelf
from serving.access.caller import Role
from serving.access.key_file import KeyFile
from serving.review.shell import POLICY
from serving.settings import Settings
from serving.store.store import Store
from serving.verdicts import MODEL_REASONS, REASONS
from tests.serving.access.test_matrix import issued
from tests.serving.client import Client
from tests.serving.openapi_check import faults_of
from tests.serving.pages import HOSTILE, form_of, send
from tests.serving.test_review import Outline
from tests.serving.tiny import STUDY, add_challenger, copy_home

PATH, PAGE = "/v1/models/{study}/verdicts", f"/review/models/{STUDY}"
AGREED = {"version": 2, "verdict": "agree", "reasons": ["figures-good-enough"]}
AGAINST = {"version": 2, "verdict": "disagree", "reasons": ["worse-for-a-group"], "comment": " the old "}


@pytest.fixture
def two(home: Path, start) -> Client:
    """A service with version 1 in service and version 2 waiting."""
    add_challenger(home)
    return start()


def _sign(client: Client, document: object, **headers: str):
    return client.request("POST", PATH.format(study=STUDY), json=document, headers=headers)


def _versions(client: Client) -> dict[int, dict]:
    told = client.get(PATH.format(study=STUDY))
    assert faults_of(told, PATH, "get") == []
    return {one["version"]: one for one in told.json()["versions"]}


def _on_page(client: Client, version: int, **fields: object):
    address, hidden = form_of(client.get(f"{PAGE}?version={version}").text, "/verdicts")
    return send(client, address, {**hidden, **fields})


def test_a_waiting_version_is_signed_amended_and_told_beside_the_one_in_service(two: Client) -> None:
    assert {n: (one["can_be_signed"], one["readers"]) for n, one in _versions(two).items()} == {
        2: (True, 0), 1: (True, 0),
    }  # fmt: skip
    first, second = _sign(two, AGAINST), _sign(two, AGREED)
    assert (first.status_code, faults_of(first, PATH, "post")) == (201, [])
    kept = first.json()
    assert (kept["study"], kept["version"], kept["by"], kept["role"]) == (STUDY, 2, "local", "reviewer")
    assert kept["digest"] == Shelf(two.settings.home).entry(STUDY, "challenger").digest
    assert (kept["comment"], second.json()["amends"]) == ("the old", kept["id"])
    told = _versions(two)
    assert (told[2]["state"], told[2]["readers"]) == ("agree", 1)
    assert (told[2]["verdicts"], told[1]["verdicts"]) == ([kept, second.json()], [])


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({}, ["/version", "/verdict", "/reasons"]),
        ({"verdict": "agree"}, ["/version"]),
        *(({"version": n, "verdict": "agree"}, ["/version"]) for n in (3, "2", 2.5, True, None, [1])),
        ({"version": 2, "verdict": "disagree"}, ["/reasons"]),
        ({"version": 2, "verdict": "agree", "reasons": ["fits-the-patient"]}, ["/reasons/0"]),
        ({"version": 2, "verdict": "agree", "digest": "d" * 64}, [""]),
    ],
)
def test_what_is_no_verdict_on_a_version_is_refused_by_its_field(
    client: Client, two: Client, document: dict, pointers: list[str]
) -> None:
    refused = _sign(two, document)
    assert (refused.status_code, faults_of(refused, PATH, "post")) == (422, [])
    assert [fault["pointer"] for fault in refused.json()["faults"]] == pointers
    assert all(not one["verdicts"] for one in _versions(two).values())


def test_the_same_key_signs_once_and_an_unknown_study_is_none(two: Client) -> None:
    first, again = (_sign(two, AGREED, **{"idempotency-key": "sign-1"}) for _ in range(2))
    assert (first.json(), again.headers["idempotency-replayed"]) == (again.json(), "true")
    assert len(_versions(two)[2]["verdicts"]) == 1
    for study in ("nothing", "..%2faliases", "<script>"):
        assert two.request("POST", f"/v1/models/{study}/verdicts", json=AGREED).status_code == 404
        assert two.get(f"/v1/models/{study}/verdicts").status_code == 404


def test_what_was_said_of_a_version_stays_when_it_leaves_the_shelf(two: Client, home: Path) -> None:
    _sign(two, {**AGREED, "version": 1})
    shelf = Shelf(home)
    entry = shelf.entry(STUDY, "challenger")
    shelf.write_aliases(STUDY, {"champion": (2, entry.digest), "challenger": (2, entry.digest)})
    with Client(two.settings) as later:
        told = _versions(later)
        assert [(n, one["can_be_signed"], one["readers"]) for n, one in told.items()] == [
            (2, True, 0), (1, False, 1),
        ]  # fmt: skip
        assert _sign(later, {**AGREED, "version": 1}).status_code == 422


def test_a_tenant_sees_its_own_readers_only(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "access.toml"
    path.write_text('tenants = ["north", "south"]\nkeys = "keys.json"\n')
    keys = KeyFile(tmp_path / "keys.json")
    with Client(Settings(home=home, access=path)) as client:
        north, south = (
            {"authorization": f"Bearer {issued(keys, tenant, [Role.REVIEWER], False)}"}
            for tenant in ("north", "south")
        )
        scientist = {"authorization": f"Bearer {issued(keys, 'north', [Role.DATA_SCIENTIST], True)}"}
        signed = _sign(client, {**AGREED, "version": 1}, **north).json()
        for who, n in ((north, 1), (south, 0)):
            (told,) = client.request("GET", PATH.format(study=STUDY), headers=who).json()["versions"]
            assert len(told["verdicts"]) == n
            page = client.request("GET", PAGE, headers=who).text
            assert page.count(f"<strong>{signed['by']}</strong>") == n
        page = client.request("GET", PAGE, headers=scientist)
        assert page.status_code == 200
        assert 'id="signed"' not in page.text
        store = Store.open(client.settings)
        ((_, said),) = store.model_verdicts.last_words(STUDY)
        assert said.by == signed["by"]
        store.close()


def test_a_version_is_looked_at_and_signed_on_its_page(two: Client) -> None:
    page = two.get(f"{PAGE}?version=2")
    assert (page.status_code, Outline(page.text).open) == (200, [])
    for words in ("waits to be promoted", "Beside the version in service", "Nobody has signed this version"):
        assert words in page.text
    assert "300 patients; 600 before" in page.text
    refused = _on_page(two, 2, comment="long thought")
    assert refused.status_code == 422
    assert "Choose a verdict." in refused.text
    assert "long thought</textarea>" in refused.text
    done = _on_page(two, 2, verdict="disagree", reasons=["worse-for-a-group"], comment="At night.")
    assert (done.status_code, done.headers["location"]) == (303, f"{PAGE}?version=2#signed")
    assert _on_page(two, 2, verdict="agree").status_code == 303
    page = two.get(f"{PAGE}?version=2").text
    for words in ("At night.", MODEL_REASONS["worse-for-a-group"], "amends their verdict before"):
        assert words in page
    assert "Nobody has signed this version yet." in two.get(PAGE).text
    store = Store.open(two.settings)
    assert (store.verify_verdicts().n_rows, store.verify_verdicts().broken) == (2, None)
    store.close()


def test_pages_lead_from_one_version_to_the_other_and_to_no_third(two: Client) -> None:
    assert f'href="{PAGE}?version=2"' in two.get("/review/models").text
    assert f'href="{PAGE}?version=2"' in two.get(PAGE).text
    assert f'href="{PAGE}?version=1"' in two.get(f"{PAGE}?version=2").text
    assert two.get(f"{PAGE}?version=1").text.count("waits") == 1
    for version in ("3", "-1", "challenger", "<script>", "\u0662"):
        assert two.get(f"{PAGE}?version={version}").status_code == 404


def test_figures_of_both_versions_stand_beside_each_other(two: Client) -> None:
    card = two.get(f"/v1/models/{STUDY}").json()["card"]
    page = two.get(f"{PAGE}?version=2").text.partition('id="differs"')[2].partition("</section>")[0]
    for protocol in card["performance"].values():
        mae = protocol["model"]["mae"]
        assert page.count(f"{mae['lower']:.1f} to {mae['upper']:.1f}</small>") >= 2
    assert 'id="differs"' not in two.get(PAGE).text


def test_the_history_of_champions_is_told_newest_first_and_a_broken_one_not(two: Client, home: Path) -> None:
    assert 'id="changes"' not in two.get(PAGE).text
    first = Event("promote", 1, None, "ada", "<b>first</b>", "2026-01-02T10:00:00+00:00", ("gates",))
    forced = Event("promote", 2, 1, "ben", "urgent", "2026-02-02T10:00:00+00:00", (), ("sign-off",), "meant")
    back = Event("rollback", 1, 2, "cy", "worse", "2026-03-02T10:00:00+00:00")
    Shelf(home).write_history(STUDY, (first, forced, back))
    page = two.get(PAGE).text.partition('id="changes"')[2].partition("</section>")[0]
    said = re.findall(r"<strong>(.*?)</strong>", page)
    assert said == [
        "Version 1 was taken back into service, in the place of version 2",
        "Version 2 was promoted, in the place of version 1",
        "Version 1 was promoted",
    ]
    for words in ("by ben", "2026-02-02 10:00 UTC", "<dd>sign-off</dd>", "<dd>meant</dd>", "&lt;b&gt;first"):
        assert words in page
    (home / "history" / f"{STUDY}.json").write_text("[")
    assert 'id="changes"' not in two.get(PAGE).text


def test_a_study_of_which_only_a_version_waits_can_be_signed(home: Path, start) -> None:
    shelf = Shelf(home)
    entry = shelf.entry(STUDY, "champion")
    shelf.write_aliases(STUDY, {"challenger": (1, entry.digest)})
    own = start()
    assert "Version 1</a> waits to be promoted" in own.get("/review/models").text
    assert "No version of this study is in service" in own.get(f"{PAGE}?version=1").text
    assert _on_page(own, 1, verdict="agree").status_code == 303
    assert own.predict().status_code == 404


def test_a_challenger_whose_bundle_was_altered_is_not_shown(two: Client, home: Path) -> None:
    digest = Shelf(home).entry(STUDY, "challenger").digest
    (home / "bundles" / digest / "boosters.json").write_text("tree")
    assert two.get(f"{PAGE}?version=2").status_code == 404
    assert _sign(two, AGREED).status_code == 422
    (home / "aliases" / f"{STUDY}.json").write_text("{")
    assert two.get(PAGE).status_code == 200


def test_a_form_of_another_version_or_site_signs_nothing(two: Client) -> None:
    address, one = form_of(two.get(PAGE).text, "/verdicts")
    for fields in (
        {**one, "version": "2"},
        {**one, "token": ""},
        {**one, "version": "9"},
        {**one, "version": "<script>"},
    ):
        refused = send(two, address, {**fields, "verdict": "agree"})
        assert refused.status_code == 422
        assert "Look again, then sign." in refused.text
    foreign = send(two, address, {**one, "verdict": "agree"}, origin="http://evil.example")
    assert foreign.status_code == 403
    assert all(not told["verdicts"] for told in _versions(two).values())


def test_hostile_strings_stay_text(two: Client) -> None:
    for text in HOSTILE:
        assert _on_page(two, 2, verdict="unsure", comment=text).status_code == 303
        pages = [two.get(f"{PAGE}?version=2"), _on_page(two, 2, verdict=text, comment=text)]
        for page in pages:
            assert page.headers["content-security-policy"] == POLICY
            outline = Outline(page.text)
            assert outline.open == []
            assert not {"script", "img", "base", "iframe", "b"} & {tag for tag, _ in outline.tags}
    said = [one["comment"] for one in _versions(two)[2]["verdicts"]]
    assert said == [text.strip() for text in HOSTILE]


def test_reasons_for_models_are_none_for_patients() -> None:
    assert set(REASONS) & set(MODEL_REASONS) == {"other"}


def test_signing_a_model_names_no_patient_and_needs_no_answer(home: Path, tmp_path: Path) -> None:
    """Of a service that never answered: the log holds the verdict, sealed, and no prediction."""
    with Client(Settings(home=copy_home(home, tmp_path / "fresh"))) as own:
        _sign(own, {"version": 1, "verdict": "unsure", "comment": "Zwetschge"})
        assert b"Zwetschge" not in (own.settings.home / "store.db").read_bytes()
        assert json.loads(own.get(PATH.format(study=STUDY)).text)["versions"][0]["state"] == "unsure"
