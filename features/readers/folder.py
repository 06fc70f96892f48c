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
nothing of it was recorded. An empty field is an absent one. Days count from the index date. Rows are written
in the order of patients.csv, so that a folder of any size can be read some patients at a time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any, TypeVar

from features.cohort import Cohort, Panel, Records
from features.errors import CohortError, Fault
from features.readers.byte_stream import refuse_unless_regular
from features.readers.expression_parquet import (
    ExpressionRows,
    n_cells,
    read_expression,
)
from features.readers.file_faults import FileFaults
from features.readers.folder_panels import PANELS, read_panels
from features.readers.folder_patients import (
    PATIENTS,
    PatientOrder,
    PatientRows,
    Patients,
)
from features.readers.folder_rows import TableRows
from features.readers.folder_tables import TABLES, TableForm
from features.readers.folder_writer import EXPRESSION, FolderWriter

SMALL_BYTES, SMALL_CELLS = 4_000_000, 4_000_000
"""Up to so many bytes and numbers of expression a folder is read whole, in whatever order its rows are."""

_KNOWN_FILES = frozenset({PATIENTS, PANELS, EXPRESSION, *(form.file for form in TABLES)})
_DATA_SUFFIXES = frozenset({".csv", ".tsv", ".json", ".parquet"})

Read = TypeVar("Read")


def is_cohort_folder(folder: Path) -> bool:
    """Whether a folder is laid out as a cohort folder: it holds a patients.csv."""
    return (folder / PATIENTS).is_file()


def write_folder(cohort: Cohort, folder: Path) -> None:
    """Write the cohort into a new folder, all of it or nothing; a folder that holds anything is refused."""
    write_folder_chunks([cohort], folder)


