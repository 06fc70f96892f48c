"""The page of a run: the document's numbers, nothing from outside, names escaped, no small cells."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.matrix import Feature
from tests.training.tiny_blocks import tiny_cohort, tiny_study
from training.design import Design, build_design
from training.evaluate import evaluate
from training.fit import fit_models
from training.gates import judge
from training.report_contributions import cells_of, spreads
from training.report_features import features
from training.report_generic import panels_of
from training.report_html import page, report_page
from training.report_words import large, number, said, spoken
from training.study import Study, read_study

_CURVE = "\n[learning_curve]\nshares = [0.5, 1.0]\nsplits = 2\n[decision]\nthresholds = [0.25, 0.5]\n"
_NO_OVERLAP = """() => { const bad = []; document.querySelectorAll('svg').forEach(svg => {
  const box = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
  texts.forEach(([a, r]) => { if (r.left < box.left - 1 || r.right > box.right + 1) bad.push(a); });
  texts.forEach(([a, p], i) => texts.slice(i + 1).forEach(([b, q]) => {
    if (Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1
      && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 3) bad.push([a, b]);
  })); }); return bad; }"""


class _Reader(HTMLParser):
    """What a page asks a browser to fetch or run, and its tags left open."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        outside = [
            v for k, v in told.items() if k in ("src", "href", "xlink:href") and not str(v).startswith("#")
        ]
        self.asked += [f"{tag} {v}" for v in outside] + ([tag] if tag in ("script", "link", "iframe") else [])
        self.asked += [k for k in told if k.startswith("on")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def study() -> Study:
    """A tiny study with a comparator, a learning curve and named thresholds."""
    text = tiny_study("binary").text.replace(
        "comparators = []", 'comparators = ["cohort_mean", "only:clinical"]'
    )
    return read_study(text.replace("[population]", _CURVE + "[population]"))


@pytest.fixture(scope="module")
def told(study: Study) -> tuple[Design, dict[str, Any], str]:
    """Its design, evaluation, and page, which without a bundle leaves contributions out."""
    cohort, _ = tiny_cohort("binary", 160)
    design = build_design(study, cohort)
    found = evaluate(study, cohort, design, "f" * 64, lambda done, total: None)
    html = report_page(study, found.document, judge(study, found), design.matrix, None)
    return design, dict(found.document), html


@pytest.mark.slow
def test_page_asks_for_nothing_and_runs_nothing(told: tuple[Design, dict[str, Any], str]) -> None:
    reader = _Reader()
    reader.feed(told[2])
    assert (reader.asked, reader.open) == ([], [])
    assert "@import" not in told[2]
    assert "url(" not in told[2]


@pytest.mark.slow
def test_page_holds_the_numbers_of_the_document(told: tuple[Design, dict[str, Any], str]) -> None:
    _, document, html = told
    words = re.sub(r"<[^>]+>", "", html)
    for whos in document["protocols"].values():
        for metrics in whos.values():
            assert said(metrics["auc"], 3) in words
    calibration = document["calibration"]["folds"]
    assert said(calibration["slope"], 2) in words
    assert all(
        said(calibration["coverage"]["overall"][level], 1) in words for level in ("50", "80", "90", "95")
    )
    assert all(said(point["auc"], 3) in words for point in document["abstention"]["folds"])
    assert all(said(point["auc"], 3) in words for point in document["learning_curve"]["points"])
    assert [p["threshold"] for p in document["decision"]["folds"]["consequences"]] == [0.25, 0.5]
    assert said(document["decision"]["folds"]["consequences"][0]["missed"], 1) in words
    assert "f" * 64 in words


@pytest.mark.slow
def test_learning_curve_learns_from_shares_of_the_training_part(
    told: tuple[Design, dict[str, Any], str],
) -> None:
    found = told[1]["learning_curve"]
    assert (found["protocol"], found["splits"]) == ("folds", 2)
    assert [(p["share"], p["n_train"]) for p in found["points"]] == [(0.5, 60), (1.0, 120)]


@pytest.mark.slow
def test_page_is_the_same_each_time_and_escapes_names(
    study: Study, told: tuple[Design, dict[str, Any], str]
) -> None:
    hostile = replace(study, title="<script>alert(1)</script>", purpose='"><img src=x onerror=alert(1)>')
    document = told[1] | {
        "remarks": ["<b>bold</b>"],
        "equity": {"<i>race</i>": {"<svg onload=x>": {"n": 30, "auc": 0.5}}},
    }
    document["subgroups"] = {
        "folds": {"</style><script>": {"<u>": {"n": 40, "model": {"auc": _figure(0.7)}}}}
    }
    html = page(hostile, document, (), [("commit", "<a href=//x>")])
    assert html == page(hostile, document, (), [("commit", "<a href=//x>")])
    reader = _Reader()
    reader.feed(html)
    assert (reader.asked, reader.open) == ([], [])
    assert "&lt;script&gt;alert(1)" in html
    for planted in ("<b>", "<i>", "<svg onload", "<u>", "<img", "<a href=//x"):
        assert planted not in html


def _figure(value: float) -> dict[str, float]:
    return {"value": value, "lower": value - 0.1, "upper": value + 0.1}


def test_no_cell_of_fewer_than_ten_is_shown(study: Study) -> None:
    small = {"n": 9, "auc": _figure(0.12345), "model": {"auc": _figure(0.12345)}}
    document = {
        "n": 100,
        "leading": "auc",
        "protocols": {},
        "subgroups": {"folds": {"sex": {"few": small}}},
        "groups": {"folds": {"few": small}},
        "equity": {"few": small, "list": [small]},
        "transport": {"nine": small},
    }
    html = page(study, document, (), [])
    assert "0.123" not in html
    assert "few" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL).replace("fewer", "")
    assert large(document)["equity"] == {"list": []}


