"""Who was learned from is guessed by chance of a model that generalises, and surely of one that remembers."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from features.cohort import Cohort
from models.conformal import ConformalScores
from models.estimators import TreeSettings, fit_trees
from models.model_set import ModelSet
from tests.training import tiny_blocks
from training.design import build_design
from training.fit import fit_models
from training.membership import attack, membership
from training.study import Study


def test_auc_is_the_share_of_pairs_in_order_and_a_tie_counts_half() -> None:
    rng = np.random.default_rng(4)
    members, others = rng.integers(0, 6, 30).astype(float), rng.integers(0, 5, 20).astype(float)
    pairs = [(a > b) + 0.5 * (a == b) for a, b in product(members, others)]
    found = attack(members, others)
    assert found["auc"] == pytest.approx(np.mean(pairs), abs=1e-6)
    assert found["lower"] < found["auc"] < found["upper"]


def test_interval_is_as_wide_as_that_of_redrawn_answers() -> None:
    rng = np.random.default_rng(5)
    members, others = rng.normal(0.5, 1.0, 150), rng.normal(0.0, 1.0, 100)
    drawn = [attack(rng.choice(members, 150), rng.choice(others, 100))["auc"] for _ in range(2000)]
    found = attack(members, others)
    assert found["upper"] - found["lower"] == pytest.approx(3.92 * np.std(drawn), rel=0.1)


def test_model_that_remembers_its_patients_betrays_them(tiny_study: Study, cohort: Cohort) -> None:
    """One tree a patient deep, learned of noise: no error for members, much for others."""
    design = build_design(tiny_study, cohort)
    modest = fit_models(design, cohort, tiny_study)
    model = modest.model
    noise = np.random.default_rng(6).uniform(2.0, 9.0, len(cohort))
    deep = TreeSettings(n_trees=300, num_leaves=200, min_data_in_leaf=1, lambda_l2=0.0, learning_rate=0.3)
    absent = np.array([name in model.absent for name in model.spec.names])
    trees = fit_trees(design.matrix.values, noise, deep, absent)
    blend = replace(model.blend, members=(trees,), weights=(1.0,), shift=0.0)
    scores = ConformalScores({"all": np.linspace(-9.0, 9.0, 400)}, 40)
    greedy = ModelSet((replace(model, blend=blend, conformal=scores),))
    observed = model.outcome.from_margin(noise)
    told = replace(design, observed=observed)
    strangers = np.column_stack([observed, np.random.default_rng(7).permutation(observed)])
    assert membership(tiny_study, greedy, cohort, told, strangers)["auc"] > 0.8
    honest = np.column_stack([design.observed, model.predict(cohort).value])
    assert membership(tiny_study, modest, cohort, design, honest)["auc"] == pytest.approx(0.5, abs=1e-6)


def test_few_answers_are_not_told_of(tiny_study: Study, cohort: Cohort) -> None:
    design = build_design(tiny_study, cohort)
    models = fit_models(design, cohort, tiny_study)
    found = membership(tiny_study, models, cohort, design, np.ones((9, 2)))
    assert (found["auc"], found["attacks"], found["n_held_out"]) == (None, {}, 9)


@pytest.mark.parametrize("kind", ["binary", "question", "panel"])
def test_every_kind_of_study_is_attacked_with_each_answer_it_gave(kind: str) -> None:
    study = tiny_blocks.tiny_study(kind)
    patients, _ = tiny_blocks.tiny_cohort(kind, 200)
    design, models = build_design(study, patients), tiny_blocks.fit(study, patients)
    rng = np.random.default_rng(8)
    strangers = np.column_stack([rng.integers(0, 2, 200), rng.random(200)]).astype(float)
    found = membership(study, models, patients, design, strangers)
    attacks = {"error"} if kind == "panel" else {"error", "confidence"}
    assert found["attacks"].keys() == attacks
    assert found["auc"] == max(own["auc"] for own in found["attacks"].values())
    known = np.isfinite(design.observed if design.outcomes is None else design.outcomes).sum()
    assert 0.8 * known < found["n_members"] <= known
