"""The canonical cohort folder: what every import writes and every study reads, the same bit for bit.

    patients.csv        patient_id, sequenced (name of the panel; empty: none), and one column a group
    genotypes.csv       patient_id, locus, call
    clinical.csv        patient_id, name, value, text, day, unit      canonical units only; a value or a text
    medications.csv     patient_id, drug, taken, start_day, stop_day
    outcomes.csv        patient_id, name, value, day
    variants.csv        patient_id, gene, kind, protein_change, vaf, copy_number
    panels.json         [{"name", "genes" (null: all), "size_mb" (null: unknown), "reads"}]
    expression.parquet  patient_id, one column a gene: log2(TPM + 1), NaN where not measured

Only patients.csv is needed, and variants.csv once a patient has a panel: a file that is absent says that
nothing of it was recorded. An empty field is an absent one. Days count from the index date.
"""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from features.cohort import Cohort, Panel, Records, Texts
from features.errors import CohortError, Fault
from features.panel import READINGS
from features.readers.byte_stream import refuse_unless_regular
from features.readers.checks import is_number, is_text
from features.readers.expression_parquet import read_expression, write_expression
from features.readers.file_faults import FileFaults
from features.readers.folder_tables import (
    EXPECTED,
    TABLES,
    TEXT,
    TableForm,
    meaning_faults,
    read_value,
    written_rows,
)
from features.readers.strict_json import read_json
from features.readers.text_table import TextTable

PATIENTS, PANELS, EXPRESSION = "patients.csv", "panels.json", "expression.parquet"
ID, SEQUENCED = "patient_id", "sequenced"

_KNOWN_FILES = frozenset({PATIENTS, PANELS, EXPRESSION, *(form.file for form in TABLES)})
_DATA_SUFFIXES = frozenset({".csv", ".tsv", ".json", ".parquet"})
_PANEL_FIELDS = frozenset({"name", "genes", "size_mb", "reads"})

Read = TypeVar("Read")


@dataclass
class _Patients:
    position: dict[str, int] = field(default_factory=dict)
    sequenced: Texts | None = None
    groups: dict[str, Texts] = field(default_factory=dict)


