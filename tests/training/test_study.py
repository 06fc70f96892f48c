"""A study says what to do, or says everything that is wrong with it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from features.cohort import Cohort
from features.errors import StudyError
from models.estimators import LinearSettings, TreeSettings
from training.served import served_spec
from training.study import LinearAsked, TreesAsked, load_study, read_study, study_names

TEXT = load_study("warfarin").text


def test_every_shipped_study_can_be_read_and_encoded() -> None:
    for name in study_names():
        study = load_study(name)
        assert study.name == name
        named = {
            feature for feature in study.features if "*" not in feature or feature.startswith("genotype")
        }
        assert named <= set(served_spec(study, Cohort(("nobody",))).names)


def test_study_can_be_given_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT, encoding="utf-8")
    assert load_study(path).sha256 == load_study("warfarin").sha256


def test_unknown_study_names_the_known() -> None:
    with pytest.raises(StudyError, match=r"use one of .*breast-arms.*warfarin"):
        load_study("aspirin")


def test_all_faults_are_told_together() -> None:
    text = TEXT.replace("alpha = 1.0", 'alpha = "much"\ncolour = 1').replace("[trees]", "[shrubs]")
    with pytest.raises(StudyError) as refused:
        read_study(text)
    told = {fault.where for fault in refused.value.faults}
    assert {"linear.alpha", "linear.colour", "study.shrubs"} <= told


@pytest.mark.parametrize(
    ("found", "wrong", "where"),
    [
        ("inner_folds = 3", "inner_folds = 1", "model.inner_folds"),
        ("lowest = 1.0", "lowest = 900.0", "outcome"),
        ('kind = "random"', 'kind = "sometimes"', "protocols[0].kind"),
        ("test_share = 0.2", "test_share = 1.0", "protocols[0]"),
        (
            'required_any = [["clinical.age.value"]',
            'required_any = [["clinical.shoe.value"]',
            "model.required_any",
        ),
        ("at_least = 47.0", "minimum_n = 3", "gates[2]"),
    ],
)
def test_contradiction_is_refused(found: str, wrong: str, where: str) -> None:
    assert found in TEXT
    with pytest.raises(StudyError) as refused:
        read_study(TEXT.replace(found, wrong, 1))
    assert where in {fault.where for fault in refused.value.faults}


def test_thresholds_and_shares_that_cannot_be_are_told_together() -> None:
    wrong = "[decision]\nthresholds = [0.2, 1.0]\n[learning_curve]\nshares = [0.0]\nsplits = 0\n"
    with pytest.raises(StudyError) as refused:
        read_study(f"{TEXT}\n{wrong}")
    where = {fault.where for fault in refused.value.faults}
    assert where == {"decision.thresholds", "learning_curve.shares", "learning_curve.splits"}
    right = wrong.replace("1.0]", "0.5]").replace("[0.0]", "[0.5, 1.0]").replace("splits = 0", "splits = 3")
    study = read_study(f"{TEXT}\n{right}")
    assert study.decision is not None
    assert study.learning_curve is not None
    assert (study.decision.thresholds, study.learning_curve.shares) == ((0.2, 0.5), (0.5, 1.0))


def test_text_that_is_not_toml_is_refused() -> None:
    with pytest.raises(StudyError, match="not TOML"):
        read_study("name = ")


def test_settings_are_those_the_members_know() -> None:
    assert {f.name for f in fields(LinearAsked)} == {f.name for f in fields(LinearSettings)}
    assert {f.name for f in fields(TreesAsked)} - {"blocks"} | {"seed"} == {
        f.name for f in fields(TreeSettings)
    }
