"""The pages in a real browser over a real server: signed by keyboard, drilled, printed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.pages import HOSTILE
from tests.serving.server_process import ServerProcess
from tests.serving.tiny import PATIENT, STUDY, add_challenger, copy_home

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with a version in service, and one that waits."""
    home = copy_home(shelf_home, tmp_path_factory.mktemp("paged") / "home")
    add_challenger(home)
    with ServerProcess(home) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        started = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def tab(browser, server: ServerProcess):
    """A tab that notes every request and whatever a script would have shown."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.asked, page.alarms = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("dialog", lambda dialog: (page.alarms.append(dialog.message), dialog.dismiss()))
    yield page
    assert [url for url in page.asked if not url.startswith(str(server.http.base_url))] == []
    assert page.alarms == []
    context.close()


def _ask(server: ServerProcess, **patient: object) -> dict:
    body = {"study": STUDY, "patient": {**PATIENT, **patient}}
    return server.http.post("/v1/predict", json=body).json()


def test_an_answer_is_found_and_signed_by_keyboard_alone(tab, server: ServerProcess) -> None:
    made = _ask(server, patient_id="by-keyboard")["id"]
    tab.goto(f"{server.http.base_url}/review")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("j")
    assert tab.evaluate("document.activeElement.textContent") == "by-keyboard"
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**/review/{made}")
    tab.locator("input[value=unsure]").focus()
    tab.keyboard.press("Space")
    tab.locator("#comment").focus()
    tab.keyboard.type("seen at the board")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**/review/{made}#signed")
    assert "seen at the board" in tab.locator(".verdicts").inner_text()
    (kept,) = server.http.get(f"/v1/predictions/{made}/verdicts").json()["verdicts"]
    assert (kept["verdict"], kept["comment"]) == ("unsure", "seen at the board")


def test_the_numbers_in_the_dom_are_those_of_the_api(tab, server: ServerProcess) -> None:
    answer = _ask(server)
    tab.goto(f"{server.http.base_url}/review/{answer['id']}")
    number = tab.locator(".number").inner_text().split()[0]
    assert float(number) == pytest.approx(answer["value"], abs=0.051)
    ends = re.findall(r"[\d.]+", tab.locator(".answer .interval strong").inner_text())
    wanted = [answer["interval"]["lower"], answer["interval"]["upper"]]
    assert list(map(float, ends)) == pytest.approx(wanted, abs=0.051)
    read = "els => els.map(e => [e.dataset.feature, e.lastElementChild.textContent])"
    rows = dict(tab.eval_on_selector_all("tr[data-feature]", read))
    told = {f["name"]: f["contribution"] for f in answer["explanation"]["features"]}
    assert set(rows) == set(told)
    for name, said in rows.items():
        assert float(said.split()[0].replace("\N{MINUS SIGN}", "-")) == pytest.approx(told[name], abs=0.00501)


def test_what_if_moves_the_answer_and_keeps_the_first_as_a_ghost(tab, server: ServerProcess) -> None:
    tab.goto(f"{server.http.base_url}/review/{_ask(server)['id']}")
    tab.select_option("select[name='medication.amiodarone']", "not taken")
    tab.locator(".what-if button").click()
    tab.wait_for_url("**#what-if")
    made = tab.url.rpartition("/")[2].partition("#")[0]
    (row,) = server.http.get(f"/v1/predictions/{made}").json()["simulated"]
    said = tab.locator(".outcome .after strong").inner_text().split()[0]
    assert float(said) == pytest.approx(row["value"], abs=0.051)
    assert tab.locator(".outcome .ghost").count() == 2


def test_hostile_text_runs_nothing_in_a_browser(tab, server: ServerProcess) -> None:
    for text in HOSTILE:
        answer = _ask(server, patient_id=text)
        made = (answer if "id" in answer else _ask(server))["id"]
        body = {"verdict": "unsure", "comment": text}
        assert server.http.post(f"/v1/predictions/{made}/verdicts", json=body).status_code == 201
        tab.goto(f"{server.http.base_url}/review/{made}")
        assert tab.locator(".comment").text_content() == text
    tab.goto(f"{server.http.base_url}/review?show=all&study=" + HOSTILE[1].replace("/", "%2F"))
    tab.goto(f"{server.http.base_url}/review?show=all")
    assert tab.locator("a[data-row]").count() >= len(HOSTILE)


@pytest.mark.parametrize("width", [390, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_its_width(browser, server: ServerProcess, width: int, scheme: str) -> None:
    made = _ask(server, patient_id="a-rather-long-identifier-of-a-patient-without-any-space-in-it")["id"]
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    models = ("/review/models", f"/review/models/{STUDY}", f"/review/models/{STUDY}?version=2")
    for path in ("/review", "/review?given=no", *models, f"/review/{made}"):
        tab.goto(f"{server.http.base_url}{path}")
        assert tab.evaluate("document.documentElement.scrollWidth") == width, path
    context.close()


def test_the_pages_are_whole_without_javascript_and_on_paper(browser, server: ServerProcess) -> None:
    made = _ask(server)["id"]
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{server.http.base_url}/review/{made}")
    drill = tab.locator("details.drill").first
    assert not drill.locator("td").first.is_visible()
    drill.locator("summary").click()
    assert drill.locator("td").first.is_visible()
    tab.emulate_media(media="print")
    assert not any(form.is_visible() for form in tab.locator(".signing form").all())
    assert not tab.locator("nav").is_visible()
    assert tab.pdf().startswith(b"%PDF")
    context.close()


def test_a_waiting_version_is_found_and_signed_without_javascript(browser, server: ServerProcess) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{server.http.base_url}/review/models")
    tab.get_by_role("link", name="Version 2").click()
    tab.wait_for_url("**?version=2")
    assert "Beside the version in service" in tab.locator("main").inner_text()
    for verdict, comment in (("disagree", "worse at night"), ("agree", "seen at the board")):
        tab.locator(f"input[value={verdict}]").check()
        tab.locator("#comment").fill(comment)
        tab.get_by_role("button", name="Sign", exact=True).click()
        tab.wait_for_url("**?version=2#signed")
    assert tab.locator(".signing .verdicts > li").count() == 2
    (told, _) = server.http.get(f"/v1/models/{STUDY}/verdicts").json()["versions"]
    assert [one["comment"] for one in told["verdicts"]] == ["worse at night", "seen at the board"]
    assert (told["version"], told["state"]) == (2, "agree")
    context.close()
