"""Answers a folder laid out like a study's own, or a cohort folder, chunk by chunk: a CSV of answers or of
ranked options, and contributions in long form on demand."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from features.cohort import Cohort
from features.errors import RegistryError, SettingsError
from models import bundle
from models.answers import Answers
from models.bundle import LoadedBundle
from models.model_set import ModelSet
from models.shelf import CHAMPION, Shelf
from training.long_form import LongForm
from training.study import Study, read_study
from training.study_cohort import patients_to_answer

Progress = Callable[[str, int, int], None]
Row = tuple[str, ...]
COLUMNS = ("patient_id", "drug", "value", "lower", "upper", "unit", "notices", "possible")
RANKED_COLUMNS = (
    "patient_id", "place", "option", "value", "lower", "upper", "unit",
    "difference", "difference_lower", "difference_upper", "notices",
)  # fmt: skip
CHUNK = 1000


@dataclass(frozen=True)
class PredictedFolder:
    """How many patients were answered and declined, where the answers lie, and which bundle gave them.

    Of a panel a patient counts as declined when every drug was.
    """

    n_patients: int
    n_declined: int
    out: Path
    explain: Path | None
    digest: str
    version: int


@dataclass(frozen=True)
class ChosenModel:
    """The bundle that answers, where it lies, its version, and its study, which lays folders out."""

    loaded: LoadedBundle
    folder: Path
    digest: str
    version: int
    study: Study


def predict_folder(
    study_name: str,
    folder: Path,
    home: Path,
    out: Path,
    explain: Path | None = None,
    level: float = 0.9,
    alias: str = CHAMPION,
    progress: Progress | None = None,
) -> PredictedFolder:
    """Every patient of `folder`, in its order, answered by the study's champion; outcomes are not needed.

    A row a patient, of a panel a row a patient and drug. A declined patient has no value, and an unbounded
    end of an interval is empty; `notices` holds their codes, `possible` the outcomes that cannot be ruled
    out. Where a treatment can be asked about, each patient is answered under the treatment recorded. Nothing
    is left at `out` unless all were answered.
    """
    chosen = model_of(study_name, home, alias, level)
    models = chosen.loaded.models
    n_patients = n_declined = 0
    with (
        _whole(out) as rows_path,
        _whole_if_asked(explain) as long_path,
        LongForm(long_path) as long,
        _writer(rows_path, COLUMNS) as write,
    ):
        for chunk in patients_to_answer(chosen.study, folder, CHUNK):
            answered = _answered(models, chunk, level, long_path is not None)
            for i in range(len(chunk)):
                write(_row(answers, i) for answers in answered)
            for answers in answered:
                long.write(answers)
            n_patients += len(chunk)
            n_declined += sum(all(a.is_declined(i) for a in answered) for i in range(len(chunk)))
            if progress is not None:
                progress("predict", n_patients, n_patients)
    return PredictedFolder(n_patients, n_declined, out, explain, chosen.digest, chosen.version)


def rank_folder(
    study_name: str,
    folder: Path,
    home: Path,
    out: Path,
    level: float = 0.9,
    alias: str = CHAMPION,
    progress: Progress | None = None,
) -> PredictedFolder:
    """Every patient's options, best first: the drugs of a panel, or the treatments that can be asked about.

    `difference` is from the first option's answer, with its own interval at `level`.
    """
    chosen = model_of(study_name, home, alias, level)
    models = chosen.loaded.models
    if len(models.options) < 2:
        raise RegistryError(f"'{study_name}' answers about one drug; there is nothing to rank")
    n_patients = n_declined = 0
    with _whole(out) as rows_path, _writer(rows_path, RANKED_COLUMNS) as write:
        for chunk in patients_to_answer(chosen.study, folder, CHUNK):
            answers = models.answer(chunk, level)
            for i in range(len(chunk)):
                write(_ranked_rows(models, answers, i))
            n_patients += len(chunk)
            n_declined += sum(all(a.is_declined(i) for a in answers.values()) for i in range(len(chunk)))
            if progress is not None:
                progress("rank", n_patients, n_patients)
    return PredictedFolder(n_patients, n_declined, out, None, chosen.digest, chosen.version)


def model_of(study_name: str, home: Path, alias: str, level: float) -> ChosenModel:
    """The bundle that an alias points to, proved."""
    if not 0.0 < level < 1.0:
        raise SettingsError("the level of an interval must lie between 0 and 1, such as 0.9")
    entry = Shelf(home).entry(study_name, alias)
    if entry is None:
        raise RegistryError(
            f"'{study_name}' has no {alias}; run rxplain fit {study_name}, then rxplain promote"
        )
    loaded = bundle.load(entry.folder, entry.digest)
    study = read_study(loaded.manifest.provenance.study_text)
    return ChosenModel(loaded, entry.folder, entry.digest, entry.version, study)


def _answered(models: ModelSet, cohort: Cohort, level: float, explain: bool) -> list[Answers]:
    """The answers as patients are, one a drug; a treatment is the one recorded, not asked about."""
    if models.question is not None:
        model = models.model
        return [model.explain(cohort, level) if explain else model.predict(cohort, level)]
    return list(models.answer(cohort, level, explain).values())


@contextmanager
def _writer(path: Path, columns: Row) -> Iterator[Callable[[Iterator[Row]], None]]:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        yield writer.writerows


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A path to write to that takes its real name only when all is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _whole_if_asked(path: Path | None) -> AbstractContextManager[Path | None]:
    return nullcontext() if path is None else _whole(path)


def _row(answers: Answers, i: int) -> Row:
    outcome, prediction = answers.outcome, answers[i]
    possible = ";".join(prediction.possible or ())
    cells = _cells(answers, i)
    return (answers.patient_ids[i], outcome.drug, *cells, outcome.unit, _codes(answers, i), possible)


def _ranked_rows(models: ModelSet, answers: Mapping[str, Answers], i: int) -> Iterator[Row]:
    for ranked in models.rank(answers, i):
        own = answers[ranked.option]
        differences = (ranked.difference, ranked.lower, ranked.upper)
        told = (_number(d) if d is not None else "" for d in differences)
        cells = (*_cells(own, i), own.outcome.unit, *told, _codes(own, i))
        yield (own.patient_ids[i], str(ranked.place), ranked.option, *cells)


def _cells(answers: Answers, i: int) -> Row:
    return tuple(_number(float(column[i])) for column in (answers.value, answers.lower, answers.upper))


def _number(number: float) -> str:
    return repr(number) if math.isfinite(number) else ""


def _codes(answers: Answers, i: int) -> str:
    return ";".join(dict.fromkeys(notice.code for notice in answers.notices[i]))
