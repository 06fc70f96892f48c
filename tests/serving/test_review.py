"""The review page: the recorded answer as a reader needs it, self-contained and safe."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from features.synthetic import probe_documents
from serving.review.page import review_page
from serving.review.shell import POLICY
from serving.review.steps import Scale
from serving.review.views import review_view
from serving.store.store import Store
from tests.serving.client import Client
from tests.serving.tiny import PATIENT

_EMPTY = frozenset(["meta", "link", "br", "hr", "img", "input", "rect", "circle", "line", "path"])


class Outline(HTMLParser):
    """Collects tags and attributes, and whether every tag is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _EMPTY:
            assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def answer(client: Client) -> dict:
    return client.predict().json()


@pytest.fixture(scope="module")
def page(client: Client, answer: dict) -> str:
    return client.get(f"/review/{answer['id']}").text


def _view(client: Client, prediction_id: str):
    store = Store.open(client.settings)
    record = store.predictions.find(prediction_id, "local")
    store.close()
    return review_view(record, None), record


def test_the_answer_comes_first_then_its_interval_and_advice(page: str, answer: dict) -> None:
    number, interval, advice = (page.index(f'class="{name}"') for name in ("number", "interval", "advice"))
    assert number < interval < advice < page.index("<h2")
    assert f'<p class="number">{answer["value"]:.1f}<' in page
    assert "90% prediction interval" in page


def test_the_page_is_whole_and_well_formed(page: str) -> None:
    outline = Outline(page)
    assert outline.open == []
    assert len(outline.all("h1")) == 1
    assert outline.all("html")[0]["lang"] == "en"


def test_the_page_asks_for_nothing_and_runs_nothing(page: str) -> None:
    outline = Outline(page)
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in outline.tags}
    named = [(a, value) for _, attributes in outline.tags for a, value in attributes.items()]
    assert not [a for a, _ in named if a in ("src", "style", "formaction") or a.startswith("on")]
    addresses = [value for a, value in named if a in ("href", "action")]
    assert all(re.fullmatch(r"/review(/[\w/-]*)?(#[\w-]+)?|#[\w-]+", address) for address in addresses)
    assert "url(" not in page
    assert "@import" not in page


def test_its_one_style_is_the_one_that_the_policy_admits(client: Client, page: str, answer: dict) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    response = client.get(f"/review/{answer['id']}")
    assert f"style-src 'sha256-{digest}'" in POLICY == response.headers["content-security-policy"]
    assert "default-src 'none'" in POLICY
    assert "unsafe" not in POLICY


def test_pictures_and_tables_say_what_they_show(page: str) -> None:
    outline = Outline(page)
    pictures = [picture for picture in outline.all("svg") if picture.get("aria-hidden") != "true"]
    for picture in pictures:
        assert picture["role"] == "img"
        assert all(f'id="{part}"' in page for part in picture["aria-labelledby"].split())
    assert len(pictures) == 2
    assert len(outline.all("caption")) == len(outline.all("table")) >= 4


def test_the_waterfalls_steps_lead_from_base_to_answer(client: Client, answer: dict) -> None:
    fall = _view(client, answer["id"])[0].waterfall
    assert fall.steps[0].start == fall.base
    assert fall.steps[-1].end == pytest.approx(fall.margin)
    assert float(fall.steps[-1].reached) == pytest.approx(answer["value"], abs=0.051)
    rows = [row.amount for block in fall.blocks for gene in block.genes for row in gene.rows]
    assert math.fsum(rows) == pytest.approx(fall.margin - fall.base)
    assert len(rows) == len(answer["explanation"]["features"])


def test_a_short_explanation_is_drawn_with_the_rest_in_one_row(client: Client) -> None:
    answer = client.predict(explain="top").json()
    fall = _view(client, answer["id"])[0].waterfall
    assert fall.steps[-1].end == pytest.approx(fall.margin)


def test_without_its_bundle_the_page_renders_from_the_record_alone(client: Client, answer: dict) -> None:
    view, _ = _view(client, answer["id"])
    page = review_page(view)
    assert view.model.card is None
    assert view.band is None
    assert "no longer on the shelf" in page
    assert len(Outline(page).all("svg")) == 1


def test_what_a_patient_is_called_cannot_become_markup(client: Client) -> None:
    name = "<script>alert(1)</script>\"'&"
    answer = client.predict({**PATIENT, "patient_id": name}).json()
    page = client.get(f"/review/{answer['id']}").text
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    "options", [{"explain": "none"}, {"explain": "top"}, {"level": 0.999}, {"level": 0.5}]
)
def test_every_kind_of_answer_has_a_page(client: Client, options: dict) -> None:
    answer = client.predict(**options).json()
    response = client.get(f"/review/{answer['id']}")
    assert response.status_code == 200
    assert Outline(response.text).open == []


@pytest.mark.parametrize("patient", probe_documents(), ids=lambda patient: patient["patient_id"])
def test_every_probe_patient_has_a_page(client: Client, patient: dict) -> None:
    answer = client.predict(patient).json()
    page = client.get(f"/review/{answer['id']}").text
    assert Outline(page).open == []
    assert "nan" not in page.lower().replace("genant", "")
    if answer["declined"]:
        assert "No number is given" in page


def test_group_performance_is_that_of_the_patients_race(client: Client, page: str) -> None:
    assert "Race: white" in page
    asian = {**PATIENT, "clinical": {**PATIENT["clinical"], "race": {"value": "asian"}}}
    other = client.get(f"/review/{client.predict(asian).json()['id']}").text
    assert "Race: asian" in other
    assert "Race: white" not in other


@pytest.mark.parametrize("name", ["root(mg/wk)", "log(mg/wk)", "mg/wk"])
def test_a_scale_is_read_back_from_its_name(name: str) -> None:
    scale = Scale(name, "mg/wk")
    assert scale.outcome(scale.margin(31.5)) == pytest.approx(31.5)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_fits_its_width(tmp_path: Path, page: str, width: int) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    file = tmp_path / "page.html"
    file.write_text(page, encoding="utf-8")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        requests: list[str] = []
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(file.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        assert json.loads(json.dumps(requests)) == [file.as_uri()]
        browser.close()
