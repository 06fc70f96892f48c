"""Features that cause the outcome come out on top; of permuted outcomes nothing does."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import spearmanr

from features.cohort import Cohort
from features.errors import StudyError
from features.knowledge.evidence import cpic_evidence, cpic_pairs
from features.synthetic_blocks import Truth
from models.blend import Blend
from models.members import LinearMember
from tests.training import tiny_blocks
from training.association import adjusted_p_values, associations
from training.biomarkers import biomarkers
from training.cli_biomarkers_view import Biomarkers
from training.design import Design, build_design
from training.evaluate import evaluate
from training.importance import differences, interactions
from training.stability import n_chosen_for, stability_selection
from training.study import Study, read_study
from training.study_parts import BiomarkersAsked


@pytest.fixture(scope="module")
def made() -> tuple[Study, Cohort, Truth, Design]:
    """The binary tiny study of 500 patients, whose causes are known."""
    study = replace(tiny_blocks.tiny_study("binary"), biomarkers=BiomarkersAsked(30, 0.75, 3))
    cohort, truth = tiny_blocks.tiny_cohort("binary", 500, missing=0.0)
    return study, cohort, truth, build_design(study, cohort)


@pytest.fixture(scope="module")
def section(made: tuple[Study, Cohort, Truth, Design]) -> dict:
    """Its biomarkers, by site."""
    study, cohort, _, design = made
    sites = np.asarray(cohort.groups["site"]).astype(str)
    return biomarkers(study, design, {"site": sites})


def test_causes_come_out_on_top(made, section: dict) -> None:
    causal = set(made[2].causal())
    assert len(causal) == 9
    important = [row["feature"] for row in section["importance"][: len(causal)]]
    tested = [row["feature"] for row in section["associations"]["features"][:6]]
    selected = {row["feature"] for row in section["selection"]["features"] if row["selected"]}
    assert len(causal.intersection(important)) >= 8
    assert causal.issuperset(tested)
    assert len(selected) >= 3
    assert len(selected - causal) <= 1


@pytest.mark.slow
def test_section_is_plain_and_the_same_each_time(made, section: dict) -> None:
    study, cohort, _, design = made
    sites = np.asarray(cohort.groups["site"]).astype(str)
    again = biomarkers(study, design, {"site": sites})
    assert json.dumps(again, allow_nan=False) == json.dumps(section, allow_nan=False)
    for row in section["importance"]:
        assert 0.0 <= row["lower"] <= row["value"] <= row["upper"]


def test_people_see_what_was_found(section: dict) -> None:
    console = Console(width=160, color_system=None)
    with console.capture() as captured:
        console.print(Biomarkers(section).table())
    shown = captured.get()
    assert section["importance"][0]["feature"] in shown
    assert "falsely, on average" in shown
    assert Biomarkers(section).document() is section


@pytest.mark.slow
def test_a_study_that_asks_has_the_section_in_its_document(made) -> None:
    study, cohort, _, design = made
    short = replace(study, biomarkers=BiomarkersAsked(4, 0.75, 2))
    document = evaluate(short, cohort, design, "f" * 64, lambda done, total: None).document
    assert document["biomarkers"]["n"] == 500
    assert "transport" not in document


def test_permuted_outcomes_select_no_more_than_promised() -> None:
    rng = np.random.default_rng(1)
    design = rng.normal(size=(120, 60))
    design[:, 1] = design[:, 0] + 0.3 * rng.normal(size=120)
    found = [stability_selection(design, rng.normal(size=120), 20, 0.75, seed) for seed in range(12)]
    assert found[0].n_chosen == n_chosen_for(60, 0.75) == 5
    assert found[0].bound == pytest.approx(25 / 30)
    assert np.mean([len(own.selected) for own in found]) <= found[0].bound


def test_permuted_outcomes_hold_the_false_discovery_rate() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(80, 20))
    values[:, :5] = values[:, :5] > 0
    any_found = [
        any(own.adjusted <= 0.05 for own in associations(values, rng.normal(size=80))) for _ in range(40)
    ]
    assert np.mean(any_found) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 40)


def test_false_discovery_share_is_held_among_what_is_found() -> None:
    rng = np.random.default_rng(3)
    shares = []
    for _ in range(20):
        observed = rng.normal(size=100)
        values = rng.normal(size=(100, 50))
        values[:, :10] += 0.6 * observed[:, None]
        found = [own.column for own in associations(values, observed) if own.adjusted <= 0.1]
        assert len(found) > 3
        shares.append(np.mean([column >= 10 for column in found]))
    assert np.mean(shares) <= 0.1


def test_adjusted_p_values_are_those_worked_by_hand() -> None:
    given = [0.041, 0.001, 0.039, 0.008, 0.9]
    assert adjusted_p_values(given).tolist() == pytest.approx([0.05125, 0.005, 0.05125, 0.02, 0.9])


def test_each_kind_of_feature_has_its_test() -> None:
    rng = np.random.default_rng(4)
    observed = rng.normal(size=60)
    flag, quantity = (observed > 0) * 1.0, observed + rng.normal(size=60)
    rare = np.zeros(60)
    rare[:9] = 1.0
    table = np.column_stack([flag, quantity, rare, np.ones(60)])
    assert {own.column: own.test for own in associations(table, observed)} == {
        0: "mann-whitney",
        1: "spearman",
    }
    found = {own.column: own for own in associations(table, flag)}
    assert {column: own.test for column, own in found.items()} == {0: "fisher", 1: "mann-whitney"}
    assert found[0].effect == pytest.approx(1.0)
    assert associations(np.ones((60, 2)), observed) == ()


def test_rank_correlation_is_scipys_with_ties_and_gaps() -> None:
    rng = np.random.default_rng(6)
    column, observed = np.round(rng.normal(size=70), 1), rng.normal(size=70)
    column[:8] = np.nan
    (found,) = associations(column[:, None], observed)
    naive = spearmanr(column[8:], observed[8:])
    assert (found.effect, found.p_value) == pytest.approx((naive.statistic, naive.pvalue), rel=1e-9)
    assert found.n == 62


def test_a_sum_has_no_interaction_and_a_level_that_differs_is_told() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(200, 3))
    linear = LinearMember(np.array([1.0, -2.0, 0.0]), 0.0, np.zeros(3), np.zeros(3))
    blend = Blend((linear,), (1.0,))
    assert max(own.strength for own in interactions(blend, values, [0, 1, 2], 1)) < 1e-12
    contributions = blend.contributions(values)[0]
    labels = np.array(["a"] * 100 + ["b"] * 95 + ["few"] * 5)
    contributions[:100, 0] *= 3.0
    found = {(own.level, own.column): own for own in differences(contributions, {"who": labels}, [0, 1], 1)}
    assert set(found) == {("a", 0), ("a", 1), ("b", 0), ("b", 1)}
    assert found["a", 0].lower > 0.0 > found["b", 0].upper
    assert found["a", 1].lower < 0.0 < found["a", 1].upper


def test_genes_are_linked_to_what_cpic_says() -> None:
    (pair,) = cpic_evidence("VKORC1", "warfarin")
    assert (pair.level, pair.status) == ("A", "Final")
    assert pair.guideline == "https://cpicpgx.org/guidelines/guideline-for-warfarin-and-cyp2c9-and-vkorc1/"
    assert "28198005" in pair.pmids
    others = cpic_evidence("DPYD", "warfarin")
    assert {own.drug for own in others} == {"capecitabine", "fluorouracil", "tegafur"}
    assert cpic_pairs("NO_GENE") == ()


def test_what_cannot_be_meant_is_refused(made) -> None:
    asked = made[0].text.replace("[[protocols]]", "[biomarkers]\nthreshold = 0.4\n\n[[protocols]]", 1)
    with pytest.raises(StudyError, match=r"biomarkers: needs two halves.*between 0.5 and 1"):
        read_study(asked)
    with pytest.raises(StudyError, match="one drug of the panel"):
        biomarkers(tiny_blocks.tiny_study("panel"), made[3], {})
