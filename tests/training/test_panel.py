"""A panel learned on synthetic patients: better than a ridge a drug, honest intervals, ranked in one call."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from features.cohort import Clinical, Cohort, Outcomes
from models.model_set import ModelSet
from training.design import build_design, outcome_name, panel_drugs
from training.evaluate import study_splits
from training.panel import error_covariance, fit_panel
from training.panel_evaluate import answer_panel_split, evaluate_panel
from training.panel_figures import Repeat, panel_figures, spearman
from training.study import Study, read_study

N, DRUGS, MARKERS = 220, 12, 8
STUDY = """
name = "tiny-panel"
title = "Ex vivo response to twelve inhibitors"
purpose = "Ranks inhibitors for made-up patients."
dataset = "none"
seed = 5
comparators = ["drug_mean", "ridge_each"]
subgroups = ["sex"]

[outcome]
drug = "panel"
name = "auc"
unit = "1"
links = ["identity"]
lowest = 0.0
highest = 300.0
better = "lower"

[panel]
min_patients = 60
factors = 3

[population]
[spec]
names = [NAMES, "clinical.sex.is_male"]

[model]
strata = "sex"
mask_blocks = ["rna"]
without = "refitted"
required_any = [["clinical.sex.is_male"]]
inner_folds = 3
group = "site"
minimum = 30

[[protocols]]
name = "folds"
kind = "folds"
splits = 1
folds = 4

