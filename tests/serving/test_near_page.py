"""The page of people like a patient: what it says is what the API tells, and nothing it may not."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from models import bundle as bundles
from models.shelf import Shelf
from serving.access.caller import Role
from serving.access.key_file import KeyFile
from serving.review.near_drawing import draw_near
from serving.review.near_view import near_view
from serving.review.questions import left_out
from serving.review.shell import POLICY
from serving.review.views import review_view
from serving.settings import Settings
from serving.store.store import Store
from tests.serving.access.test_matrix import issued
from tests.serving.client import Client
from tests.serving.pages import HOSTILE
from tests.serving.server_process import ServerProcess
from tests.serving.test_review import Outline
from tests.serving.tiny import PATIENT, STUDY, copy_home, write_bundle
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
)  # fmt: skip

WITHOUT_VKORC1 = {**PATIENT, "genotypes": [g for g in PATIENT["genotypes"] if g["gene"] != "VKORC1"]}
BARE = {"patient_id": "p", "clinical": {"height": {"value": 170, "unit": "cm"}}}
ASKED = [
    pytest.param(("client", STUDY, PATIENT, {}), id="quantity"),
    pytest.param(("client", STUDY, WITHOUT_VKORC1, {}), id="quantity without a genotype"),
    pytest.param(("kinds", BINARY, patient(), {}), id="event"),
    pytest.param(("kinds", PANEL, patient(), {"drug": DRUGS[1]}), id="panel"),
    pytest.param(("kinds", QUESTION, patient(GENES[:4], arm=ARMS[0]), {}), id="treatments"),
]
ANSWERS = {"below": "no", "at_least": "yes", "not_recorded": "not recorded"}


class Read(HTMLParser):
    """The rows of each table of a page as texts, by the section's id and the table's class or caption, and
    the text of each section."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: dict[tuple[str, str], list[list[str]]] = {}
        self.text: dict[str, str] = {}
        self._section, self._table, self._into = "", "", ""
        self.feed(page.partition("</style>")[2])

    def handle_starttag(self, tag: str, attributes: list) -> None:
        a = dict(attributes)
        if tag == "section":
            self._section = a.get("id") or a["aria-labelledby"]
        elif tag == "table":
            self._table = (a.get("class") or "").split(" ")[-1]
        elif tag == "caption":
            self._into, self._caption = "caption", ""
        elif tag == "tr":
            self.rows.setdefault((self._section, self._table or self._caption), []).append([])
        elif tag in ("th", "td"):
            self._into = "cell"
            self.rows[self._section, self._table or self._caption][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td", "caption"):
            self._into = ""

    def handle_data(self, data: str) -> None:
        self.text[self._section] = self.text.get(self._section, "") + data
        if self._into == "caption":
            self._caption += data
        elif self._into == "cell":
            row = self.rows[self._section, self._table or self._caption][-1]
            row[-1] = f"{row[-1]} {data}".strip()


def _numbers(said: str) -> list[float]:
    return [float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*\.?\d*", said)]


def _similar(client: Client, study: str, who: dict, more: dict) -> dict:
    response = client.request("POST", "/v1/similar", json={"study": study, "patient": who, **more})
    assert response.status_code == 200, response.text
    return response.json()


def _page(client: Client, prediction_id: str) -> str:
    page = client.get(f"/review/{prediction_id}/near")
    assert page.status_code == 200
    assert page.headers["content-security-policy"] == POLICY
    assert Outline(page.text).open == []
    return page.text


def _groups(told: dict) -> dict[str, dict]:
    """What the API tells of each group that the page shows apart."""
    near, wide = told["similar"], told["similar_by_clinical_facts"]
    return {"near": near} if near["path"] == wide["path"] else {"near": near, "wide": wide}


@pytest.fixture(params=ASKED)
def asked(request: pytest.FixtureRequest) -> tuple[dict, Read]:
    """What the API tells of people like a patient, and the page of an answer about the same patient."""
    name, study, who, more = request.param
    client = request.getfixturevalue(name)
    answer = client.ask(study, who, **more).json()
    return _similar(client, study, who, more), Read(_page(client, answer["id"]))


def _same_outcome(said: str, told: dict | None) -> None:
    """The words of an outcome hold its numbers, as exactly as they are written."""
    if told is None:
        assert said == "not shown"
    elif "rate" in told:
        wanted = [100 * told["rate"], 95.0, 100 * told["lower"], 100 * told["upper"]]
        assert _numbers(said) == pytest.approx(wanted, abs=0.501)
    else:
        wanted = [told["median"], told["lower_quartile"], told["upper_quartile"]]
        assert _numbers(said) == pytest.approx([end for end in wanted if end is not None], abs=0.0501)
        assert ("quartiles not shown" in said) == (wanted[1:] == [None, None])


def test_what_became_of_them_is_what_the_api_tells(asked: tuple[dict, Read]) -> None:
    told, page = asked
    _, own, *others = page.rows["people", "came-of"]
    scale = 1.0 if told["unit"] != "1" or "event" not in told else 100.0
    interval = told["interval"]
    wanted = [scale * end for end in (told["value"], interval["lower"], interval["upper"])]
    assert _numbers(own[2])[:3] == pytest.approx(wanted, abs=0.501)
    for row, group in zip(others, _groups(told).values(), strict=False):
        assert _numbers(row[0])[-1] == group["n"]
        _same_outcome(row[2], group["outcome"])
    for name, group in _groups(told).items():
        assert _numbers(page.text[name])[:2] == [group["n"], group["of"]]
    (first, *_) = _groups(told).values()
    assert _numbers(page.text["people"])[:2] == [first["n"], first["of"]]


def test_it_is_said_where_the_estimate_lies_beside_them(asked: tuple[dict, Read]) -> None:
    told, page = asked
    (first, *_) = _groups(told).values()
    ends = [
        (first["outcome"] or {}).get(end) for end in ("lower", "upper", "lower_quartile", "upper_quartile")
    ]
    known = [end for end in ends if end is not None]
    if len(known) == 2:
        lower, upper = known
        where = "below" if told["value"] < lower else "above" if told["value"] > upper else "within"
        assert f"lies {where} the" in page.text["people"]
    else:
        assert "lies" not in page.text["people"]


def test_the_questions_are_those_of_the_way_with_the_patients_own_answers(asked: tuple[dict, Read]) -> None:
    told, page = asked
    for name, group in _groups(told).items():
        rows = page.rows.get((name, "asked"), [[]])[1:]
        assert [row[1] for row in rows] == [ANSWERS[step["is"]] for step in group["path"]]
        for row, step in zip(rows, group["path"], strict=True):
            assert row[0].lower().startswith(step["label"].lower())
            if row[2] and step["value"] not in (None, 1.0):
                assert (_numbers(row[2])[0] >= step["value"]) == (step["is"] == "at_least")


def test_who_they_are_is_told_as_far_as_the_api_does(asked: tuple[dict, Read]) -> None:
    told, page = asked
    for name, group in _groups(told).items():
        for attribute, levels in group["shares"].items():
            title = attribute.replace("_", " ").capitalize()
            found = {row[0].removesuffix("this patient").strip(): row[2] for row in page.rows[name, title]}
            assert len(found) == len(levels)
            for level, share in levels.items():
                said = found[level.replace("_", " ")]
                if share is None:
                    assert said == "not shown"
                else:
                    assert _numbers(said) == pytest.approx([100 * share], abs=0.501)
        hides = None in [share for own in group["shares"].values() for share in own.values()]
        assert not hides or "Not shown: fewer than 10 patients" in page.text[name]


def test_how_well_the_model_did_for_them_is_told(asked: tuple[dict, Read]) -> None:
    told, page = asked
    for name, group in _groups(told).items():
        words = page.text[name].partition("How well the model did for them")[2].partition("Who they are")[0]
        if group["held_out"] is None:
            assert "not told of these patients alone" in words
        else:
            error, level, held = _numbers(words)
            assert error == pytest.approx(group["held_out"]["mean_absolute_error"], abs=0.0501)
            assert (level, held) == (90, round(100 * group["held_out"]["coverage"]))


def test_treatments_are_told_each_and_compared_with_none(kinds: Client) -> None:
    who = patient(GENES[:4], arm=ARMS[0])
    page = Read(_page(kinds, kinds.ask(QUESTION, who).json()["id"]))
    wide = _similar(kinds, QUESTION, who, {})["similar_by_clinical_facts"]
    rows = page.rows["wide", "options-of"][1:]
    assert [row[0] for row in rows] == list(wide["options"])
    for row, told in zip(rows, wide["options"].values(), strict=True):
        _same_outcome(row[2], told)
    assert "compares no treatments" in page.text["wide"]
    assert "Not shown of any treatment" in page.text["near"]
    assert "is no effect of the treatment" in page.text["limits"]


def _stored(client: Client, prediction_id: str):
    store = Store.open(client.settings)
    record = store.predictions.find(prediction_id, "local")
    store.close()
    home = client.settings.home
    return record, bundles.load(home / "bundles" / record.digest, record.digest)


def test_a_treatment_and_a_group_too_small_say_so_and_are_not_drawn(kinds: Client) -> None:
    answer = kinds.ask(QUESTION, patient(GENES[:4], arm=ARMS[0])).json()
    record, bundle = _stored(kinds, answer["id"])
    known = bundle.neighbourhood
    assert known is not None
    hidden = tuple(
        {**own, "outcome": None, "options": {**own["options"], ARMS[2]: None}} for own in known.told
    )
    bundle = replace(bundle, neighbourhood=replace(known, told=hidden))
    view = review_view(record, bundle)
    near = near_view(view, answer, record.request, bundle)
    wide = near.groups[-1]
    assert [one.name for one in wide.options if one.said == "not shown"] == [ARMS[2]]
    assert wide.came.said == "not shown"
    assert "not shown: fewer than 10" in wide.became
    assert wide.hides
    drawn = draw_near(near, view.measure)
    assert drawn is not None
    assert [str(one).count("<circle") for one in drawn.options[-1]] == [1, 1, 0, 1]
    assert [str(one).count("<circle") for one in drawn.rows] == [1] + [0] * len(near.groups)


def test_how_chances_did_is_told_with_what_the_score_means(kinds: Client) -> None:
    answer = kinds.ask(BINARY, patient()).json()
    record, bundle = _stored(kinds, answer["id"])
    known = bundle.neighbourhood
    assert known is not None
    score = {"brier": 0.1874, "level": 0.9, "coverage": 0.875}
    told = tuple({**own, "held_out": score} for own in known.told)
    bundle = replace(bundle, neighbourhood=replace(known, told=told))
    (group, *_) = near_view(review_view(record, bundle), answer, record.request, bundle).groups
    assert _numbers(group.held_out) == [0.187, 0, 50, 0.25, 90, 88]


def test_what_the_questions_leave_out_is_told_once_a_gene_the_largest_first() -> None:
    moved = [
        {"name": "genotype.A.x", "label": "A x", "contribution": 0.9},
        {"name": "clinical.age.value", "label": "age", "contribution": 0.5},
        {"name": "genotype.B.y", "label": "B y", "contribution": -0.4},
        {"name": "genotype.B.x", "label": "B x", "contribution": 0.2},
        {"name": "medication.m.taken", "label": "takes m", "contribution": 0.001},
    ]
    assert left_out(moved, [{"feature": "genotype.C.x"}]) == ("A x (up)", "age (up)", "B y (down)")
    assert left_out(moved, [{"feature": "genotype.A.z"}]) == ("age (up)", "B y (down)")
    assert left_out(moved, [{"feature": "genotype.B.x"}]) == ("A x (up)", "age (up)")


def test_the_answers_page_says_the_same_in_two_sentences_and_leads_there(client: Client) -> None:
    answer = client.predict().json()
    page = Read(client.get(f"/review/{answer['id']}").text)
    near = _similar(client, STUDY, PATIENT, {})["similar"]
    said = _numbers(page.text["alike"])
    assert said[:2] == [near["n"], near["of"]]
    assert near["outcome"]["median"] in said
    assert f'href="/review/{answer["id"]}/near"' in client.get(f"/review/{answer['id']}").text


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (lambda kinds: kinds.rank(QUESTION, patient(GENES[:4], arm=ARMS[1])), "This is a ranking"),
        (lambda kinds: kinds.ask(WIDE, patient(gene_names(3000))), "fitted before models kept"),
    ],
)
def test_where_nobody_is_told_of_the_page_says_why(kinds: Client, ask, why: str) -> None:
    made = ask(kinds).json()["id"]
    assert why in Read(_page(kinds, made)).text["people"]
    assert "/near" not in kinds.get(f"/review/{made}").text


