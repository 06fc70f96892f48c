"""Files of any format put together as one cohort folder, all of it or nothing: what `rxplain import` does.

A plan is a TOML file; its paths count from its own folder:

    index_dates = "index_dates.csv"    # for every source that counts days; may be left out

    [[sources]]
    format = "vcf"
    path = "calls.vcf.gz"
    build = "GRCh38"
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType

from features.cohort import Cohort
from features.errors import CohortError, Fault, RxplainError, SettingsError
from features.join import join
from features.readers.byte_stream import refuse_unless_regular
from features.readers.folder import write_folder
from training.import_clinical import (
    INDEX_DATES,
    CohortFolder,
    ExpressionMatrix,
    Fhir,
    Omop,
    Table,
    Wearable,
)
from training.import_germline import Diplotypes, PharmCat, Plink, Vcf
from training.import_options import Reading, Source, read_options
from training.import_tumour import (
    CopyNumber,
    Fusions,
    Maf,
    PanelCalls,
    Segments,
    TumourValues,
    VariantTable,
)

FORMATS: Mapping[str, type[Source]] = MappingProxyType(
    {
        "vcf": Vcf,
        "pharmcat": PharmCat,
        "diplotypes": Diplotypes,
        "plink": Plink,
        "maf": Maf,
        "variant_table": VariantTable,
        "panel_calls": PanelCalls,
        "segments": Segments,
        "copy_number": CopyNumber,
        "fusions": Fusions,
        "tumour_values": TumourValues,
        "expression": ExpressionMatrix,
        "table": Table,
        "fhir": Fhir,
        "omop": Omop,
        "wearable": Wearable,
        "cohort": CohortFolder,
    }
)
"""By the name of a format, its options and its reader."""

Progress = Callable[[str, int, int], None]
_LARGEST_PLAN = 1_000_000
_TOP = frozenset({INDEX_DATES, "sources"})


@dataclass(frozen=True)
class Planned:
    """A source of a plan: its place there, its format and what it was told."""

    where: str
    format: str
    source: Source


@dataclass(frozen=True)
class SourceRead:
    """What one source gave: patients, facts by table, and what was noticed."""

    format: str
    path: str
    n_patients: int
    facts: Mapping[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ImportedFolder:
    """A cohort folder that was written, and what went into it."""

    folder: Path
    n_patients: int
    fingerprint: str
    facts: Mapping[str, int]
    sources: tuple[SourceRead, ...]


def read_plan(path: Path) -> tuple[Planned, ...]:
    """The sources of a plan file; all faults of all of them told together."""
    refuse_unless_regular(path)
    if path.stat().st_size > _LARGEST_PLAN:
        raise SettingsError(f"{path.name} is far too large for a plan; name a TOML file, or give --format")
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        told = "is not a plan in TOML; name the plan, or give --format for a file of data"
        raise SettingsError(f"{path.name} {told}") from error
    return plan_of(given, path.parent)


def plan_of(given: Mapping[str, object], base: Path) -> tuple[Planned, ...]:
    """The sources of a plan as plain data, paths counted from `base`."""
    faults = [
        Fault(key[:64], "is not a key of a plan", f"use {', '.join(sorted(_TOP))}")
        for key in sorted(given.keys() - _TOP)
    ]
    entries = given.get("sources")
    if not isinstance(entries, list) or not entries or not all(isinstance(e, dict) for e in entries):
        faults.append(
            Fault("sources", "is missing, empty or no list of tables", "write at least one [[sources]]")
        )
        entries = []
    shared = {INDEX_DATES: given[INDEX_DATES]} if INDEX_DATES in given else {}
    planned = [_planned(i, entry, shared, base, faults) for i, entry in enumerate(entries)]
    if faults:
        raise SettingsError(f"{len(faults)} faults in the plan", faults)
    return tuple(item for item in planned if item is not None)


def plan_of_file(path: Path, format: str, options: Sequence[str]) -> tuple[Planned, ...]:
    """One file with options as `key=value`, paths counted from the working folder."""
    faults: list[Fault] = []
    kind = _kind(format, "--format", faults)
    pairs = [text.partition("=") for text in options]
    faults += [
        Fault(f"--option {key[:64]}", "is not written as key=value", "such as scale=tpm")
        for key, mark, _ in pairs
        if not mark
    ]
    given = {key: value for key, mark, value in pairs if mark}
    if len(given) < sum(bool(mark) for _, mark, _ in pairs) or "path" in given:
        faults.append(
            Fault("--option", "an option is given twice", "give each once, and the path as argument")
        )
    source = (
        None
        if kind is None
        else read_options(kind, {**given, "path": str(path)}, "--option ", Path(), faults, as_texts=True)
    )
    if faults or source is None:
        raise SettingsError(f"{len(faults)} faults in the options", faults)
    return (Planned("", format, source),)


def import_cohort(plan: Sequence[Planned], out: Path, progress: Progress | None = None) -> ImportedFolder:
    """Read every source, join them by patient id and write the folder; all faults of all files together."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CohortError(f"'{out.name}' is not an empty folder; name a new one")
    readings, faults = list[Reading](), list[Fault]()
    for i, planned in enumerate(plan):
        try:
            readings.append(planned.source.read())
        except RxplainError as error:
            told = error.faults or (Fault(_file_of(planned), error.summary, "see rxplain import --formats"),)
            faults += [_placed(fault, planned, len(plan)) for fault in told]
        if progress is not None:
            progress("read", i + 1, len(plan))
    if faults:
        n = len(faults)
        raise CohortError(f"nothing was written: {n} fault{'s' if n > 1 else ''} in the sources", faults)
    cohort = join([reading.cohort for reading in readings])
    if not len(cohort):
        raise CohortError(
            "nothing was written: the sources hold no patient; check that they are the right files"
        )
    write_folder(cohort, out)
    read = tuple(_told(planned, reading) for planned, reading in zip(plan, readings, strict=True))
    return ImportedFolder(out, len(cohort), cohort.fingerprint(), facts_of(cohort), read)


