"""A study's search for settings on everybody: asked for alone, or before its models are fitted."""

from __future__ import annotations

from pathlib import Path

from features.errors import StudyError
from training.fit import training_part
from training.prepared import Prepared, Progress, prepare, quiet
from training.study import Study
from training.study_tuning import TuningAsked
from training.tuning import Limits, Tuned, search, with_settings


def tune_study(study: Study, data_dir: Path, home: Path, progress: Progress = quiet) -> Tuned:
    """The settings that the study's search finds on everybody; a search that was interrupted goes on."""
    if study.tuning is None:
        raise StudyError(
            f"study '{study.name}' has no [tuning]; write what to search (space), and for how long (trials)"
        )
    return _searched(study, study.tuning, prepare(study, data_dir, home, progress), home, progress)


def _searched(study: Study, asked: TuningAsked, prepared: Prepared, home: Path, progress: Progress) -> Tuned:
    limits = Limits(asked.trials, asked.budget_minutes, asked.stop_after)
    store = home / "tuning" / f"{study.name}-{prepared.key[:16]}.db"
    part = training_part(prepared.design, study)
    return search(part, study, limits, store, lambda done, total: progress("tune", done, total))


def settled(study: Study, prepared: Prepared, home: Path, progress: Progress) -> tuple[Study, Tuned | None]:
    """The study with the settings found on everybody; itself where it does not ask for a search."""
    if study.tuning is None:
        return study, None
    found = _searched(study, study.tuning, prepared, home, progress)
    return with_settings(study, found.settings), found