def write_folder(cohort: Cohort, folder: Path) -> None:
    """Write the cohort into a new folder, all of it or nothing; a folder that holds anything is refused."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CohortError(f"'{folder.name}' is not an empty folder; name a new one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write_files(cohort, partial)
        if read_folder(partial).fingerprint() != cohort.fingerprint():
            raise CohortError(
                "the cohort would not read back the same; give every label a text that is not empty"
            )
        partial.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        os.replace(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def read_folder(folder: Path) -> Cohort:
    """The cohort of a folder; every fault of every file told together, nothing returned if there is one."""
    faults = FileFaults()
    _check_files(folder, faults)
    patients = _attempt(faults, lambda: _read_patients(folder / PATIENTS, faults))
    if patients is None:
        faults.refuse("cohort folder")
        raise CohortError(f"{PATIENTS} cannot be read")
    tables: dict[str, Records | None] = {
        form.name: _attempt(faults, lambda form=form: _read_table(folder, form, patients.position, faults))  # type: ignore[misc]
        for form in TABLES
        if (folder / form.file).exists()
    }
    panels = _attempt(faults, lambda: _read_panels(folder / PANELS, faults))
    matrix = folder / EXPRESSION
    expression = (
        _attempt(faults, lambda: read_expression(matrix, patients.position)) if matrix.exists() else None
    )
    panelled = patients.sequenced is not None and any(p is not None for p in patients.sequenced)
    if panelled and "variants" not in tables:
        faults.at(
            "variants.csv", None, None, "absent, though patients were sequenced", "add it, if only its header"
        )
    faults.refuse("cohort folder")
    return Cohort(
        tuple(patients.position),
        groups=patients.groups,
        sequenced=patients.sequenced,
        panels=panels or {},
        expression=expression,
        **tables,  # type: ignore[arg-type]
    )


def _attempt(faults: FileFaults, read: Callable[[], Read]) -> Read | None:
    """What was read; None, and its faults added, when the file was refused as a whole."""
    try:
        return read()
    except CohortError as error:
        for fault in error.faults or (Fault("", error.summary),):
            faults.at(fault.where, None, None, fault.what, fault.remedy)
        return None


def _check_files(folder: Path, faults: FileFaults) -> None:
    if not folder.is_dir():
        raise CohortError(
            f"'{folder.name}' is no folder; name a cohort folder, or write one with `rxplain import`"
        )
    for path in sorted(folder.iterdir()):
        if path.name in _KNOWN_FILES:
            _attempt(faults, lambda path=path: refuse_unless_regular(path, follow=False))  # type: ignore[misc]
        elif path.suffix.lower() in _DATA_SUFFIXES:
            known = ", ".join(sorted(_KNOWN_FILES))
            faults.at(
                path.name[:64],
                None,
                None,
                "no file of a cohort folder",
                f"move it, or rename it to one of {known}",
            )
    faults.refuse("cohort folder")


def _read_patients(path: Path, faults: FileFaults) -> _Patients:
    with TextTable(path, ",") as table:
        table.require((ID,))
        names = [name for name in table.columns if name != ID]
        place, places = table.columns.index(ID), table.positions(names)
        position: dict[str, int] = {}
        rows: list[list[str | None]] = []
        for line, fields in table.rows():
            patient_id = fields[place]
            if not patient_id or patient_id in position:
                faults.at(
                    path.name, line, ID, "empty, or the id of an earlier patient", "give each patient one id"
                )
            position[patient_id] = len(rows)
            rows.append([fields[i] or None for i in places])
    columns = {name: _texts([row[k] for row in rows]) for k, name in enumerate(names)}
    return _Patients(position, columns.pop(SEQUENCED, None), columns)


def _texts(values: Sequence[str | None]) -> Texts:
    array: Texts = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _read_table(folder: Path, form: TableForm, position: Mapping[str, int], faults: FileFaults) -> Records:
    with TextTable(folder / form.file, ",") as table:
        table.require(form.header, form.header)
        places = table.positions(form.header)
        rows = []
        for line, fields in table.rows():
            named = dict(zip(form.header, (fields[i] for i in places), strict=True))
            patient = position.get(named[ID])
            if patient is None:
                faults.at(form.file, line, ID, f"no patient of {PATIENTS}", "add the patient there")
                continue
            values = [read_value(kind, named[column]) for column, kind in form.columns.items()]
            wrong = [
                c
                for (c, kind), v in zip(form.columns.items(), values, strict=True)
                if v is None and kind != TEXT
            ]
            for column in wrong:
                faults.at(form.file, line, column, *EXPECTED[form.columns[column]])
            for column, what, remedy in [] if wrong else meaning_faults(form, named):
                faults.at(form.file, line, column, what, remedy)
            rows.append((patient, *values))
    return form.table.from_rows([] if faults.found else rows)


def _read_panels(path: Path, faults: FileFaults) -> dict[str, Panel]:
    if not path.exists():
        return {}
    document = read_json(path)
    if not isinstance(document, list):
        raise CohortError(f"{PANELS} cannot be read", [Fault(PANELS, "a list of panels is needed")])
    found: dict[str, Panel] = {}
    for place, entry in enumerate(document):
        where = f"{PANELS} /{place}"
        panel = _attempt(faults, lambda entry=entry, where=where: _panel(entry, where))  # type: ignore[misc]
        if panel is not None and panel.name in found:
            faults.at(where, None, None, "the name of an earlier panel", "give each panel one name")
        elif panel is not None:
            found[panel.name] = panel
    return found


def _panel(entry: object, where: str) -> Panel:
    if not isinstance(entry, dict) or set(entry) != _PANEL_FIELDS:
        needed = ", ".join(sorted(_PANEL_FIELDS))
        raise CohortError(where, [Fault(where, "not a panel", f"give exactly {needed}")])
    name, genes, size, reads = (entry[key] for key in ("name", "genes", "size_mb", "reads"))
    lists = (genes is None or _is_names(genes)) and _is_names(reads) and set(reads) <= set(READINGS)
    if not (is_text(name, 200) and lists and (size is None or is_number(size))):
        raise CohortError(
            where, [Fault(where, "a field of a panel has the wrong kind", "see the folder's description")]
        )
    return Panel(
        name,
        None if genes is None else frozenset(genes),
        math.nan if size is None else float(size),
        frozenset(reads),
    )


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(is_text(item, 200) for item in value)


def _write_files(cohort: Cohort, folder: Path) -> None:
    columns: dict[str, Sequence[str | None]] = {ID: cohort.patient_ids}
    if cohort.sequenced is not None:
        columns[SEQUENCED] = cohort.sequenced.tolist()
    for name, labels in cohort.groups.items():
        if name in columns:
            raise CohortError(f"a group is called '{name}', a column of its own in {PATIENTS}; rename it")
        columns[name] = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    _write_csv(folder / PATIENTS, tuple(columns), zip(*columns.values(), strict=True))
    for form in TABLES:
        _write_csv(folder / form.file, form.header, written_rows(cohort, form))
    if cohort.panels:
        panels = [_panel_entry(panel) for panel in cohort.panels.values()]
        (folder / PANELS).write_text(json.dumps(panels, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    if cohort.expression is not None:
        write_expression(cohort.expression, cohort.patient_ids, folder / EXPRESSION)


def _panel_entry(panel: Panel) -> dict[str, object]:
    genes = None if panel.genes is None else sorted(panel.genes)
    size = None if math.isnan(panel.size_mb) else panel.size_mb
    return {"name": panel.name, "genes": genes, "size_mb": size, "reads": sorted(panel.reads)}


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str | None, ...]]) -> None:
    with path.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_written(header, path.name))
        writer.writerows(_written(row, path.name) for row in rows)


def _written(fields: tuple[str | None, ...], file: str) -> tuple[str, ...]:
    """The fields; refused where they would not read back the same."""
    for text in fields:
        if text is not None and not isinstance(text, str):
            raise CohortError(f"{file} cannot be written: a label is no text; turn labels into texts")
        if text is not None and not _KEPT.isdisjoint(text):
            raise CohortError(f"{file} cannot be written: a text holds a line end or NUL; take it out")
    return tuple("" if text is None else text for text in fields)


_KEPT = frozenset("\0\r\n")
