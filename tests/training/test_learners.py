"""A probability learned from many blocks: causes on top, gaps told, nothing leaks, bits kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from features.cohort import Cohort, Outcomes
from features.synthetic_blocks import OUTCOME, Truth
from models import bundle
from models.model_set import ModelSet
from tests.training.tiny_blocks import fit, publish, tiny_cohort, tiny_study
from training.design import build_design
from training.evaluate import study_splits
from training.fit import fit_response
from training.holdout import MODEL, answer_split
from training.study import Study

N, N_NEW = 700, 1_500


@pytest.fixture(scope="module")
def drawn() -> tuple[Cohort, Truth]:
    """Patients to learn from and others of the same truth, in that order; one in ten lacks each block."""
    return tiny_cohort("binary", N + N_NEW)


@pytest.fixture(scope="module")
def cohort(drawn: tuple[Cohort, Truth]) -> Cohort:
    """Whom the model learned from."""
    return drawn[0].take(drawn[0].patient_ids[:N])


@pytest.fixture(scope="module")
def fresh(drawn: tuple[Cohort, Truth]) -> Cohort:
    """Whom it never saw."""
    return drawn[0].take(drawn[0].patient_ids[N:])


@pytest.fixture(scope="module")
def study() -> Study:
    """The tiny study of a probability."""
    return tiny_study("binary")


@pytest.fixture(scope="module")
def models(study: Study, cohort: Cohort) -> ModelSet:
    """Fitted once."""
    return fit(study, cohort)


def lacking(cohort: Cohort, block: str) -> Cohort:
    """The same patients without a whole block."""
    if block == "expression":
        return replace(cohort, expression=None)
    return replace(cohort, variants=type(cohort.variants).from_rows([]), sequenced=None, panels={})


def test_the_causes_move_answers_most(models: ModelSet, fresh: Cohort, drawn: tuple[Cohort, Truth]) -> None:
    answers = models.model.explain(fresh)
    moved = np.nanmean(np.abs(answers.contributions), axis=0)
    effects = drawn[1].effects[OUTCOME]
    for block in ("expression", "tumour", "clinical"):
        own = [i for i, feature in enumerate(answers.features) if feature.block == block]
        ranked = [answers.features[i].name for i in sorted(own, key=lambda i: -moved[i])]
        causal = {name for name in effects if name.startswith(block)}
        assert set(ranked[: len(causal)]) == causal


@pytest.mark.slow
def test_chances_of_fresh_patients_are_ordered_well_and_mean_what_they_say(study: Study) -> None:
    """The mean over three cohorts, of which each leaves the slope uncertain by about 0.1."""
    slopes = []
    for seed in (1, 2, 3):
        everybody, _ = tiny_cohort("binary", 3_000, seed)
        asked = everybody.take(everybody.patient_ids[1_500:])
        answers = fit(study, everybody.take(everybody.patient_ids[:1_500])).model.predict(asked)
        known = ~np.isnan(answers.margin)
        margin, happened = answers.margin[known], asked.outcome(OUTCOME)[known]
        assert roc_auc_score(happened, margin) > 0.88
        assert answers.value[known].mean() == pytest.approx(happened.mean(), abs=0.04)
        slopes.append(LogisticRegression(C=1e9).fit(margin[:, None], happened).coef_[0, 0])
    assert np.mean(slopes) == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("block", ["expression", "tumour"])
def test_who_lacks_a_block_is_answered_without_it_and_told_so(
    models: ModelSet, fresh: Cohort, block: str
) -> None:
    known = models.model.explain(fresh)
    whole = [i for i in range(len(fresh)) if not _codes(known, i) & {"modality_missing", "required_missing"}]
    asked = fresh.take(np.array(fresh.patient_ids)[whole])
    answers = models.model.explain(lacking(asked, block))
    columns = [i for i, feature in enumerate(answers.features) if feature.block == block]
    assert all("modality_missing" in _codes(answers, i) for i in range(len(asked)))
    assert not answers.contributions[:, columns].any()
    told = {notice.feature for own in answers.notices for notice in own if notice.code == "imputed"}
    assert not told & {answers.features[i].name for i in columns}
    reduced = models.model.without[f"missing:{block}"]
    np.testing.assert_array_equal(answers.margin, reduced.margin(answers.values))
    assert _width(answers).mean() > 1.05 * _width(known)[whole].mean()


def test_a_model_fitted_without_a_block_beats_filling_it_in(models: ModelSet, fresh: Cohort) -> None:
    answers = models.model.predict(lacking(fresh, "expression"))
    known = ~np.isnan(answers.margin)
    happened = fresh.outcome(OUTCOME)[known]
    filled = models.model.blend.margin(answers.values)[known]
    assert models.model.outcome.losses(answers.margin[known], happened).mean() <= (
        models.model.outcome.losses(filled, happened).mean()
    )


def test_whoever_lacks_all_that_is_required_is_declined(models: ModelSet, fresh: Cohort) -> None:
    rows = [row for row in fresh.clinical.rows if row[1] not in ("synthetic_1", "synthetic_2")]
    answers = models.model.explain(replace(fresh, clinical=type(fresh.clinical).from_rows(rows)))
    assert all(answers.is_declined(i) for i in range(len(answers)))
    assert np.isnan(answers.contributions).all()


def test_one_patient_alone_is_the_same_in_a_batch(models: ModelSet, fresh: Cohort) -> None:
    batch = models.model.explain(fresh)
    for i in range(0, 60, 4):
        alone = models.model.explain(fresh.take([fresh.patient_ids[i]]))
        assert alone.margin[0].tobytes() == batch.margin[i].tobytes()
        assert alone.contributions[0].tobytes() == batch.contributions[i].tobytes()
        assert (alone.lower[0], alone.upper[0]) == (batch.lower[i], batch.upper[i]) or alone.is_declined(0)


def test_contributions_add_up_for_everybody(models: ModelSet, fresh: Cohort) -> None:
    answers = models.model.explain(fresh)
    known = ~np.isnan(answers.margin)
    total = answers.contributions.sum(axis=1) + answers.base
    np.testing.assert_allclose(total[known], answers.margin[known], atol=1e-9)


def test_refitting_gives_the_same_bytes(study: Study, cohort: Cohort, models: ModelSet) -> None:
    again = fit(study, cohort)
    assert [m.to_json() for m in again.model.blend.members] == [
        m.to_json() for m in models.model.blend.members
    ]
    assert again.model.conformal.to_json() == models.model.conformal.to_json()


@pytest.mark.parametrize("kind", ["binary", "question", "panel"])
def test_a_bundle_answers_as_the_model_that_was_fitted(kind: str, tmp_path: Path) -> None:
    study, (cohort, _) = tiny_study(kind), tiny_cohort(kind, 260, seed=4, missing=0.2)
    fitted = fit(study, cohort)
    loaded = bundle.load(publish(tmp_path, study, cohort, fitted)).models
    assert loaded.options == fitted.options
    before, after = (own.answer(cohort, explain=True) for own in (fitted, loaded))
    for option, own in before.items():
        for column in ("margin", "value", "lower", "upper", "contributions", "base"):
            assert getattr(own, column).tobytes() == getattr(after[option], column).tobytes(), column
        assert own.notices == after[option].notices
    for one, other in zip(fitted.rank(before, 0), loaded.rank(after, 0), strict=True):
        numbers = [(r.place, r.option, r.difference, r.lower, r.upper) for r in (one, other)]
        assert numbers[0] == numbers[1]


def test_held_out_outcomes_do_not_move_their_answers(study: Study, cohort: Cohort) -> None:
    design = build_design(study, cohort)
    split = study_splits(study, cohort, design.observed)[0]
    before = answer_split(design, study, split).answers[MODEL]
    design.observed[split.test] = 1.0 - design.observed[split.test]
    after = answer_split(design, study, split).answers[MODEL]
    np.testing.assert_array_equal(before, after)


def test_the_model_answers_as_it_was_evaluated(study: Study, cohort: Cohort) -> None:
    design = build_design(study, cohort)
    split = study_splits(study, cohort, design.observed)[0]
    held = answer_split(design, study, split).answers[MODEL]
    train, test = (cohort.take(np.array(cohort.patient_ids)[rows]) for rows in (split.train, split.test))
    own = build_design(study, train)
    assert own.spec.names == design.spec.names
    answers = fit_response(own, train, study, study.seed).predict(test)
    answered = ~np.isnan(answers.value)
    np.testing.assert_array_equal(answers.value[answered], held[answered])


def test_outcomes_dealt_anew_teach_nothing(study: Study, cohort: Cohort, fresh: Cohort) -> None:
    found = []
    for seed in range(4):
        dealt = np.random.default_rng(seed).permutation(cohort.outcome(OUTCOME)).tolist()
        rows = [(i, OUTCOME, own, 90.0) for i, own in enumerate(dealt)]
        model = fit(study, replace(cohort, outcomes=Outcomes.from_rows(rows))).model
        margin = model.predict(fresh).margin
        known = ~np.isnan(margin)
        found.append(roc_auc_score(fresh.outcome(OUTCOME)[known], margin[known]))
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


def _codes(answers: object, i: int) -> set[str]:
    return {notice.code for notice in answers.notices[i]}


def _width(answers: object) -> np.ndarray:
    """Of the band, on the log-odds."""
    lower, upper = (np.log(end / (1.0 - end)) for end in (answers.lower, answers.upper))
    return upper - lower
