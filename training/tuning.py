"""Searching for the learners' settings inside a training part, by the loss out of its inner folds.

Each trial's suggestion follows from the trials finished before it and from the seed alone, so a search that
was interrupted and goes on finds exactly what one in a single piece finds. Settings are judged by the even
blend of the study's learners. The same inner folds later choose weights and make intervals; what that costs
shows in the evaluation, whose held-out patients take no part in any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState
from threadpoolctl import threadpool_limits

from models.outcome import Outcome
from training.fit import inner_folds, steady_outcome
from training.learners import Folds, TrainingPart, fit_folds, learner_names, out_of_fold
from training.study import Study
from training.study_tuning import Range

Numbers = NDArray[np.float64]
Settings = Mapping[str, Any]  # Any: numbers and words, by the setting's name in the study
Report = Callable[[int, int], None]
COMPLETE, PRUNED = "complete", "stopped"
BY_TRIALS, BY_MINUTES, BY_STANDSTILL = "trials", "minutes", "no improvement"
_FINISHED = {TrialState.COMPLETE: COMPLETE, TrialState.PRUNED: PRUNED}
_STARTUP = 5


@dataclass(frozen=True)
class Limits:
    """When a search ends; 0 is no limit. It always finishes one trial."""

    trials: int = 0
    minutes: float = 0.0
    stop_after: int = 0


@dataclass(frozen=True)
class TrialOfSettings:
    """One trial: its settings and their mean loss out of fold, of one stopped early over the folds it saw."""

    settings: Settings
    loss: float
    state: str


@dataclass(frozen=True)
class Tuned:
    """The trials in order, the best of those that saw every fold, and what ended the search."""

    trials: tuple[TrialOfSettings, ...]
    best: int
    ended_by: str

    @property
    def settings(self) -> Settings:
        """The best settings, by their names in the study."""
        return self.trials[self.best].settings


@dataclass(frozen=True)
class _Bench:
    """What every trial shares; `standing` (n,) sums out-of-fold margins of learners that are not tuned."""

    part: TrainingPart
    study: Study
    ranges: tuple[Range, ...]
    folds: Folds
    outcome: Outcome
    seed: int
    standing: Numbers

    @classmethod
    def of(cls, part: TrainingPart, study: Study, ranges: tuple[Range, ...], seed: int) -> _Bench:
        """The inner folds and the link as `training.fit.learn` would choose them."""
        happened = part.observed if study.outcome.is_binary else None
        folds = inner_folds(part.groups, study.model.inner_folds, happened, seed)
        outcome, _ = steady_outcome(part, study, folds, seed)
        standing = np.zeros(len(part.observed))
        for name in learner_names(study):
            if name not in _sections(ranges):
                members = fit_folds(name, part, study, folds, outcome, seed).members
                standing = standing + out_of_fold(part.values, folds, members)
        return cls(part, study, ranges, folds, outcome, seed, standing)

    def losses(self, settings: Settings) -> Iterator[float]:
        """The mean loss over the folds so far, fold after fold."""
        study, names = with_settings(self.study, settings), learner_names(self.study)
        found: list[Numbers] = []
        for fold in self.folds:
            margin = self.standing[fold[1]]
            for name in names:
                if name in _sections(self.ranges):
                    (member,) = fit_folds(name, self.part, study, [fold], self.outcome, self.seed).members
                    margin = margin + member.margin(self.part.values[fold[1]])
            found.append(self.outcome.losses(margin / len(names), self.part.observed[fold[1]]))
            yield float(np.concatenate(found).mean())


def with_settings(study: Study, settings: Settings) -> Study:
    """The study with these settings, named as `trees.num_leaves`, in its learners' sections."""
    given: dict[str, dict[str, Any]] = {}
    for name, value in settings.items():
        section, _, setting = name.partition(".")
        given.setdefault(section, {})[setting] = value
    sections = {section: replace(getattr(study, section), **own) for section, own in given.items()}
    return replace(study, **sections)


def tuned_within(part: TrainingPart, study: Study) -> tuple[Study, dict[str, object]]:
    """The study as it is learned from one training part of an evaluation, and what was chosen for it.

    Unchanged where the study does not tune, or tunes on everybody.
    """
    if study.tuning is None or not study.tuning.nested:
        return study, {}
    limits = Limits(study.tuning.nested_trials, stop_after=study.tuning.stop_after)
    found = search(part, study, limits)
    return with_settings(study, found.settings), {"tuned": dict(found.settings)}


