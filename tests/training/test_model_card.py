"""The card: valid by its schema, complete by both lists, truthful about figures, safe with hostile texts."""

from __future__ import annotations

import copy
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from features.errors import StudyError
from models import bundle
from models.bundle import LoadedBundle
from tests.house.tree import ROOT
from tests.training import tiny_blocks
from training.design import build_design
from training.evaluate import evaluate
from training.model_card.applied import NAMESPACE
from training.model_card.items import NOT_APPLICABLE, NOT_STATED
from training.model_card.validity import schema_faults
from training.model_card.write import NAMES, card_document, write_card
from training.model_card.xml_text import printable, to_xml
from training.panel_evaluate import evaluate_panel
from training.study import Study, load_study, read_study, study_names

_SLOW = pytest.mark.slow
KINDS = ("binary", pytest.param("question", marks=_SLOW), pytest.param("panel", marks=_SLOW))
LISTS = {"source_attributes": 31, "tripod_ai": 52}
HOSTILE = '</style><script>alert(1)</script> & "quoted" ]]> \u0001 \ufffe'


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """A study of each kind: its bundle, and the document of its own evaluation."""
    study = tiny_blocks.tiny_study(request.param)
    cohort, _ = tiny_blocks.tiny_cohort(request.param, 120)
    models = tiny_blocks.fit(study, cohort)
    folder = tiny_blocks.publish(tmp_path_factory.mktemp("home"), study, cohort, models)
    how = evaluate_panel if study.panel else evaluate
    found = how(study, cohort, build_design(study, cohort), cohort.fingerprint(), lambda done, total: None)
    return bundle.load(folder), dict(found.document)


@pytest.fixture
def loaded(made: tuple) -> LoadedBundle:
    return made[0]


@pytest.fixture
def evaluation(made: tuple) -> dict:
    return copy.deepcopy(made[1])


def with_text(loaded: LoadedBundle, text: str) -> LoadedBundle:
    """The same bundle, of a study that says more."""
    manifest = replace(loaded.manifest, provenance=replace(loaded.manifest.provenance, study_text=text))
    return replace(loaded, manifest=manifest)


def all_items(document: dict) -> list[dict]:
    return [item for name in LISTS for item in document[name]["items"]]


def test_xml_is_valid_by_the_schema_and_holds_what_the_json_holds(
    loaded: LoadedBundle, evaluation: dict, tmp_path: Path
) -> None:
    paths = write_card(loaded, evaluation, tmp_path, version=3)
    assert tuple(path.name for path in paths) == NAMES
    xml, document = paths[2].read_text("utf-8"), json.loads(paths[1].read_text("utf-8"))
    assert schema_faults(xml) == []
    assert _tree(ET.fromstring(xml)) == document["applied_model_card"]
    assert write_card(loaded, evaluation, tmp_path, version=3) == paths
    assert paths[2].read_text("utf-8") == xml


def test_the_schema_refuses_a_card_that_lacks_an_element(loaded: LoadedBundle, evaluation: dict) -> None:
    card = card_document(loaded, evaluation)["applied_model_card"]
    card.pop("Warnings")
    (fault,) = schema_faults(to_xml(card, NAMESPACE))
    assert "TrustIngredients" in fault.what
    assert "Warnings" in fault.what


def test_every_item_is_there_once_and_answered_or_said_why_not(
    loaded: LoadedBundle, evaluation: dict
) -> None:
    document = card_document(loaded, evaluation)
    for name, count in LISTS.items():
        references = [item["reference"] for item in document[name]["items"]]
        assert len(references) == len(set(references)) == count
    for item in all_items(document):
        told = item["answer"]
        assert told.strip()
        assert item["where"]
        assert (item["status"] == "not applicable") == told.startswith(NOT_APPLICABLE)
        assert (item["status"] == "not stated") == told.startswith(NOT_STATED)
        assert len(told) > len(NOT_APPLICABLE) + 10 or item["status"] == "answered"


def test_the_lists_are_numbered_as_published() -> None:
    """Nine groups of HTI-1 and 27 items of TRIPOD+AI, counted by hand from the two publications."""
    sizes = {1: 4, 2: 4, 3: 2, 4: 4, 5: 2, 6: 4, 7: 5, 8: 4, 9: 2}
    roman = ("i", "ii", "iii", "iv", "v")
    parts = {
        3: "abc",
        5: "ab",
        6: "abc",
        8: "abc",
        9: "abc",
        12: "abcdefg",
        18: "abcdef",
        20: "abc",
        23: "ab",
    }
    asked = {
        "source_attributes.csv": [f"({i})({own})" for i, n in sizes.items() for own in roman[:n]],
        "tripod_ai.csv": [f"{i}{p}" for i in range(1, 28) for p in ({**parts, 27: "abc"}.get(i) or ("",))],
    }
    for table, references in asked.items():
        lines = (ROOT / "training" / "model_card" / table).read_text("utf-8").splitlines()
        assert [line.split(",")[0] for line in lines if not line.startswith("#")][1:] == references


