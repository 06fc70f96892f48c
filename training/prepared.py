"""A study's patients, chosen and encoded once, and what was found of them before anything is fitted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from features.cohort import Cohort
from training.design import Design, build_design
from training.external import external_cohorts
from training.kin import kin_of
from training.population import Selection, select_population
from training.provenance import key_of
from training.study import Study
from training.study_cohort import study_cohort, with_more
from training.suspicions import suspicions

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class StudyCheck:
    """What a study finds in its data; `missing` is the share of patients without each feature."""

    study: str
    n_source: int
    n_population: int
    exclusions: tuple[tuple[str, int], ...]
    n_features: int
    fingerprint: str
    missing: dict[str, float]
    suspicions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """A study's population and design; `key` names all that its evaluation depends on."""

    n_source: int
    selection: Selection
    design: Design
    fingerprint: str
    key: str
    others: Mapping[str, Cohort] = field(default_factory=dict)

    @property
    def cohort(self) -> Cohort:
        """The population."""
        return self.selection.cohort


def quiet(_step: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def check_study(study: Study, data_dir: Path, home: Path) -> StudyCheck:
    """Whether the study can be done on its data, and on whom; nothing is fitted."""
    found = prepare(study, data_dir, home, quiet)
    matrix = found.design.matrix
    missing = np.isnan(matrix.values).mean(axis=0).tolist()
    return StudyCheck(
        study.name,
        found.n_source,
        len(found.cohort),
        found.selection.exclusions,
        len(matrix.features),
        found.fingerprint,
        dict(zip(matrix.names, missing, strict=True)),
        tuple(suspicions(study, found.cohort, found.design, kin_of(found.cohort)).sentences()),
    )


def prepare(
    study: Study, data_dir: Path, home: Path, progress: Progress, more: Sequence[Path] = ()
) -> Prepared:
    """Reads, selects and encodes; `more` are folders of patients who came later."""
    progress("read", 0, 1)
    cohort = with_more(study, study_cohort(study, data_dir, home), more)
    selection = select_population(study, cohort)
    fingerprint = selection.cohort.fingerprint()
    design = build_design(study, selection.cohort)
    progress("read", 1, 1)
    order = hashlib.sha256("\n".join(selection.cohort.patient_ids).encode()).hexdigest()
    others = external_cohorts(study, data_dir, home)
    facts = (f"{name} {own.fingerprint()} {' '.join(own.patient_ids)}" for name, own in others.items())
    key = key_of(study.text, fingerprint, order, *facts)
    return Prepared(len(cohort), selection, design, fingerprint, key, others)
