"""Copy-number calls by gene: cBioPortal's matrix (-2 to 2) and long tables of calls or copies.

Hugo_Symbol  Entrez_Gene_Id  S-01  S-02         patient_id,gene,call,copy_number
ERBB2        2064            2     0            S-01,ERBB2,amplification,12
CDKN2A       1029            -2    NA           S-01,CDKN2A,deletion,0
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from features.cohort import Panel
from features.panel import COPY_NUMBERS
from features.readers.findings import MISSING, Finding, Findings, TumourReading
from features.readers.text_table import TextTable

_LEVELS: Mapping[str, str] = {
    "-2": "deletion",
    "-1.5": "deletion",
    "-1": "loss",
    "0": "neutral",
    "1": "gain",
    "2": "amplification",
}
_WORDS: Mapping[str, str] = (
    dict(_LEVELS)
    | {kind: kind for kind in COPY_NUMBERS}
    | {
        "amp": "amplification",
        "homdel": "deletion",
        "hetloss": "loss",
        "diploid": "neutral",
        "homozygous deletion": "deletion",
    }
)
_BESIDE_THE_SAMPLES = frozenset(("Hugo_Symbol", "Entrez_Gene_Id", "Cytoband", "Gene Symbol", "Locus ID"))
_CALL_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "patient": ("patient_id", "sample", "Sample_Id", "Tumor_Sample_Barcode"),
    "gene": ("gene", "Hugo_Symbol"),
    "call": ("call", "cna", "copy_number_call"),
    "copies": ("copy_number", "total_copies"),
}
_MOST_COPIES = 10_000.0


def read_copy_number_matrix(
    path: Path,
    name: str = "copy number",
    genes: Collection[str] | None = None,
    patient_of: Mapping[str, str] | None = None,
) -> TumourReading:
    """cBioPortal's discrete matrix: a row a gene (`Hugo_Symbol`), a column a sample, levels -2 to 2.

    With `genes` only those are read, each level is stated, and the cohort joins any other assay's.
    Without, the matrix is an assay of its own: its genes are the panel, a level 0 needs no finding, and
    a level that is missing is a finding that the gene was not read.
    """
    with TextTable(path, columns_are_patients=True) as table:
        place = table.places({"gene": ("Hugo_Symbol", "Gene Symbol")}, ("gene",))["gene"]
        found, listed = Findings(table.file), set[str]()
        patients = _patients(table, found, patient_of)
        for line, row in table.rows():
            gene = found.gene(line, table.columns[place], row[place])
            if gene is not None and gene in listed:
                found.faults.at(
                    table.file, line, table.columns[place], "the gene has a row already", "keep one row"
                )
            elif gene is not None and (genes is None or gene in genes):
                listed.add(gene)
                _add_levels(
                    found,
                    line,
                    gene,
                    [(p, i + 1, row[i]) for i, p in patients.items()],
                    genes is None,
                )
    if not listed:
        found.faults.at(
            found.file, None, None, "none of the genes asked for has a row", "check the gene symbols"
        )
        found.faults.refuse(f"findings of {found.file}")
    reads = {"copy_number"} if genes is None else {"stated_copies"}
    panel = Panel(name, frozenset(listed) if genes is None else None, math.nan, frozenset(reads))
    return found.reading(panel, patients.values())


def read_copy_number_calls(
    path: Path, panel: Panel | None = None, sequenced: Iterable[str] | None = None
) -> TumourReading:
    """A long table, one row a gene of a patient: a call (a word or a level), total copies, or both.

    Without a `panel` copies are known only where a row states them.
    """
    with TextTable(path) as table:
        places = table.places(_CALL_COLUMNS, ("patient", "gene", "call"))
        names = {meaning: table.columns[place] for meaning, place in places.items()}
        found = Findings(table.file)
        for line, row in table.rows():
            patient = found.patient(line, names["patient"], row[places["patient"]])
            gene = found.gene(line, names["gene"], row[places["gene"]])
            kind = _WORDS.get(row[places["call"]].lower())
            copies = row[places["copies"]] if "copies" in places else ""
            total = found.number(line, names.get("copies", "copies"), copies, _MOST_COPIES)
            if kind is None:
                found.faults.at(
                    table.file, line, names["call"], "a call not known here", "use -2 to 2, or a word"
                )
            elif patient is not None and gene is not None:
                found.add(patient, Finding(gene, kind, copies=total), "copies")
    stated = Panel("copy number", None, math.nan, frozenset({"stated_copies"}))
    return found.reading(panel or stated, sequenced)


def _patients(table: TextTable, found: Findings, patient_of: Mapping[str, str] | None) -> dict[int, str]:
    """By column, the patient of the sample."""
    samples = {i: c for i, c in enumerate(table.columns) if c not in _BESIDE_THE_SAMPLES}
    unknown = [] if patient_of is None else [c for c in samples.values() if c not in patient_of]
    for _ in unknown[:1]:
        what = f"{len(unknown)} samples of no known patient"
        found.faults.at(table.file, 1, None, what, "complete the list of samples")
    patients = samples if patient_of is None else {i: patient_of.get(c, c) for i, c in samples.items()}
    if len(set(patients.values())) < len(patients):
        found.faults.at(
            table.file, 1, None, "a patient has more than one sample", "keep one sample a patient"
        )
    found.faults.refuse(f"samples of {table.file}")
    return patients


def _add_levels(
    found: Findings, line: int, gene: str, levels: list[tuple[str, int, str]], is_panel: bool
) -> None:
    for patient, column, level in levels:
        kind = _LEVELS.get(level)
        if kind is None and level not in MISSING:
            what, remedy = f"no level from -2 to 2 in column {column}", "give discrete calls, not log ratios"
            found.faults.at(found.file, line, None, what, remedy)
        elif kind is None and is_panel:
            found.add(patient, Finding(gene, "copy_number_not_read"), "copies")
        elif kind is not None and not (is_panel and kind == "neutral"):
            found.add(patient, Finding(gene, kind), "copies")
