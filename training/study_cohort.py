"""A study's patients, wherever they lie: a public source, a cohort folder, or a table that it describes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from features.cohort import Cohort
from features.errors import CohortError, DataError, Fault
from features.join import join
from features.readers.clinical_table import read_clinical_table
from features.readers.folder import is_cohort_folder, read_folder, stream_folder
from training.datasets.catalog import SOURCES, Source, find_source, load_folder, provide
from training.horizon import with_event
from training.study import Study
from training.study_parts import VariableAsked


def study_cohort(study: Study, data_dir: Path, home: Path) -> Cohort:
    """Every patient of the study's dataset, with their outcomes."""
    folder = study_folder(study, data_dir, home)
    if not is_own(study):
        cohort = load_folder(study.dataset, folder)
    else:
        cohort = _own(study, folder)
        _refuse(study, cohort)
    return with_event(study.outcome, cohort) if study.outcome.has_horizon else cohort


def is_own(study: Study) -> bool:
    """Whether the dataset is a path, not a source that is listed here."""
    return study.dataset not in {source.name for source in SOURCES}


def study_folder(study: Study, data_dir: Path, home: Path) -> Path:
    """The folder that the study's patients are read from."""
    if not is_own(study):
        return provide(study.dataset, data_dir, home)
    folder = (study.folder or Path()) / study.dataset
    if not folder.is_dir():
        known = ", ".join(source.name for source in SOURCES)
        what, remedy = "is neither a known source nor a folder", f"give a folder's path, or one of {known}"
        raise DataError("the study's dataset cannot be read", [Fault("dataset", what, remedy)])
    return folder


def study_source(study: Study) -> Source:
    """Where the patients come from and on which terms, as listed here or as the study states it."""
    if not is_own(study):
        return find_source(study.dataset)
    asked = study.source
    return Source(study.dataset, asked.title, asked.citation, asked.terms, "", study.dataset, False)


def cohort_in(study: Study, folder: Path) -> Cohort:
    """Every patient of a folder laid out like the study's own, or of a cohort folder, with their outcomes."""
    if study.table is not None and (folder / study.table.file).is_file():
        cohort = read_clinical_table(folder / study.table.file, study.table.schema).cohort
        _refuse(study, cohort)
    elif is_cohort_folder(folder):
        cohort = read_folder(folder)
    else:
        cohort = load_folder(study.dataset, folder)
    return with_event(study.outcome, cohort) if study.outcome.has_horizon else cohort


def with_more(study: Study, cohort: Cohort, folders: Sequence[Path]) -> Cohort:
    """The cohort and the patients of these folders, with their outcomes; nobody may be in two of them."""
    cohorts = [cohort, *(cohort_in(study, folder) for folder in folders)]
    ids = [patient for own in cohorts for patient in own.patient_ids]
    twice = len(ids) - len(set(ids))
    if twice:
        what, remedy = f"{twice} patients stand in more than one", "leave them out of one, or rename them"
        raise CohortError("the cohorts cannot be put together", [Fault("patient_id", what, remedy)])
    return join(cohorts)


def patients_to_answer(study: Study, folder: Path, chunk: int) -> Iterator[Cohort]:
    """The patients of a folder laid out like the study's own, or of a cohort folder; no outcomes needed."""
    is_table = study.table is not None and (folder / study.table.file).is_file()
    if is_cohort_folder(folder) and not is_table:
        yield from stream_folder(folder, chunk)
        return
    if study.table is not None:
        cohort = read_clinical_table(folder / study.table.file, study.table.known_before).cohort
        _refuse(study, cohort)
    else:
        cohort = load_folder(study.dataset, folder)
    for start in range(0, len(cohort), chunk):
        yield cohort.take(cohort.patient_ids[start : start + chunk])


def _own(study: Study, folder: Path) -> Cohort:
    if study.table is not None:
        return read_clinical_table(folder / study.table.file, study.table.schema).cohort
    if is_cohort_folder(folder):
        return read_folder(folder)
    what, remedy = (
        "holds no patients.csv, and the study describes no table",
        "write [table], or import the files",
    )
    raise DataError("the study's dataset cannot be read", [Fault("dataset", what, remedy)])


def _refuse(study: Study, cohort: Cohort) -> None:
    faults = [fault for asked in study.variables for fault in _faults_of(asked, cohort)]
    dated = {} if study.table is None else study.table.schema.facts
    for column, fact in dated.items():
        has_day = bool(fact.date_column or fact.day_column)
        if fact.section == "clinical" and has_day and not len(cohort.clinical.rows_of(fact.subject)):
            what = "nothing of it is known by the index date"
            faults.append(Fault(f"table.facts.{column[:64]}", what, "leave the column out"))
    if faults:
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        raise CohortError(f"{count} in the patients of study '{study.name}'", faults)


def _faults_of(asked: VariableAsked, cohort: Cohort) -> list[Fault]:
    """What the cohort holds of a declared variable that it cannot be."""
    where, rows = f"clinical '{asked.name}'", cohort.clinical.rows_of(asked.name)
    values, texts = cohort.clinical.value[rows], cohort.clinical.text[rows]
    if asked.kind == "category":
        wrong = int((~np.isin(texts.astype(str), asked.categories)).sum())
        return [Fault(where, f"{wrong} values are no category of it", "list it, or map it")] if wrong else []
    if asked.kind == "flag":
        wrong = int((~np.isin(values, (0.0, 1.0))).sum())
        return [Fault(where, f"{wrong} values are neither yes nor no", "write 0 or 1")] if wrong else []
    wrong = int((~((values >= asked.lowest) & (values <= asked.highest))).sum())
    what = f"{wrong} values lie outside {asked.lowest:g} to {asked.highest:g} {asked.unit}"
    return [Fault(where, what, "check the unit, or the variable's lowest and highest")] if wrong else []