def write_folder_chunks(chunks: Iterable[Cohort], folder: Path) -> int:
    """Write a cohort that comes in parts, held one at a time; how many patients there were.

    Every part has the same groups, panels and genes, and patients of its own. What was written is read
    back and compared before the folder takes its name.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CohortError(f"'{folder.name}' is not an empty folder; name a new one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        with FolderWriter(unfinished) as writer:
            for chunk in chunks:
                writer.write(chunk)
        _compare(unfinished, writer.written)
        unfinished.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        os.replace(unfinished, folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return sum(size for size, _ in writer.written)


def read_folder(folder: Path) -> Cohort:
    """The cohort of a folder; every fault of every file told together, nothing returned if there is one."""
    faults = FileFaults()
    _check_files(folder, faults)
    patients = _attempt(faults, partial(_all_patients, folder, faults))
    if patients is None:
        faults.refuse("cohort folder")
        raise CohortError(f"{PATIENTS} cannot be read")
    tables: dict[str, Any] = {}  # Any: each table is of the kind that its field holds
    for form in TABLES:
        if (folder / form.file).exists():
            tables[form.name] = _attempt(faults, partial(_table, folder, form, patients.position, faults))
    panels = _attempt(faults, partial(read_panels, folder / PANELS, faults))
    matrix = folder / EXPRESSION
    if matrix.exists():
        tables["expression"] = _attempt(faults, partial(read_expression, matrix, patients.position))
    return _cohort(patients, tables, panels, faults)


def stream_folder(folder: Path, chunk: int = 1000) -> Iterator[Cohort]:
    """The cohort of a folder, `chunk` patients at a time, in memory bounded by them.

    Each is what `read_folder(folder).take(...)` gives. A large folder's rows must be in the order of
    patients.csv, as they are written; and a fault in it is raised where it is met, so whoever streams
    keeps nothing unless the last chunk was given.
    """
    if chunk < 1:
        raise CohortError("a chunk holds at least one patient")
    faults = FileFaults()
    _check_files(folder, faults)
    if _is_small(folder):
        whole = read_folder(folder)
        for start in range(0, len(whole), chunk):
            yield whole.take(whole.patient_ids[start : start + chunk])
    else:
        yield from _streamed(folder, repeat(chunk))


def _streamed(folder: Path, sizes: Iterable[int]) -> Iterator[Cohort]:
    """Chunks of these many patients, one after the other, until the sizes or the patients end."""
    faults = FileFaults()
    order = _attempt(faults, partial(PatientOrder, folder / PATIENTS, faults))
    panels = _attempt(faults, partial(read_panels, folder / PANELS, faults))
    faults.refuse("cohort folder")
    assert order is not None
    with ExitStack() as files:
        rows = files.enter_context(PatientRows(folder / PATIENTS))
        opened = _opened(folder, len(order), files, faults)
        n_given = 0
        for size in sizes:
            patients = rows.take(size, faults)
            if size and not patients.position:
                break
            at = (patients.position, faults, order.of, patients.first)
            tables = {name: _attempt(faults, partial(reader.take, *at)) for name, reader in opened.items()}
            yield _cohort(patients, tables, panels, faults)
            n_given += len(patients.position)
        if n_given == len(order):
            for reader in opened.values():
                reader.take({}, faults, order.of, n_given)
            faults.refuse("cohort folder")


def _opened(
    folder: Path, n: int, files: ExitStack, faults: FileFaults
) -> dict[str, TableRows | ExpressionRows]:
    """By name, the tables that a folder of `n` patients has."""
    found: dict[str, TableRows | ExpressionRows | None] = {
        form.name: _attempt(faults, partial(TableRows, folder, form))
        for form in TABLES
        if (folder / form.file).exists()
    }
    if (folder / EXPRESSION).exists():
        found["expression"] = _attempt(faults, partial(ExpressionRows, folder / EXPRESSION, n))
    opened: dict[str, TableRows | ExpressionRows] = {}
    for name, reader in found.items():
        if reader is not None:
            files.push(reader)
            opened[name] = reader
    faults.refuse("cohort folder")
    return opened


def _cohort(
    patients: Patients, tables: Mapping[str, Any], panels: Mapping[str, Panel] | None, faults: FileFaults
) -> Cohort:
    """The patients with their tables, once no fault was found."""
    if patients.is_panelled and "variants" not in tables:
        what = "absent, though patients were sequenced"
        faults.at("variants.csv", None, None, what, "add it, if only its header")
    faults.refuse("cohort folder")
    return Cohort(
        tuple(patients.position),
        groups=patients.groups,
        sequenced=patients.sequenced,
        panels=panels or {},
        **tables,
    )


def _table(folder: Path, form: TableForm, position: Mapping[str, int], faults: FileFaults) -> Records:
    with TableRows(folder, form) as rows:
        return rows.take(position, faults)


def _all_patients(folder: Path, faults: FileFaults) -> Patients:
    with PatientRows(folder / PATIENTS) as rows:
        return rows.take(None, faults)


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
            _attempt(faults, partial(refuse_unless_regular, path, follow=False))
        elif path.suffix.lower() in _DATA_SUFFIXES:
            remedy = f"move it, or rename it to one of {', '.join(sorted(_KNOWN_FILES))}"
            faults.at(path.name[:64], None, None, "no file of a cohort folder", remedy)
    faults.refuse("cohort folder")


def _is_small(folder: Path) -> bool:
    matrix = folder / EXPRESSION
    size = sum(path.stat().st_size for path in folder.iterdir() if path.name in _KNOWN_FILES)
    return size <= SMALL_BYTES and (not matrix.exists() or n_cells(matrix) <= SMALL_CELLS)


def _compare(folder: Path, written: list[tuple[int, str]]) -> None:
    """Refuse what would not read back the same as it was written."""
    if not written:
        raise CohortError("there is no patient to be written; give at least one part of a cohort")
    whole = len(written) == 1
    read = iter([read_folder(folder)]) if whole else _streamed(folder, [size for size, _ in written])
    if [(len(chunk), chunk.fingerprint()) for chunk in read] != written:
        what = "the cohort would not read back the same; give every label a text that is not empty"
        raise CohortError(what)
