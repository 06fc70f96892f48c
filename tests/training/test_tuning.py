"""The search for settings: resumed as if never interrupted, bounded, and blind to whom is held out."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import optuna
import pytest

from features.cohort import Cohort
from features.errors import StudyError
from training.cli_tuning_view import Search, toml_of
from training.cli_views import tell
from training.design import Design, build_design
from training.fit import training_part
from training.holdout import answer_split
from training.learners import TrainingPart
from training.remarks import remarks
from training.splits import Split
from training.study import Study, read_study
from training.study_tuning import TuningAsked
from training.tuning import (
    BY_MINUTES,
    BY_STANDSTILL,
    BY_TRIALS,
    PRUNED,
    Limits,
    Tuned,
    search,
    tuned_within,
    with_settings,
)

SPACE = {
    "trees.learning_rate": {"low": 0.01, "high": 0.3, "log": True},
    "trees.num_leaves": {"low": 2, "high": 15},
    "trees.objective": {"choices": ["l2", "huber"]},
}
ASKED = TuningAsked(SPACE, trials=9, nested_trials=3)


@pytest.fixture(scope="module")
def study(tiny_study: Study) -> Study:
    """The tiny study of few patients, with settings to be found."""
    model = replace(tiny_study.model, inner_folds=3)
    return replace(tiny_study, tuning=ASKED, model=model, comparators=(), transport=None, equity=None)


@pytest.fixture(scope="module")
def design(study: Study, cohort: Cohort) -> Design:
    """Its patients, encoded."""
    return build_design(study, cohort)


@pytest.fixture(scope="module")
def part(study: Study, design: Design) -> TrainingPart:
    """Everybody."""
    return training_part(design, study)


@pytest.fixture(scope="module")
def uninterrupted(part: TrainingPart, study: Study) -> Tuned:
    """Nine trials in one piece."""
    return search(part, study, Limits(9))


def test_trials_lie_in_the_space_and_begin_with_the_study(uninterrupted: Tuned, study: Study) -> None:
    assert study.trees is not None
    first = uninterrupted.trials[0].settings
    assert first == {"trees.learning_rate": 0.05, "trees.num_leaves": 7, "trees.objective": "l2"}
    for trial in uninterrupted.trials:
        assert 0.01 <= trial.settings["trees.learning_rate"] <= 0.3
        assert trial.settings["trees.num_leaves"] in range(2, 16)
        assert trial.settings["trees.objective"] in ("l2", "huber")
    whole = [trial.loss for trial in uninterrupted.trials if trial.state != PRUNED]
    assert uninterrupted.trials[uninterrupted.best].loss == min(whole)
    assert len(uninterrupted.trials) == 9
    assert uninterrupted.ended_by == BY_TRIALS


def test_the_best_settings_have_the_loss_that_was_told(
    uninterrupted: Tuned, part: TrainingPart, study: Study
) -> None:
    """The same settings as the study's own are the first trial of another search."""
    again = search(part, with_settings(study, uninterrupted.settings), Limits(1))
    assert again.trials[0] == uninterrupted.trials[uninterrupted.best]


@pytest.mark.slow
def test_a_resumed_search_equals_an_uninterrupted_one(
    uninterrupted: Tuned, part: TrainingPart, study: Study, tmp_path: Path
) -> None:
    """Cut off after two trials, then in the middle of the third and of the sixth."""
    store = tmp_path / "tuning" / "search.db"
    search(part, study, Limits(2), store)
    for done in (5, 9):
        _cut_off(store, study)
        found = search(part, study, Limits(done), store)
    assert found == uninterrupted


