"""Training patients near a patient: every number beside a second computation from the rows."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from features.errors import BundleError
from features.synthetic import synthetic_cohort
from models import bundle
from models.card import build_card
from models.manifest import Manifest
from models.near_patients import Population
from models.nearness import build_neighbourhood
from models.neighbourhood import KEY, Neighbourhood, unjudged
from models.partition import Growth
from models.reference import build_reference
from models.response import strata_of
from models.summaries import OTHER, counted, event_summary, quantity_summary, wilson
from tests.models.conftest import EVALUATION, VKORC1, Trained, provenance, train

OUTCOMES = {"warfarin": "weekly_dose"}


def _population(trained: Trained) -> Population:
    cohort = trained.cohort
    levels = {n: np.array([t or "not_recorded" for t in cohort.texts(n)]) for n in ("race", "sex")}
    noise = np.random.default_rng(4).normal(0.0, 0.2, len(cohort))
    held_out = trained.model.blend.margin(trained.matrix.values) + noise
    return Population.of(trained.models, trained.matrix, cohort, OUTCOMES, levels, held_out)


@pytest.fixture(scope="module")
def population(trained: Trained) -> Population:
    """The tiny model's patients."""
    return _population(trained)


@pytest.fixture(scope="module")
def near(trained: Trained, population: Population) -> dict:
    """What is kept of them."""
    return build_neighbourhood(trained.models, population)


def _walk(near: dict, row: dict[str, float], absent: tuple[str, ...]) -> list[int]:
    """The nodes that a patient passes, found without the code under test."""
    node, passed = 0, [0]
    while near["nodes"][node]["split"] is not None:
        split = near["nodes"][node]["split"]
        value = row[split["feature"]]
        value = 0.0 if math.isnan(value) and split["feature"] in absent else value
        node = split["children"][2 if math.isnan(value) else 1 if value >= split["at_least"] else 0]
        passed.append(node)
    return passed


@pytest.fixture(scope="module")
def rows(trained: Trained, near: dict) -> list[list[int]]:
    """By node, its patients."""
    found: list[list[int]] = [[] for _ in near["nodes"]]
    for i, values in enumerate(trained.matrix.values.tolist()):
        known = dict(zip(trained.matrix.names, values, strict=True))
        for node in _walk(near, known, trained.model.absent):
            found[node].append(i)
    return found


def test_every_patient_is_near_twenty_and_all_are_counted_once(near: dict, rows: list[list[int]]) -> None:
    leaves = [i for i, node in enumerate(near["nodes"]) if node["split"] is None]
    assert len(leaves) > 4
    assert [node["n"] for node in near["nodes"]] == [len(own) for own in rows]
    assert min(near["nodes"][i]["n"] for i in leaves) >= 20
    assert sum(near["nodes"][i]["n"] for i in leaves) == 600


def test_outcomes_are_those_of_the_rows(trained: Trained, near: dict, rows: list[list[int]]) -> None:
    dose = trained.cohort.outcome("weekly_dose")
    for node, own in zip(near["nodes"], rows, strict=True):
        told = node["outcome"]
        for name, q in (("lower_quartile", 0.25), ("median", 0.5), ("upper_quartile", 0.75)):
            beyond = len(own) * min(q, 1.0 - q)
            assert (told[name] is None) == (beyond < 10)
            assert told[name] is None or told[name] == pytest.approx(np.quantile(dose[own], q), rel=0.005)


def test_shares_are_those_of_ten_patients_or_more(
    population: Population, near: dict, rows: list[list[int]]
) -> None:
    n_told = 0
    for node, own in zip(near["nodes"], rows, strict=True):
        for name, shares in node["shares"].items():
            for level, share in shares.items():
                count = int((population.levels[name][own] == level).sum())
                n_told += share is not None
                assert share is None or (count >= 10 and share == pytest.approx(count / len(own), abs=1e-4))
    assert n_told > 20


def test_no_difference_of_groups_gives_a_small_count_away(near: dict, population: Population) -> None:
    """A node less any of its children that are told leaves none, or ten patients or more, of any level."""
    for node in near["nodes"]:
        children = [
            near["nodes"][c] for c in (node["split"] or {"children": []})["children"] if c is not None
        ]
        for name, shares in node["shares"].items():
            for level, share in shares.items():
                told = [c["shares"][name][level] for c in children]
                if share is None or not children or None not in told:
                    continue
                known = sum(round(s * c["n"]) for s, c in zip(told, children, strict=True) if s is not None)
                assert round(share * node["n"]) - known >= 10


