"""axe-core, which looks for what keeps people from reading a page, finds nothing serious on any page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.openapi_operations import OPERATIONS
from tests.serving.server_process import ServerProcess
from tests.serving.tiny import PATIENT, STUDY, copy_home
from tests.serving.tiny_sets import (
    ARMS,
    BINARY,
    DRUGS,
    PANEL,
    QUESTION,
    WIDE,
    gene_names,
    make_homes,
    patient,
    publish,
    wide_draft,
)  # fmt: skip

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SERIOUS = {"serious", "critical"}
LOOKS = [(1440, "light"), (1440, "dark"), (390, "light")]
CHANGE = {"name": "lighter", "clinical": {"weight": {"value": 48, "unit": "kg"}}}
ROUTES = sorted(o.path for o in OPERATIONS if o.method == "get" and o.media == "text/html")


@pytest.fixture(scope="module")
def addresses(pages: ServerProcess) -> dict[str, list[str]]:
    """By route, the addresses to look at."""

    def asked(path: str, **body: object) -> str:
        told = pages.http.post(path, json=body)
        assert told.status_code == 200, told.text
        return f"/review/{told.json()['id']}"

    one, two = (asked("/v1/predict", study=STUDY, patient=PATIENT | {"patient_id": p}) for p in "ab")
    kinds = [
        asked("/v1/predict", study=BINARY, patient=patient()),
        asked("/v1/predict", study=QUESTION, patient=patient(arm=ARMS[1])),
        asked("/v1/predict", study=PANEL, patient=patient(), drug=DRUGS[1]),
        asked("/v1/predict", study=WIDE, patient=patient(gene_names(3000))),
        asked("/v1/predict", study=STUDY, patient={"patient_id": "nothing recorded"}),
        asked("/v1/rank", study=PANEL, patient=patient(), explain="top"),
        asked("/v1/simulate", study=STUDY, patient=PATIENT, changes=[CHANGE]),
    ]
    body = {"verdict": "disagree", "reasons": ["too-uncertain"], "comment": "lower before"}
    assert pages.http.post(f"/v1/predictions/{two[8:]}/verdicts", json=body).status_code == 201
    return {
        "/review": ["/review", "/review?given=no", "/review?study=none"],
        "/review/{id}": [one, two, *kinds],
        "/review/{id}/near": [f"{one}/near", *(f"{kind}/near" for kind in kinds)],
        "/review/{id}/compare": [f"{one}/compare?with={two[8:]}"],
        "/review/models": ["/review/models"],
        "/review/models/{study}": [f"/review/models/{study}" for study in (STUDY, BINARY, PANEL)],
        "/review/session": [],
    }


@pytest.fixture(scope="module")
def pages(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with a model of each kind."""
    home = copy_home(shelf_home, tmp_path_factory.mktemp("axe") / "home")
    make_homes(home)
    publish(home, wide_draft())
    with ServerProcess(home) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that wants browsers to sign in."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "access.toml").write_text('tenants = ["north"]\nkeys = "keys.json"\n')
    home = copy_home(shelf_home, folder / "home")
    with ServerProcess(home, RXPLAIN_ACCESS=str(folder / "access.toml")) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        started = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield started
        started.close()


def found(tab) -> list[str]:
    """What axe finds that is serious: the rule, and where."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    return [
        f"{one['id']} at {node['target'][0]}: {node['html'][:120]}"
        for one in axe.run(tab).response["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"][:3]
    ]


def test_every_page_is_looked_at(addresses: dict[str, list[str]]) -> None:
    assert sorted(addresses) == ROUTES


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_nothing_serious_is_found(
    browser, pages: ServerProcess, guarded: ServerProcess, addresses, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=True)
    tab, faults = context.new_page(), {}
    everywhere = [f"{pages.http.base_url}{path}" for paths in addresses.values() for path in paths]
    for address in [*everywhere, f"{guarded.http.base_url}/review/session"]:
        assert tab.goto(address).status == 200, address
        tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        if serious := found(tab):
            faults[re.sub(r"[0-9a-f]{32}", "ID", address.partition("//")[2])] = serious
    context.close()
    assert faults == {}


def test_a_label_taken_away_is_found(browser, pages: ServerProcess) -> None:
    context = browser.new_context(bypass_csp=True)
    tab = context.new_page()
    tab.goto(f"{pages.http.base_url}/review")
    assert found(tab) == []
    tab.evaluate("document.querySelectorAll('label').forEach(one => one.replaceWith(...one.childNodes))")
    assert any("name" in one or "label" in one for one in found(tab))
    context.close()