def search(
    part: TrainingPart, study: Study, limits: Limits, store: Path | None = None, report: Report | None = None
) -> Tuned:
    """The search on these patients, beginning with the study's own settings where they lie in the space.

    With `store`, an SQLite file of this study on these patients, what was done before is not done again.
    """
    if study.tuning is None:
        raise ValueError("a study without [tuning] has no space to search")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with threadpool_limits(1), _opened(store) as storage:
        pruner = MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=0)
        trials = optuna.create_study(
            storage=storage, pruner=pruner, study_name=study.name, direction="minimize", load_if_exists=True
        )
        _give_up_interrupted(trials)
        bench: _Bench | None = None
        while (ended_by := _ended(_finished(trials), limits)) is None:
            bench = bench or _Bench.of(part, study, study.tuning.ranges, study.seed)
            _try_one(trials, bench)
            if report is not None:
                n = len(_finished(trials))
                report(n, max(limits.trials, n))
        return _told(_finished(trials), ended_by)


@contextmanager
def _opened(store: Path | None) -> Iterator[BaseStorage]:
    if store is None:
        yield InMemoryStorage()
        return
    store.parent.mkdir(parents=True, exist_ok=True)
    storage = RDBStorage(f"sqlite:///{store}")
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _give_up_interrupted(trials: optuna.Study) -> None:
    """Trials that were at work when a search was cut off are not finished and count for nothing."""
    for trial in trials.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        trials.tell(trial.number, state=TrialState.FAIL)


def _finished(trials: optuna.Study) -> list[FrozenTrial]:
    return trials.get_trials(deepcopy=False, states=tuple(_FINISHED))


def _ended(finished: list[FrozenTrial], limits: Limits) -> str | None:
    """What ended the search, if anything has; earlier sessions' minutes count."""
    if not finished:
        return None
    if limits.trials and len(finished) >= limits.trials:
        return BY_TRIALS
    if limits.stop_after and len(finished) - 1 - _best(finished) >= limits.stop_after:
        return BY_STANDSTILL
    spent = sum((trial.duration or timedelta() for trial in finished), timedelta())
    return BY_MINUTES if limits.minutes and spent >= timedelta(minutes=limits.minutes) else None


def _best(finished: list[FrozenTrial]) -> int:
    """The place of the first trial with the least loss among those that saw every fold."""
    whole = [i for i, trial in enumerate(finished) if trial.state == TrialState.COMPLETE]
    return min(whole, key=lambda i: (finished[i].value, i))


def _try_one(trials: optuna.Study, bench: _Bench) -> None:
    n = len(_finished(trials))
    seed = int(np.random.default_rng([bench.seed, n]).integers(2**31))
    trials.sampler = TPESampler(seed=seed, n_startup_trials=_STARTUP)
    own = _own(bench)
    is_begun = n > 0 or bool(trials.get_trials(deepcopy=False, states=(TrialState.WAITING,)))
    if own is not None and not is_begun:
        trials.enqueue_trial(own)
    trial = trials.ask()
    settings = {asked.name: _suggested(trial, asked) for asked in bench.ranges}
    loss = np.nan
    for step, loss in enumerate(bench.losses(settings)):
        trial.report(loss, step)
        if step + 1 < len(bench.folds) and trial.should_prune():
            trials.tell(trial, state=TrialState.PRUNED)
            return
    trials.tell(trial, loss)


def _own(bench: _Bench) -> dict[str, Any] | None:
    """The study's own settings, if all of them lie in the space."""
    named = {asked.name: asked.name.partition(".") for asked in bench.ranges}
    own = {name: getattr(getattr(bench.study, at[0]), at[2]) for name, at in named.items()}
    return own if all(asked.holds(own[asked.name]) for asked in bench.ranges) else None


def _suggested(trial: Trial, asked: Range) -> Any:  # Any: a number or a word
    if asked.choices:
        return trial.suggest_categorical(asked.name, asked.choices)
    if asked.is_whole:
        return trial.suggest_int(asked.name, int(asked.low), int(asked.high), log=asked.log)
    return trial.suggest_float(asked.name, asked.low, asked.high, log=asked.log)


def _sections(ranges: tuple[Range, ...]) -> set[str]:
    return {asked.name.partition(".")[0] for asked in ranges}


def _told(finished: list[FrozenTrial], ended_by: str) -> Tuned:
    told = [
        TrialOfSettings(dict(sorted(trial.params.items())), float(trial.value or 0.0), _FINISHED[trial.state])
        for trial in finished
    ]
    return Tuned(tuple(told), _best(finished), ended_by)
