"""What is learned: the same bytes each time, from the training part alone, and answering as evaluated."""

from __future__ import annotations

import numpy as np
import pytest

from features.cohort import Cohort
from features.errors import CohortError
from training.design import build_design
from training.fit import fit_response, inner_folds
from training.holdout import answer_split
from training.kin import twin_groups
from training.splits import protocol_splits
from training.study import Study


def test_refitting_gives_the_same_numbers(tiny_study: Study, cohort: Cohort) -> None:
    design = build_design(tiny_study, cohort)
    first, second = (fit_response(design, cohort, tiny_study, seed=1) for _ in range(2))
    linear, trees = first.blend.members
    assert linear.to_json() == second.blend.members[0].to_json()
    assert trees.model_text == second.blend.members[1].model_text
    assert first.conformal.to_json() == second.conformal.to_json()


def test_the_model_answers_as_it_was_evaluated(tiny_study: Study, cohort: Cohort) -> None:
    split = protocol_splits(tiny_study.protocols[0], cohort, twin_groups(cohort))[0]
    held = answer_split(build_design(tiny_study, cohort), tiny_study, split)
    train, test = (cohort.take(np.array(cohort.patient_ids)[rows]) for rows in (split.train, split.test))
    answers = fit_response(build_design(tiny_study, train), train, tiny_study, tiny_study.seed).predict(test)
    answered = ~np.isnan(answers.value)
    assert answered.sum() > 40
    np.testing.assert_array_equal(answers.value[answered], held.answers["model"][answered])
    observed = test.outcome("weekly_dose")
    held_by = (answers.lower <= observed) & (observed <= answers.upper)
    np.testing.assert_array_equal(held_by[answered], held.held[answered] == 1.0)


def test_held_out_outcomes_do_not_move_their_answers(tiny_study: Study, cohort: Cohort) -> None:
    design = build_design(tiny_study, cohort)
    split = protocol_splits(tiny_study.protocols[1], cohort, twin_groups(cohort))[0]
    before = answer_split(design, tiny_study, split)
    design.observed[split.test] += 40.0
    after = answer_split(design, tiny_study, split)
    for name in before.answers:
        np.testing.assert_array_equal(before.answers[name], after.answers[name])


def test_missing_gene_has_scores_of_its_own(tiny_study: Study, cohort: Cohort) -> None:
    model = fit_response(build_design(tiny_study, cohort), cohort, tiny_study, seed=1)
    scores = model.conformal.scores
    assert {"all", "missing:VKORC1", "missing:CYP2C9", "race=white"} <= set(scores)
    assert len(scores["missing:VKORC1"]) == len(cohort)
    assert scores["missing:VKORC1"].std() > scores["all"].std()


def test_inner_folds_keep_sites_whole() -> None:
    groups = np.array(["a", "b", "c", "d"] * 10, dtype=object)
    for train, test in inner_folds(groups, 3):
        assert not set(groups[train]) & set(groups[test])
    with pytest.raises(CohortError, match="two or more groups"):
        inner_folds(np.array(["a"] * 5, dtype=object), 3)
