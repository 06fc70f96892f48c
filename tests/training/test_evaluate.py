"""The evaluation as a document: every figure where it was promised, and gates that judge it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from features.cohort import Cohort
from features.errors import StudyError
from training.design import build_design
from training.evaluate import Evaluation, evaluate
from training.gates import judge
from training.holdout import answer_splits
from training.kin import twin_groups
from training.remarks import remarks
from training.splits import protocol_splits
from training.study import Gate, Study


@pytest.fixture(scope="module")
def evaluation(tiny_study: Study, cohort: Cohort) -> Evaluation:
    """The tiny study's evaluation, on one process."""
    first = replace(tiny_study.protocols[0], splits=2)
    study = replace(tiny_study, protocols=(first, tiny_study.protocols[1]))
    return evaluate(study, cohort, build_design(study, cohort), "f" * 64, lambda done, total: None)


def test_every_figure_stands_where_it_was_promised(evaluation: Evaluation) -> None:
    document = json.loads(evaluation.to_json())
    for protocol in ("random_80_20", "leave_one_site_out"):
        for who in ("model", "iwpc_pharmacogenetic", "iwpc_clinical", "fixed_35", "cohort_mean"):
            for metric in ("mae", "r2", "within20"):
                assert set(document["protocols"][protocol][who][metric]) == {"value", "lower", "upper"}
        assert 0 <= document["protocols"][protocol]["model"]["coverage90"]["value"] <= 100
        assert set(document["subgroups"][protocol]) == {"race", "sex", "dose_third"}
        assert set(document["subgroups"][protocol]["dose_third"]) == {"low", "middle", "high"}
    assert len(document["sites"]) == 4
    assert sum(choice["splits"] for choice in document["choices"]) == 6
    assert all(isinstance(remark, str) for remark in document["remarks"])


def test_model_beats_the_mean_of_patients_with_a_known_truth(evaluation: Evaluation) -> None:
    found = evaluation.document["protocols"]["leave_one_site_out"]
    assert found["model"]["mae"]["value"] < 0.8 * found["cohort_mean"]["mae"]["value"]


def test_groups_under_ten_are_left_out(tiny_study: Study, evaluation: Evaluation) -> None:
    for variables in evaluation.document["subgroups"].values():
        assert all(found["n"] >= 10 for levels in variables.values() for found in levels.values())


def test_unknown_comparator_is_refused(tiny_study: Study, cohort: Cohort) -> None:
    study = replace(tiny_study, comparators=("oracle",))
    with pytest.raises(StudyError, match="oracle"):
        evaluate(study, cohort, build_design(study, cohort), "", lambda done, total: None)


def _evaluation(*coverage: tuple[int, float]) -> Evaluation:
    levels = {str(i): {"n": n, "model": {"coverage90": {"value": v}}} for i, (n, v) in enumerate(coverage)}
    return Evaluation(
        {"subgroups": {"random": {"race": levels}}, "wins": {"random": {"formula": 0.9}}}, np.zeros((1, 2))
    )


@pytest.mark.parametrize(
    ("gate", "found", "passed"),
    [
        (Gate("g", "wins.random.formula", at_least=0.9), 0.9, True),
        (Gate("g", "wins.random.formula", at_most=0.8), 0.9, False),
        (Gate("g", "wins.random.formula", at_least=0.8, at_most=0.95), 0.9, True),
        (Gate("g", "subgroups.random.race.*.model.coverage90.value", at_least=87.0), 80.0, False),
        (
            Gate("g", "subgroups.random.race.*.model.coverage90.value", at_least=87.0, minimum_n=200),
            88.0,
            True,
        ),
    ],
)
def test_gate_looks_at_the_worst_level_that_is_large_enough(
    tiny_study: Study, gate: Gate, found: float, passed: bool
) -> None:
    result = judge(replace(tiny_study, gates=(gate,)), _evaluation((300, 88.0), (250, 91.0), (40, 80.0)))[0]
    assert (result.found, result.passed) == (found, passed)


def test_gate_on_a_figure_that_is_not_there_is_refused(tiny_study: Study) -> None:
    with pytest.raises(StudyError, match="no figure"):
        judge(
            replace(tiny_study, gates=(Gate("g", "wins.random.oracle", at_least=1),)),
            _evaluation((300, 88.0)),
        )


@pytest.mark.parametrize(
    ("its_random", "its_unseen", "said"),
    [(8.3, 8.8, "not served"), (8.3, 8.4, "looked at again"), (8.6, 8.8, "gains nothing")],
)
def test_remark_on_recognising_the_site_follows_the_figures(
    tiny_study: Study, its_random: float, its_unseen: float, said: str
) -> None:
    def protocol(recognizer: float) -> dict:
        return {"model": {"mae": {"value": 8.5}}, "site_recognizer": {"mae": {"value": recognizer}}}

    document = {
        "protocols": {"random_80_20": protocol(its_random), "leave_one_site_out": protocol(its_unseen)},
        "sites": {},
    }
    asked = replace(tiny_study, comparators=("site_recognizer",), caveats=("Learned in one country.",))
    assert said in remarks(asked, document)[-2]
    assert remarks(asked, document)[-1] == "Learned in one country."


@pytest.mark.slow
def test_processes_give_the_numbers_of_one_process(tiny_study: Study, cohort: Cohort) -> None:
    design = build_design(tiny_study, cohort)
    splits = protocol_splits(replace(tiny_study.protocols[0], splits=8), cohort, twin_groups(cohort))
    heard: list[int] = []
    apart = answer_splits(design, tiny_study, splits, heard.append)
    alone = answer_splits(design, tiny_study, splits[:2], heard.append)
    assert heard[:8] == list(range(1, 9))
    for one, other in zip(alone, apart, strict=False):
        np.testing.assert_array_equal(one.answers["model"], other.answers["model"])