def test_of_an_answer_that_was_declined_nobody_is_told(client: Client) -> None:
    page = Read(_page(client, client.predict(BARE).json()["id"]))
    assert "No number was given" in page.text["people"]
    assert page.rows == {}


def test_an_answer_outlives_its_model_but_not_the_patients_kept_with_it(
    shelf_home: Path, tmp_path: Path
) -> None:
    home = copy_home(shelf_home, tmp_path / "home")
    with Client(Settings(home=home)) as before:
        answer = before.predict().json()
        with_groups = Read(_page(before, answer["id"])).rows
    digest = write_bundle(home / "bundles" / "writing", 200, 5, seed=8)
    (home / "bundles" / "writing").rename(home / "bundles" / digest)
    Shelf(home).write_aliases(STUDY, {"champion": (2, digest)})
    with Client(Settings(home=home)) as after:
        assert Read(_page(after, answer["id"])).rows == with_groups
    shutil.rmtree(home / "bundles" / answer["basis"]["bundle_digest"])
    with Client(Settings(home=home)) as at_last:
        assert "no longer on the shelf" in Read(_page(at_last, answer["id"])).text["people"]


def test_each_look_is_noted_and_nothing_is_predicted_anew(start) -> None:
    client = start()
    made = client.predict().json()["id"]
    _page(client, made)
    with closing(sqlite3.connect(client.settings.home / "store.db")) as rows:
        looked = rows.execute("SELECT record_id, status FROM access WHERE route LIKE '%near'").fetchall()
        (kept,) = rows.execute("SELECT count(*) FROM predictions").fetchone()
    assert looked == [(made, 200)]
    assert kept == 1