def test_a_study_without_a_card_section_is_told_so(loaded: LoadedBundle, evaluation: dict) -> None:
    document = card_document(loaded, evaluation)
    assert "no [card] section" in document["summary"][0]["text"]
    assert (
        document["applied_model_card"]["BasicInfo"]["ModelDeveloper"] == f"{NOT_STATED} ([card] developer)."
    )
    stated = with_text(
        loaded,
        loaded.manifest.provenance.study_text + '\n[card]\ndeveloper = "A ward."\ncontact = "Room 3."\n',
    )
    document = card_document(stated, evaluation)
    assert all("no [card] section" not in row["text"] for row in document["summary"])
    assert document["source_attributes"]["items"][0]["answer"] == "A ward. Room 3."
    assert document["source_attributes"]["items"][1]["status"] == "not stated"


def test_figures_are_the_evaluations_own(loaded: LoadedBundle, evaluation: dict) -> None:
    document = card_document(loaded, evaluation)
    results = [
        result
        for metric in document["applied_model_card"]["KeyMetrics"].values()
        for result in metric["Results"]["MetricResult"]
    ]
    values = [json.loads(result["ValueJson"]) for result in results]
    own = evaluation["protocols"]["folds"]["model"]
    assert all(figure in values for figure in own.values())
    assert document["performance"] == evaluation["protocols"]
    leading = own[evaluation["leading"]]["value"]
    assert any(f"{leading:.3f}" in row["text"] for row in document["summary"])
    evaluation["protocols"]["folds"]["model"][evaluation["leading"]]["value"] = 0.123456
    assert any("0.123" in row["text"] for row in card_document(loaded, evaluation)["summary"])


def test_no_group_of_fewer_than_ten_is_told(loaded: LoadedBundle, evaluation: dict, tmp_path: Path) -> None:
    figures = {"model": copy.deepcopy(evaluation["protocols"]["folds"]["model"])}
    evaluation["subgroups"] = {
        "folds": {"ward": {"rareward": {"n": 9, **figures}, "bigward": {"n": 10, **figures}}}
    }
    evaluation["equity"] = {
        "ward": [{"level": "rareward", "n": 3, "auc": 0.5}, {"level": "bigward", "n": 12}]
    }
    for path in write_card(loaded, evaluation, tmp_path):
        text = path.read_text("utf-8")
        assert "rareward" not in text
        assert "bigward" in text


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") or name == "src" for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_texts_of_a_study_stay_texts(loaded: LoadedBundle, evaluation: dict, tmp_path: Path) -> None:
    told = json.dumps(HOSTILE)
    names = ("developer", "contact", "funding", "population", "out_of_scope", "regulatory_status")
    text = loaded.manifest.provenance.study_text + "\n[card]\n" + "".join(f"{n} = {told}\n" for n in names)
    text = text.replace('title = "A made-up study of many blocks"', f"title = {told}")
    evaluation["remarks"] = [HOSTILE]
    evaluation["protocols"][HOSTILE] = {HOSTILE: evaluation["protocols"]["folds"]["model"]}
    paths = write_card(with_text(loaded, text), evaluation, tmp_path)
    page = _Texts()
    page.feed(paths[0].read_text("utf-8"))
    assert "script" not in page.tags
    assert '<script>alert(1)</script> & "quoted" ]]> \ufffd \ufffd' in page.text
    assert schema_faults(paths[2].read_text("utf-8")) == []
    found = ET.fromstring(paths[2].read_text("utf-8")).find(f".//{{{NAMESPACE}}}ModelDeveloper")
    assert found.text == printable(HOSTILE)


def test_the_page_asks_for_nothing_else(loaded: LoadedBundle, evaluation: dict, tmp_path: Path) -> None:
    html = write_card(loaded, evaluation, tmp_path)[0].read_text("utf-8")
    assert "<script" not in html
    assert not re.search(r'(?:src|href)="(?!#)', html)
    assert "url(" not in html
    assert "@media print" in html
    anchors = set(re.findall(r'href="#(\w+)"', html))
    assert anchors <= set(re.findall(r'id="(\w+)"', html))


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_fits_its_width_and_asks_for_nothing_in_a_browser(
    loaded: LoadedBundle, evaluation: dict, tmp_path: Path, width: int
) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    file = write_card(loaded, evaluation, tmp_path)[0]
    requests: list[str] = []
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(file.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        assert tab.evaluate("document.body.innerText.length") > 2_000
        browser.close()
    assert requests == [file.as_uri()]


@pytest.mark.parametrize("name", study_names())
def test_shipped_studies_state_what_no_machine_knows(name: str) -> None:
    study: Study = load_study(name)
    told = vars(study.card)
    assert {"developer", "contact", "intended_users", "out_of_scope", "regulatory_status", "updates"} <= {
        key for key, value in told.items() if value
    }
    assert "clear" in told["regulatory_status"]


def test_unknown_keys_of_the_card_are_refused_with_the_known_ones() -> None:
    text = load_study("warfarin").text.replace("[card]\n", '[card]\ncolour = "blue"\n')
    with pytest.raises(StudyError, match=r"card\.colour: is not a known key; use developer"):
        read_study(text)


def _tree(element: ET.Element) -> object:
    """An element's children as a mapping, what is listed there as a list; its text where it has none."""
    children = list(element)
    if not children:
        return element.text
    names = [child.tag.partition("}")[2] for child in children]
    if names[0] in ("Keyword", "MetricResult"):
        return {names[0]: [_tree(child) for child in children]}
    return {name: _tree(child) for name, child in zip(names, children, strict=True)}