def _cut_off(store: Path, study: Study) -> None:
    """A trial that a killed process left at work."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{store}")
    begun = optuna.load_study(study_name=study.name, storage=storage)
    begun.ask().suggest_float("trees.learning_rate", 0.01, 0.3, log=True)
    storage.remove_session()
    storage.engine.dispose()


def test_a_search_cut_off_in_its_first_trial_begins_with_the_study_again(
    uninterrupted: Tuned, part: TrainingPart, study: Study, tmp_path: Path
) -> None:
    store = tmp_path / "search.db"
    storage = optuna.storages.RDBStorage(f"sqlite:///{store}")
    begun = optuna.create_study(study_name=study.name, storage=storage)
    begun.enqueue_trial(dict(uninterrupted.trials[0].settings))
    begun.ask()
    storage.remove_session()
    storage.engine.dispose()
    assert search(part, study, Limits(1), store).trials == uninterrupted.trials[:1]


def test_finished_trials_are_not_done_again(part: TrainingPart, study: Study, tmp_path: Path) -> None:
    store, heard = tmp_path / "search.db", []
    first = search(part, study, Limits(4), store, lambda done, total: heard.append((done, total)))
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert search(part, study, Limits(4), store, lambda done, total: heard.append((done, total))) == first
    assert len(heard) == 4


def test_a_search_ends_when_nothing_gets_better(part: TrainingPart, study: Study) -> None:
    found = search(part, study, Limits(40, stop_after=3))
    assert found.ended_by == BY_STANDSTILL
    losses = [trial.loss if trial.state != PRUNED else np.inf for trial in found.trials]
    assert len(losses) - 1 - int(np.argmin(losses)) == 3


def test_a_budget_in_minutes_finishes_one_trial_and_no_more_than_it_has_time_for(
    part: TrainingPart, study: Study
) -> None:
    found = search(part, study, Limits(40, minutes=1e-9))
    assert (len(found.trials), found.ended_by) == (1, BY_MINUTES)


def test_hopeless_trials_are_stopped_early(part: TrainingPart, study: Study) -> None:
    """Some rates in this space learn nothing at all, which one fold shows."""
    asked = replace(ASKED, space={"trees.learning_rate": {"low": 1e-6, "high": 0.3}, "linear.alpha": WIDE})
    found = search(part, replace(study, tuning=asked), Limits(16))
    stopped = [trial for trial in found.trials if trial.state == PRUNED]
    assert stopped
    assert found.trials[found.best].state != PRUNED


WIDE = {"low": 1e-3, "high": 1e6, "log": True}


def test_settings_are_chosen_without_the_outcomes_held_out(design: Design, study: Study) -> None:
    everybody = np.arange(len(design.observed))
    test = everybody[::4]
    split = Split("random_80_20", "0", np.setdiff1d(everybody, test), test)
    observed = design.observed.copy()
    observed[test] = observed[test][::-1] * 3.0
    flipped = replace(design, observed=observed)
    found = [answer_split(given, study, split) for given in (design, flipped)]
    assert set(found[0].choice["tuned"]) == set(SPACE)
    assert found[0].choice == found[1].choice
    assert found[0].answers["model"].tolist() == found[1].answers["model"].tolist()
    seen = observed.copy()
    seen[split.train] = np.random.default_rng(0).permutation(observed[split.train])
    assert answer_split(replace(design, observed=seen), study, split).choice != found[0].choice


def test_settings_chosen_on_everybody_are_not_searched_again_and_are_told(
    part: TrainingPart, study: Study
) -> None:
    on_everybody = replace(study, tuning=replace(ASKED, nested=False))
    assert tuned_within(part, on_everybody) == (on_everybody, {})
    document = {"sites": {}, "leading": "mae"}
    bare = {"comparators": (), "protocols": study.protocols[:1]}
    told = {nested: remarks(replace(given, **bare), document) for nested, given in
            ((True, study), (False, on_everybody))}  # fmt: skip
    assert [len([r for r in told[nested] if "Settings were chosen" in r]) for nested in (True, False)] == [
        0,
        1,
    ]


def test_a_study_that_does_not_tune_is_left_alone(part: TrainingPart, tiny_study: Study) -> None:
    assert tuned_within(part, tiny_study) == (tiny_study, {})


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ("trials = 0", "has no end"),
        ('trials = 5\n[tuning.space]\n"trees.depth" = {low = 1, high = 3}', "'trees.depth' is no setting"),
        ('trials = 5\n[tuning.space]\n"ridge.alpha" = {low = 1, high = 3}', "'ridge.alpha' is no setting"),
        ('trials = 5\n[tuning.space]\n"trees.n_trees" = {low = 9, high = 3}', "low below high"),
        ('trials = 5\n[tuning.space]\n"trees.n_trees" = {low = 1.5, high = 3}', "each of int"),
        ('trials = 5\n[tuning.space]\n"linear.alpha" = {low = 0, high = 1, log = true}', "above 0 where log"),
        ('trials = 5\n[tuning.space]\n"trees.objective" = {low = 0, high = 1}', "give choices"),
        ('trials = 5\n[tuning.space]\n"trees.objective" = {choices = ["l2"]}', "two or more choices"),
        ('trials = 5\n[tuning.space]\n"trees.n_trees" = {most = 3}', "'most' is not a known key"),
    ],
)
def test_what_cannot_be_searched_is_a_fault(tiny_study: Study, section: str, fault: str) -> None:
    space = "" if "space" in section else '\n[tuning.space]\n"trees.n_trees" = {low = 5, high = 9}'
    with pytest.raises(StudyError) as told:
        read_study(f"{tiny_study.text}\n[tuning]\n{section}{space}\n")
    assert fault in str(told.value)


def test_best_settings_are_told_as_lines_that_read_back(
    uninterrupted: Tuned, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    read = tomllib.loads(toml_of(uninterrupted.settings))
    assert {f"trees.{name}": value for name, value in read["trees"].items()} == uninterrupted.settings
    tell(Search(uninterrupted), as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["settings"] == uninterrupted.settings
    assert document["repeatable"]
    assert len(document["trials"]) == 9
    tell(Search(uninterrupted), as_json=False)
    shown = capsys.readouterr().out
    assert "Ended by trials after 9 trials." in shown
    assert "[trees]" in shown
    numbers = [int(line.split()[0]) for line in shown.splitlines() if line[:5].strip().isdigit()]
    assert all(after == before + 1 for before, after in pairwise(numbers))
