"""What the sources of an import share: lists of patients, samples and genes, folders of files, notes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from features.errors import CohortError, Fault
from features.readers.facts import Imported
from features.readers.file_faults import FileFaults, number_of
from features.readers.findings import TumourReading
from features.readers.panel_calls import gene_list
from features.readers.text_table import TextTable
from training.import_options import Reading


def counted(found: Imported) -> Reading:
    """A reading whose notes are counts by reason."""
    return Reading(found.cohort, tuple(f"{n:,} {what}" for what, n in sorted(found.unread.items()) if n))


def noted(found: TumourReading) -> Reading:
    """A reading whose notes are sentences already."""
    return Reading(found.cohort, found.notes)


def files_in(paths: Sequence[Path], suffixes: tuple[str, ...]) -> list[Path]:
    """The files named, and of each folder the files with one of the suffixes, in the order of their names."""
    found: list[Path] = []
    for path in paths:
        inside = [f for f in sorted(path.iterdir()) if f.name.endswith(suffixes)] if path.is_dir() else [path]
        if not inside:
            what, remedy = (
                "the folder holds no such file",
                f"put files there that end in {', '.join(suffixes)}",
            )
            raise CohortError(f"{path.name} cannot be read", [Fault(path.name, what, remedy)])
        found += inside
    return found


def patients_of(path: Path | None) -> list[str] | None:
    """The ids in a table's column patient_id; other columns are not read."""
    return None if path is None else list(_columns(path, ("patient_id",)))


def patient_of_sample(path: Path | None) -> dict[str, str] | None:
    """By sample its patient, from a table's columns sample and patient_id."""
    return (
        None
        if path is None
        else {s: fields[0] for s, fields in _columns(path, ("sample", "patient_id")).items()}
    )


def lengths_of_genes(path: Path | None) -> dict[str, float] | None:
    """By gene the bases of its transcript, from a table's columns gene and length."""
    if path is None:
        return None
    found = {gene: number_of(fields[0]) for gene, fields in _columns(path, ("gene", "length")).items()}
    wrong = sum(bases is None or bases <= 0 for bases in found.values())
    if wrong:
        fault = Fault(f"{path.name} column 'length'", f"{wrong} lengths are not above 0", "give bases")
        raise CohortError(f"{path.name} cannot be read", [fault])
    return {gene: bases for gene, bases in found.items() if bases is not None}


def genes_of(path: Path | None) -> frozenset[str] | None:
    """The genes of a list, one a line; None where there is no list."""
    return None if path is None else frozenset(gene_list(path))


def _columns(path: Path, columns: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """By the first column, which must not repeat, the other ones; other columns are not read."""
    faults, found = FileFaults(), dict[str, tuple[str, ...]]()
    with TextTable(path) as table:
        table.require(columns)
        places = table.positions(columns)
        for line, fields in table.rows():
            key, *rest = (fields[i] for i in places)
            if not key or key in found:
                faults.at(table.file, line, columns[0], "empty, or given before", "give each one line")
            found[key] = tuple(rest)
    faults.refuse(path.name)
    return found