[[gates]]
name = "mean Spearman"
figure = "protocols.folds.model.spearman.value"
at_least = 0.1
"""
VARIABLE = '\n[[variables]]\nname = "rna_{i}"\nkind = "quantity"\nlabel = "marker {i}"\nblock = "rna"\n'


@pytest.fixture(scope="module")
def study() -> Study:
    """The study above, with its markers declared."""
    names = ", ".join(f'"rna.rna_{i}.value"' for i in range(MARKERS))
    return read_study(STUDY.replace("NAMES", names) + "".join(VARIABLE.format(i=i) for i in range(MARKERS)))


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    """Patients whose drugs share two factors read from three markers; every fifth lacks all markers."""
    rng = np.random.default_rng(9)
    markers = rng.normal(size=(N, MARKERS))
    factors = np.column_stack([markers[:, 0] + markers[:, 1], markers[:, 2]])
    auc = 150 + 12 * factors @ rng.normal(size=(2, DRUGS)) + rng.normal(0, 20, (N, DRUGS))
    known = rng.random((N, DRUGS)) < 0.6
    known[:, -1] &= np.arange(N) < 50
    clinical = [(i, "sex", np.nan, ("male", "female")[i % 2], 0.0) for i in range(N)]
    clinical += [(i, f"rna_{j}", markers[i, j], None, 0.0) for i in range(N) if i % 5 for j in range(MARKERS)]
    outcomes = [(i, f"auc:drug-{j}", auc[i, j], 0.0) for i, j in np.argwhere(known).tolist()]
    ids = tuple(f"p{i}" for i in range(N))
    return Cohort(ids, clinical=Clinical.from_rows(clinical), outcomes=Outcomes.from_rows(outcomes))


@pytest.fixture(scope="module")
def models(study: Study, cohort: Cohort) -> ModelSet:
    """The panel fitted on everybody."""
    return fit_panel(build_design(study, cohort), cohort, study)


def test_a_drug_of_too_few_patients_is_left_out(study: Study, cohort: Cohort) -> None:
    drugs = panel_drugs(study, cohort)
    assert len(drugs) == DRUGS - 1
    assert f"drug-{DRUGS - 1}" not in drugs
    assert outcome_name(study, drugs[0]) == f"auc:{drugs[0]}"


def test_the_panel_beats_a_ridge_for_each_drug_and_holds_its_intervals(study: Study, cohort: Cohort) -> None:
    design = build_design(study, cohort)
    document = evaluate_panel(study, cohort, design, "made-up", lambda *_: None).document
    figures = document["protocols"]["folds"]
    assert figures["model"]["spearman"]["value"] > figures["ridge_each"]["spearman"]["value"]
    assert figures["model"]["coverage90"]["value"] == pytest.approx(90, abs=4)
    assert document["differences"]["folds"]["drug_mean"]["lower"] > 0
    assert set(document["subgroups"]["folds"]["modalities"]) == {"complete", "missing:rna"}
    assert document["drugs"]["folds"]["drug-0"]["n"] > 100


def test_held_out_outcomes_do_not_move_their_answers(study: Study, cohort: Cohort) -> None:
    design = build_design(study, cohort)
    split = study_splits(study, cohort, np.zeros(N))[0]
    before = answer_panel_split(design, study, split).answers
    design.outcomes[split.test] += 50.0
    after = answer_panel_split(design, study, split).answers
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def test_every_drug_is_ranked_with_the_best_first(models: ModelSet, cohort: Cohort) -> None:
    ranked = models.rank(models.answer(cohort.take(["p1"])), 0)
    values = [place.prediction.value for place in ranked]
    assert values == sorted(values)
    assert [place.place for place in ranked] == list(range(1, DRUGS))
    assert ranked[0].difference == 0.0
    assert all(place.lower <= place.difference <= place.upper for place in ranked)


def test_contributions_add_up_for_every_drug_and_patient(models: ModelSet, cohort: Cohort) -> None:
    for answers in models.answer(cohort.take(["p0", "p1", "p2"]), explain=True).values():
        total = answers.contributions.sum(axis=1) + answers.base
        np.testing.assert_allclose(total, answers.margin, atol=1e-9)


def test_who_lacks_the_markers_is_answered_without_them_and_told_so(models: ModelSet, cohort: Cohort) -> None:
    by_patient = [models.answer(cohort.take([patient]), explain=True) for patient in ("p1", "p0")]
    whole, lacking = (answers["drug-0"] for answers in by_patient)
    assert "modality_missing" in {notice.code for notice in lacking.notices[0]}
    assert "modality_missing" not in {notice.code for notice in whole.notices[0]}
    markers = [i for i, feature in enumerate(lacking.features) if feature.block == "rna"]
    assert not lacking.contributions[0, markers].any()
    widths = [np.mean([a.upper[0] - a.lower[0] for a in answers.values()]) for answers in by_patient]
    assert widths[1] > 1.02 * widths[0]


def test_one_patient_alone_is_the_same_in_a_batch(models: ModelSet, cohort: Cohort) -> None:
    ids = ["p4", "p5", "p7"]
    batch = models.answer(cohort.take(ids), explain=True)
    for i, patient in enumerate(ids):
        alone = models.answer(cohort.take([patient]), explain=True)
        for drug, answers in alone.items():
            assert answers.margin[0] == batch[drug].margin[i]
            np.testing.assert_array_equal(answers.contributions[0], batch[drug].contributions[i])


def test_differences_of_errors_that_go_together_are_surer() -> None:
    rng = np.random.default_rng(3)
    shared = rng.normal(0, 10, 400)
    residuals = np.column_stack([shared, shared, rng.normal(0, 10, 400)]) + rng.normal(0, 2, (400, 3))
    residuals[rng.random(residuals.shape) < 0.3] = np.nan
    covariance = error_covariance(residuals)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9
    together, apart = (covariance[0, 0] + covariance[j, j] - 2 * covariance[0, j] for j in (1, 2))
    assert together < 0.2 * apart
    assert np.sqrt(covariance[0, 0]) == pytest.approx(10.2, rel=0.1)


def test_spearman_is_scipys_where_both_are_known() -> None:
    rng = np.random.default_rng(4)
    observed, answered = rng.integers(0, 9, 40).astype(float), rng.normal(size=40)
    observed[3] = answered[7] = np.nan
    known = ~(np.isnan(observed) | np.isnan(answered))
    assert spearman(observed, answered) == pytest.approx(
        spearmanr(observed[known], answered[known])[0], abs=1e-9
    )
    assert np.isnan(spearman(observed[:5], answered[:5]))
    assert np.isnan(spearman(observed, np.zeros(40)))


def test_the_figure_of_a_panel_is_the_mean_over_drugs() -> None:
    rng = np.random.default_rng(6)
    observed = rng.normal(size=(50, 3))
    repeat = Repeat(observed + rng.normal(size=(50, 3)), np.ones((50, 3)))
    figures = panel_figures(observed, [repeat])
    by_hand = np.mean([spearman(o, a) for o, a in zip(observed.T, repeat.answered.T, strict=True)])
    assert figures["spearman"]["value"] == pytest.approx(by_hand, abs=1e-6)
    assert figures["spearman"]["lower"] < by_hand < figures["spearman"]["upper"]
    assert figures["coverage90"]["value"] == 100.0