def test_errors_are_of_answers_that_had_not_seen_the_patient(
    trained: Trained, population: Population, near: dict, rows: list[list[int]]
) -> None:
    model, dose = trained.model, trained.cohort.outcome("weekly_dose")
    strata = strata_of(trained.matrix, trained.cohort, "race", {"missing:VKORC1": VKORC1})
    answered = model.outcome.from_margin(population.held_out)
    for node, own in zip(near["nodes"], rows, strict=True):
        ends = [model.conformal.interval(population.held_out[[i]], [strata[i]], 0.9) for i in own]
        margin = model.outcome.to_margin(dose[own])
        held = [lo[0] <= m <= hi[0] for (lo, hi), m in zip(ends, margin, strict=True)]
        told = node["held_out"]
        assert told["mean_absolute_error"] == pytest.approx(
            np.abs(answered[own] - dose[own]).mean(), abs=1e-6
        )
        assert (told["level"], told["coverage"]) == (0.9, pytest.approx(np.mean(held), abs=1e-4))


def test_without_such_answers_no_error_is_told(trained: Trained, population: Population) -> None:
    bare = Population(population.matrix, population.cohort, population.observed, population.levels)
    found = build_neighbourhood(trained.models, bare)
    assert {node["held_out"] for node in found["nodes"]} == {None}
    whole = build_neighbourhood(trained.models, population)
    assert unjudged(whole) == found


def test_doing_it_again_gives_the_same_bytes(trained: Trained, population: Population, near: dict) -> None:
    assert json.dumps(build_neighbourhood(trained.models, population)) == json.dumps(near)


def test_a_hundred_patients_are_enough() -> None:
    few = train(synthetic_cohort(100, seed=3), n_trees=5)
    found = build_neighbourhood(few.models, _population(few))
    leaves = [node["n"] for node in found["nodes"] if node["split"] is None]
    assert min(leaves) >= 20
    assert sum(leaves) == 100


def test_larger_groups_can_be_asked_for(trained: Trained, population: Population) -> None:
    found = build_neighbourhood(trained.models, population, Growth(minimum=90, typical=90))
    assert min(node["n"] for node in found["nodes"]) >= 90


def test_a_bundle_carries_it_and_an_earlier_one_has_none(
    trained: Trained, near: dict, written: Path, tmp_path: Path
) -> None:
    assert bundle.load(written).neighbourhood is None
    manifest = Manifest.of(trained.models, provenance())
    reference = build_reference(trained.matrix, trained.cohort, "weekly_dose", "race") | {KEY: near}
    bundle.save(trained.models, tmp_path / "near", manifest, reference, build_card(manifest, EVALUATION))
    found = bundle.load(tmp_path / "near").neighbourhood
    assert found is not None
    assert [dict(node) for node in found.told] == near["nodes"]
    old = {
        n: (written / n).read_bytes()
        for n in ("members.json", "boosters.json", "conformal.json", "card.json")
    }
    assert old == {name: (tmp_path / "near" / name).read_bytes() for name in old}


def _strange(split: dict | None) -> dict | None:
    return split and {**split, "feature": "clinical.unheard_of.value"}


@pytest.mark.parametrize(
    "change",
    [
        lambda near: None,
        lambda near: {"nodes": [{"n": 3}]},
        lambda near: {"nodes": [{**near["nodes"][0], "split": None, "more": 1}]},
        lambda near: {"nodes": [{**n, "options": {"other": None}} for n in near["nodes"]]},
        lambda near: {
            "nodes": [{**n, "split": n["split"] and {**n["split"], "feature": "x"}} for n in near["nodes"]]
        },
    ],
)
def test_what_does_not_fit_the_model_is_refused(trained: Trained, near: dict, change: object) -> None:
    names = trained.matrix.names
    with pytest.raises(BundleError):
        Neighbourhood.from_json(change(near), (), names, ("warfarin",))


def test_rates_want_ten_on_either_side() -> None:
    assert event_summary(np.repeat([1.0, 0.0, np.nan], [9, 91, 3])) is None
    told = event_summary(np.repeat([1.0, 0.0, np.nan], [10, 30, 3]))
    assert told == {"rate": 0.25, "lower": wilson(0.25, 40)[0], "upper": wilson(0.25, 40)[1]}


def test_quantiles_want_ten_beyond() -> None:
    assert quantity_summary(np.arange(19.0)) is None
    assert quantity_summary(np.arange(20.0)) == {
        "lower_quartile": None,
        "median": 9.5,
        "upper_quartile": None,
    }


def test_rare_levels_count_together() -> None:
    levels = np.array(["a"] * 50 + ["b"] * 7 + ["c"] * 2 + ["d"] * 12, dtype=object)
    names, counts = counted(levels, [np.arange(71)])
    assert dict(zip(names, counts[0].tolist(), strict=True)) == {"a": 50, OTHER: 21}
