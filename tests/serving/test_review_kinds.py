"""The review page of probabilities, of a panel's drug, of many genes, and of a ranking."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from serving.review.measure import Measure
from serving.review.page import page_of
from serving.review.rank_view import rank_view
from serving.review.shell import POLICY
from serving.review.views import review_view
from serving.store.records import PredictionRecord
from serving.store.store import Store
from tests.serving.client import Client
from tests.serving.test_review import Outline
from tests.serving.tiny_sets import (
    ARMS,
    BINARY,
    DRUGS,
    EVENT,
    GENES,
    PANEL,
    QUESTION,
    WIDE,
    gene_names,
    panel_draft,
    patient,
    publish,
)

UNDER = GENES[:4]
MANY = gene_names(3000)


def _record(client: Client, prediction_id: str) -> PredictionRecord:
    store = Store.open(client.settings)
    record = store.predictions.find(prediction_id, "local")
    store.close()
    return record


def _page(client: Client, response) -> str:
    assert response.status_code == 200, response.text
    found = client.get(f"/review/{response.json()['id']}")
    assert found.status_code == 200
    assert found.headers["content-security-policy"] == POLICY
    assert Outline(found.text).open == []
    assert "nan" not in re.sub(r"<[^>]*>", "", found.text).lower().replace("finance", "")
    return found.text


def test_a_probability_is_told_in_percent_with_its_event_and_its_base_rate(kinds: Client) -> None:
    response = kinds.ask(BINARY, patient())
    page, answer = _page(kinds, response), response.json()
    assert f'<p class="number">{100 * answer["value"]:.0f}%<' in page
    assert f"chance of {EVENT}" in page
    assert "90% band" in page
    assert "prediction interval" not in page
    assert re.search(r"\d+% of the 240 patients trained on had the event", page)


def test_steps_in_log_odds_are_explained_as_chances(kinds: Client) -> None:
    response = kinds.ask(BINARY, patient())
    fall = review_view(_record(kinds, response.json()["id"]), None).waterfall
    assert fall.steps[-1].end == pytest.approx(fall.margin)
    assert fall.steps[-1].reached == f"{100 * response.json()['value']:.0f}%"
    assert "doubles the odds" in _page(kinds, response)


@pytest.mark.parametrize(
    ("possible", "words"),
    [
        ([EVENT, f"no {EVENT}"], "neither outcome can be ruled out"),
        ([EVENT], f"only this remains possible: {EVENT}"),
        ([f"no {EVENT}"], f"only this remains possible: no {EVENT}"),
        ([], "neither outcome fits"),
    ],
)
def test_the_set_of_possible_outcomes_is_told_in_words(possible: list[str], words: str) -> None:
    told = Measure("response", "1", EVENT).possible(possible, 0.9)
    assert told.startswith("At 90%")
    assert words in told


def test_a_missing_modality_is_told_in_plain_words_and_takes_no_step(kinds: Client) -> None:
    response = kinds.ask(BINARY, {k: v for k, v in patient().items() if k != "expression"})
    page = _page(kinds, response)
    assert "Nothing is recorded of expression; a model fitted without it answers" in page
    view = review_view(_record(kinds, response.json()["id"]), None)
    assert [block.title for block in view.waterfall.blocks] == ["Clinical"]


def test_a_drug_of_a_panel_and_a_treatment_have_their_names(kinds: Client) -> None:
    assert DRUGS[2] in _page(kinds, kinds.ask(PANEL, patient(), drug=DRUGS[2]))
    assert f"under {ARMS[1]}" in _page(kinds, kinds.ask(QUESTION, patient(UNDER, ARMS[1])))


@pytest.mark.parametrize("explain", ["top", "full"])
@pytest.mark.parametrize("genes", [MANY, MANY[:1400], ()])
def test_thousands_of_genes_make_a_page_of_bounded_size(kinds: Client, genes: tuple, explain: str) -> None:
    document = patient(genes or MANY[:1])
    if not genes:
        del document["expression"]
    response = kinds.ask(WIDE, document, explain=explain)
    page = _page(kinds, response)
    assert len(page) < 200_000
    fall = review_view(_record(kinds, response.json()["id"]), None).waterfall
    assert fall.steps[-1].end == pytest.approx(fall.margin)
    assert len(fall.steps) <= 14
    assert sum(block.amount for block in fall.blocks) == pytest.approx(fall.margin - fall.base)


def test_of_many_genes_the_largest_have_steps_of_their_own(kinds: Client) -> None:
    response = kinds.ask(WIDE, patient(MANY))
    largest = max(response.json()["explanation"]["features"], key=lambda f: abs(f["contribution"]))
    steps = review_view(_record(kinds, response.json()["id"]), None).waterfall.steps
    assert steps[0].label == largest["gene"]
    assert any(re.match(r"2,9\d\d smaller expression inputs", step.label) for step in steps)


def test_what_was_sequenced_is_among_the_facts(kinds: Client) -> None:
    found = [{"gene": "TP53", "kind": "missense", "protein_change": "p.R175H", "vaf": 0.31}] * 30
    assay = {"name": "FoundationOne", "genes": ["TP53"], "reads": ["mutations"]}
    document = patient() | {"tumour": {"assay": assay, "variants": found}}
    view = review_view(_record(kinds, kinds.ask(BINARY, document).json()["id"]), None)
    assert ("Tumour sequenced", "FoundationOne, 1 gene") in view.facts
    assert ("Tumour TP53", "missense p.R175H fraction 0.31") in view.facts
    assert ("Further findings", "10") in view.facts
    assert ("Expression measured", "8 genes") in view.facts


def test_a_ranking_is_a_table_with_a_picture_a_row(kinds: Client) -> None:
    response = kinds.rank(PANEL, patient())
    page, answer = _page(kinds, response), response.json()
    places = [page.index(f'class="option">{row["option"]}<') for row in answer["ranked"]]
    assert places == sorted(places)
    assert page.count('<svg class="forest"') == len(DRUGS) + 1
    assert "The lowest first" in page
    assert answer["id"] in page


def test_a_ranking_says_what_cannot_be_told_apart(kinds: Client) -> None:
    response = kinds.rank(PANEL, patient())
    view = rank_view(_record(kinds, response.json()["id"]), None)
    for row, told in zip(view.rows[1:], response.json()["ranked"][1:], strict=True):
        difference = told["difference"]
        assert row.is_level == (difference["lower"] <= 0 <= difference["upper"])
    assert not view.rows[0].is_level
    assert "be told apart from" in view.summary


def test_treatments_are_ranked_in_percent_with_points_between_them(kinds: Client) -> None:
    page = _page(kinds, kinds.rank(QUESTION, patient(UNDER), explain="top"))
    assert "percentage points" in page
    assert "The highest first" in page
    assert "What speaks for the first ones, and against" in page


def test_a_ranking_of_a_large_panel_stays_small(start, home) -> None:
    publish(home, panel_draft(60, [f"drug-{i:03}" for i in range(120)]))
    client = start()
    page = _page(client, client.rank(PANEL, patient(), explain="top"))
    assert len(page) < 200_000
    assert page.count('class="option">drug-') == 120


def test_a_declined_ranking_has_a_page_that_says_why(client: Client) -> None:
    page = _page(client, client.rank("tiny", {"patient_id": "bare"}))
    assert "No number is given" in page
    assert "No number is given without" in page


def test_without_its_bundle_a_ranking_renders_from_the_record_alone(kinds: Client) -> None:
    record = _record(kinds, kinds.rank(QUESTION, patient(UNDER)).json()["id"])
    page = page_of(record, None)
    assert "no longer on the shelf" in page
    assert Outline(page).open == []


def test_what_a_patient_is_called_cannot_become_markup_in_a_ranking(kinds: Client) -> None:
    page = _page(kinds, kinds.rank(PANEL, patient() | {"patient_id": "<script>alert(1)</script>\"'&"}))
    assert "<script" not in page


@pytest.mark.parametrize("level", [0.5, 0.999])
def test_every_level_has_a_page(kinds: Client, level: float) -> None:
    for study, document in ((BINARY, patient()), (QUESTION, patient(UNDER, ARMS[0]))):
        _page(kinds, kinds.ask(study, document, level=level))
        _page(kinds, kinds.rank(study, document, level=level))
    _page(kinds, kinds.rank(PANEL, patient(), level=level))


def test_the_performance_is_that_of_the_kind_of_outcome(kinds: Client) -> None:
    chances = _page(kinds, kinds.ask(QUESTION, patient(UNDER, ARMS[0])))
    assert {"AUC", "Brier score"} <= set(re.findall(r'class="figure">([^<]+)</th>', chances))
    assert "Subtype: HR negative" in chances
    assert "Rank correlation" in _page(kinds, kinds.rank(PANEL, patient()))


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1280])
def test_pages_of_every_kind_fit_their_width(tmp_path: Path, kinds: Client, width: int) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    asked = [kinds.ask(BINARY, patient()), kinds.ask(WIDE, patient(MANY)), kinds.rank(PANEL, patient())]
    asked.append(kinds.rank(QUESTION, patient(UNDER), explain="top"))
    pages = [_page(kinds, response) for response in asked]
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        for i, page in enumerate(pages):
            file = tmp_path / f"{i}.html"
            file.write_text(page, encoding="utf-8")
            tab.goto(file.as_uri())
            assert tab.evaluate("document.documentElement.scrollWidth") == width
        browser.close()