def test_another_tenant_finds_nothing(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "access.toml"
    path.write_text('tenants = ["north", "south"]\nkeys = "keys.json"\n')
    with Client(Settings(home=home, access=path)) as client:
        keys = KeyFile(tmp_path / "keys.json")
        ours, theirs = (issued(keys, tenant, [Role.CLINICIAN], True) for tenant in ("north", "south"))
        blind = issued(keys, "north", [Role.CLINICIAN], False)
        body = {"study": STUDY, "patient": PATIENT}
        headers = {"authorization": f"Bearer {ours}"}
        made = client.request("POST", "/v1/predict", json=body, headers=headers).json()["id"]
        found = [
            client.request("GET", f"/review/{made}/near", headers={"authorization": f"Bearer {key}"})
            for key in (ours, theirs, blind)
        ]
    assert [one.status_code for one in found] == [200, 404, 403]
    assert found[1].json()["type"] == "urn:rxplain:problem:unknown-prediction"


def test_hostile_text_stays_text(client: Client) -> None:
    clean = Outline(_page(client, client.predict().json()["id"])).tags
    for text in HOSTILE:
        answer = client.predict({**PATIENT, "patient_id": text}).json()
        if "id" in answer:
            tags = Outline(_page(client, answer["id"])).tags
            assert [name for name, _ in tags] == [name for name, _ in clean], text


def test_no_row_of_a_training_patient_is_on_the_page(client: Client) -> None:
    page = _page(client, client.predict().json()["id"])
    assert not re.search(r"\bs\d{1,3}\b", re.sub(r"<[^>]*>", " ", page.partition("</style>")[2]))


@pytest.mark.browser
@pytest.mark.slow
def test_it_is_read_by_keyboard_without_a_script_at_every_width_and_on_paper(
    shelf_home: Path, tmp_path: Path
) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    home = copy_home(shelf_home, tmp_path / "home")
    with ServerProcess(home) as server, playwright.sync_playwright() as p:
        body = {"study": STUDY, "patient": {**PATIENT, "patient_id": "x" * 60}}
        made = server.http.post("/v1/predict", json=body).json()["id"]
        told = server.http.post("/v1/similar", json=body).json()["similar"]
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for width, scheme in ((390, "dark"), (768, "light"), (1440, "dark"), (1440, "light")):
            size = {"width": width, "height": 900}
            context = browser.new_context(viewport=size, color_scheme=scheme, java_script_enabled=False)
            tab, wanted = context.new_page(), []
            tab.on("request", lambda request, wanted=wanted: wanted.append(request.url))
            tab.goto(f"{server.http.base_url}/review/{made}")
            tab.locator("a[href$='/near']").first.focus()
            tab.keyboard.press("Enter")
            tab.wait_for_url(f"**/review/{made}/near")
            said = tab.locator(".came-of tr[data-came=group] .came strong").first.inner_text()
            assert _numbers(said) == pytest.approx([told["outcome"]["median"]], abs=0.0501)
            assert all(tab.locator(".came-of svg").nth(i).bounding_box()["width"] > 90 for i in range(4))
            assert tab.evaluate("document.documentElement.scrollWidth") == width
            assert all(url.startswith(str(server.http.base_url)) for url in wanted)
            context.close()
        tab = browser.new_page()
        tab.goto(f"{server.http.base_url}/review/{made}/near")
        tab.emulate_media(media="print")
        assert not tab.locator("nav").is_visible()
        assert tab.pdf().startswith(b"%PDF")
        browser.close()


def test_the_page_is_light(client: Client) -> None:
    assert len(_page(client, client.predict().json()["id"])) < 60_000
