"""A reviewer's way through the pages in a real browser, over made-up patients: the README's pictures.

`RXPLAIN_PICTURES=tests/journeys/pictures pytest tests/journeys/test_walkthrough.py` takes them anew.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.server_process import ServerProcess
from tests.serving.tiny import PATIENT, STUDY, add_challenger, make_home
from tests.serving.tiny_sets import PANEL, make_homes, patient

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
TEXTS_THAT_OVERLAP = """() => {
  const shown = [...document.querySelectorAll('svg text')].filter(one => one.textContent.trim())
    .map(one => [one, one.getBoundingClientRect()]).filter(([, box]) => box.width > 0);
  const faults = [];
  for (let i = 0; i < shown.length; i++) for (let j = i + 1; j < shown.length; j++) {
    const [[a, p], [b, q]] = [shown[i], shown[j]];
    const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (wide > 1 && high > 4) faults.push(`${a.textContent} / ${b.textContent}`);
  }
  return faults;
}"""


def _patients() -> Iterator[dict]:
    """Made-up patients who differ in what moves a dose of warfarin."""
    for name, age, weight, cyp2c9, vkorc1, amiodarone in (
        ("example-101", 54, 92, "*1/*1", "C/C", False),
        ("example-102", 81, 58, "*1/*3", "T/T", True),
        ("example-103", 63, 81, "*1/*2", "C/T", False),
        ("example-104", 47, 104, "*1/*1", "C/T", False),
        ("example-105", 72, 66, "*1/*3", "C/T", True),
    ):
        one = copy.deepcopy(PATIENT)
        one["patient_id"] = name
        one["genotypes"][0]["diplotype"] = cyp2c9
        one["genotypes"][1]["alleles"] = vkorc1
        one["clinical"] |= {"age": {"value": age, "unit": "a"}, "weight": {"value": weight, "unit": "kg"}}
        one["medications"] = [{"drug": "amiodarone", "taken": amiodarone}]
        yield one


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with models of made-up patients, one of them waiting to take over, and answers to review."""
    home = tmp_path_factory.mktemp("walked") / "home"
    make_home(home, n_patients=3000, n_trees=60)
    add_challenger(home)
    make_homes(home)
    with ServerProcess(home) as running:
        for one in _patients():
            assert running.http.post("/v1/predict", json={"study": STUDY, "patient": one}).status_code == 200
        unknown = {"patient_id": "example-106", "clinical": {"age": {"value": 70, "unit": "a"}}}
        running.http.post("/v1/predict", json={"study": STUDY, "patient": unknown})
        ranked = {"study": PANEL, "patient": patient() | {"patient_id": "example-201"}, "explain": "top"}
        running.http.post("/v1/rank", json=ranked)
        yield running


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        started = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield started
        started.close()


class Album:
    """Takes a picture of what is in view, after a look at whether it may be shown."""

    def __init__(self, tab, folder: Path) -> None:
        self.tab = tab
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str, within: str, height: int = 900) -> None:
        """The part of the page that begins with the element `within`, over the whole width."""
        assert self.tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        assert self.tab.evaluate(TEXTS_THAT_OVERLAP) == [], name
        self.tab.evaluate("document.activeElement.blur()")
        above = self.tab.evaluate("window.scrollY") - 40
        top = max(0, self.tab.locator(within).first.bounding_box()["y"] + above)
        width = self.tab.viewport_size["width"]
        clip = {"x": 0, "y": top, "width": width, "height": height}
        self.tab.screenshot(path=self.folder / f"{name}.png", clip=clip, full_page=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the pictures go."""
    return Path(os.environ.get("RXPLAIN_PICTURES") or tmp_path)


def _open(tab, server: ServerProcess, name: str) -> str:
    """From the worklist to the answer about somebody; gives its address."""
    tab.goto(f"{server.http.base_url}/review")
    tab.get_by_role("link", name=name).first.click()
    tab.wait_for_url(re.compile(r"/review/[0-9a-f]{32}"))
    return tab.url


def test_a_reviewer_walks_through_the_pages(browser, server: ServerProcess, folder: Path) -> None:
    context = browser.new_context(viewport=WIDE)
    tab = context.new_page()
    album = Album(tab, folder)

    other = _open(tab, server, "example-103")
    tab.goto(f"{server.http.base_url}/review")
    assert tab.locator("tbody tr").count() == 7
    album.take("worklist", "body", 760)

    _open(tab, server, "example-105")
    tab.locator("details.drill summary").first.click()
    assert "mg a week" in tab.locator(".answer").inner_text()
    album.take("answer", "body", 1180)

    tab.get_by_role("link", name=re.compile("like this", re.I)).first.click()
    album.take("people-like-this", "body", 1180)
    tab.go_back()

    change = tab.locator("form[action*='what-if']")
    amiodarone = change.get_by_label(re.compile("amiodarone", re.I))
    (no,) = (told for told in amiodarone.locator("option").all_inner_texts() if "not taken" in told.lower())
    amiodarone.select_option(label=no)
    change.get_by_role("button").click()
    album.take("what-if", "#what-if", 900)

    own = _open(tab, server, "example-105")
    tab.goto(f"{own}/compare?with={other.rpartition('/')[2]}")
    album.take("comparison", "body", 1100)

    tab.goto(own)
    form = tab.locator("form[action*='verdicts']")
    form.get_by_label("Disagree").check()
    form.get_by_label(re.compile("too wide", re.I)).check()
    form.locator("textarea").fill("A dose of 20 mg a week was too much in spring.")
    form.get_by_role("button").click()
    assert "A dose of 20 mg a week was too much in spring." in tab.locator("#signed").inner_text()
    album.take("verdict", "#signed", 640)

    tab.goto(f"{server.http.base_url}/review/models/{STUDY}")
    album.take("model", "body", 1180)
    context.close()


@pytest.mark.parametrize(
    ("size", "scheme", "name"), [(NARROW, "dark", "narrow-dark"), (WIDE, "dark", "dark")]
)
def test_it_can_be_read_on_a_telephone_and_in_the_dark(
    browser, server: ServerProcess, folder: Path, size: dict, scheme: str, name: str
) -> None:
    context = browser.new_context(viewport=size, color_scheme=scheme)
    tab = context.new_page()
    _open(tab, server, "example-102")
    Album(tab, folder).take(name, "body", size["height"])
    _open(tab, server, "example-201")
    Album(tab, folder).take(f"ranking-{name}", "body", size["height"])
    context.close()