def test_other_sections_become_tables_with_headings_that_can_be_read(study: Study) -> None:
    document = {
        "n": 100,
        "protocols": {},
        "randomisation": {"labels": {"auc": _figure(0.51), "p_value": 0.0001}, "sentence": "falls_to chance"},
        "suspicions": [{"column": "dose_after", "strength": 0.99}],
        "biomarkers": {"found": [{"gene": "CYP2C9", "steady": 1.0}]},
    }
    html = page(study, document, (), [])
    words = re.sub(r"<[^>]+>", " ", html)
    for shown in ("When the truth is shuffled", "P value", "1.0e-04", "dose_after", "0.990", "CYP2C9"):
        assert shown in words
    assert [panel.title for panel in panels_of({"by_site": [{"a": {"b": {"c": 1}}}]})] == ["By site · A"]


@pytest.mark.parametrize("study_kind", ["binary", "panel"])
def test_page_without_any_section_still_says_what_it_is_of(study_kind: str) -> None:
    bare = page(tiny_study(study_kind), {"n": 12, "protocols": {}}, (), [("seed", "5")])
    assert "A made-up study of many blocks" in bare
    assert "<svg" not in bare


def test_cells_of_contributions_hold_ten_patients_and_lose_nobody() -> None:
    rng = np.random.default_rng(3)
    contributions = np.concatenate([rng.normal(0, 1, 180), [9.0] * 4, np.full(40, 4.0)])
    cells = cells_of(contributions, np.append(contributions[:-5], [np.nan] * 5), np.linspace(-4, 9, 49))
    assert min(cell.n for cell in cells) >= 10
    assert sum(cell.n for cell in cells) == len(contributions)
    assert all(cell.low < cell.high for cell in cells)
    known = [cell.value for cell in cells if cell.value is not None]
    assert known == sorted(known)


def test_three_patients_alone_are_one_cell() -> None:
    (cell,) = cells_of(np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0]), np.linspace(0, 2, 5))
    assert (cell.n, cell.value) == (3, None)


@pytest.mark.slow
def test_importance_is_the_mean_absolute_contribution(
    study: Study, told: tuple[Design, dict[str, Any], str]
) -> None:
    design = told[0]
    cohort, _ = tiny_cohort("binary", 160)
    models = fit_models(design, cohort, study)
    found = spreads(design.matrix, models)
    contributions, _ = models.model.blend.contributions(np.ascontiguousarray(design.matrix.values))
    means = dict(zip(design.matrix.names, np.abs(contributions).mean(axis=0), strict=True))
    for own in found:
        assert own.importance["value"] == pytest.approx(means[own.feature.name], abs=1e-6)
        assert sum(cell.n for cell in own.cells) == len(cohort)
    section = features(found, "log-odds")
    assert section is not None
    assert found[0].feature.label in section.panels[0].title
    hostile = replace(found[0], feature=_renamed(found[0].feature, "<script>"))
    shown = features((hostile, *found[1:]), "<b>")
    assert shown is not None
    assert "<script>" not in str(shown.panels[0].figure)


def _renamed(feature: Feature, label: str) -> Feature:
    return replace(feature, label=label)


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        (0.12345, 3, "0.123"),
        (-1.5, 1, "\N{MINUS SIGN}1.5"),
        (-0.0001, 2, "0.00"),
        (12345, 0, "12,345"),
        (float("nan"), 2, ""),
    ],
)
def test_numbers_read_as_a_person_writes_them(value: float, places: int, shown: str) -> None:
    assert number(value, places) == shown


def test_names_and_figures_read_as_words() -> None:
    assert spoken("only:clinical+burden") == "only clinical + burden"
    assert spoken("iwpc_pharmacogenetic") == "IWPC pharmacogenetic"
    assert said({"value": 90.5, "lower": 89.9, "upper": 91.4}, 1, "%") == "90.5% (89.9 to 91.4)"
    assert said({"value": 0.5, "lower": None, "upper": None}, 2) == "0.50"


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_its_width_and_no_text_lies_on_another(
    tmp_path: Path, told: tuple[Design, dict[str, Any], str], width: int, scheme: Any
) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    file = tmp_path / "report.html"
    file.write_text(told[2], encoding="utf-8")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        requests: list[str] = []
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(file.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        assert tab.evaluate(_NO_OVERLAP) == []
        assert requests == [file.as_uri()]
        browser.close()