def facts_of(cohort: Cohort) -> dict[str, int]:
    """Facts by table; of panels and of expression, the patients who have one."""
    counts = {name: len(getattr(cohort, name)) for name in _TABLES}
    counts["sequenced"] = sum(map(len, cohort.patients_by_panel.values()))
    counts["expression"] = 0 if cohort.expression is None else len(cohort.expression)
    return {name: count for name, count in counts.items() if count}


_TABLES = ("genotypes", "clinical", "medications", "outcomes", "variants")


def _planned(
    i: int, entry: Mapping[str, object], shared: Mapping[str, object], base: Path, faults: list[Fault]
) -> Planned | None:
    where = f"sources[{i}]"
    kind = _kind(entry.get("format"), f"{where}.format", faults)
    if kind is None:
        return None
    options = {key: value for key, value in entry.items() if key != "format"}
    takes_dates = INDEX_DATES in {f.name for f in fields(kind)}
    has_day = any(key.startswith("index_") for key in options)
    inherited = shared if takes_dates and not has_day else {}
    source = read_options(kind, {**inherited, **options}, f"{where}.", base, faults)
    return None if source is None else Planned(where, str(entry["format"]), source)


def _kind(name: object, where: str, faults: list[Fault]) -> type[Source] | None:
    found = FORMATS.get(name) if isinstance(name, str) else None
    if found is None:
        faults.append(Fault(where, "is missing or not known", f"use {', '.join(FORMATS)}"))
    return found


def _placed(fault: Fault, planned: Planned, n_sources: int) -> Fault:
    """The fault with the source's place before it, where there are several."""
    if n_sources == 1:
        return fault
    return Fault(f"{planned.where} ({planned.format}) {fault.where}", fault.what, fault.remedy)


def _file_of(planned: Planned) -> str:
    path = getattr(planned.source, "path", Path())
    return ", ".join(p.name for p in (path if isinstance(path, tuple) else (path,)))


def _told(planned: Planned, reading: Reading) -> SourceRead:
    return SourceRead(
        planned.format, _file_of(planned), len(reading.cohort), facts_of(reading.cohort), reading.notes
    )
