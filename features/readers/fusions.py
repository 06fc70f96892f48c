"""Fusions and rearrangements: cBioPortal's structural variants (two sites a row) and its older table.

Sample_Id  Site1_Hugo_Symbol  Site2_Hugo_Symbol  SV_Status
S-01       EML4               ALK                SOMATIC        # fusion of both
S-01       RB1                RB1                SOMATIC        # rearrangement of RB1
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from features.cohort import Panel
from features.readers.findings import MISSING, Finding, Findings, TumourReading
from features.readers.text_table import TextTable

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "patient": ("Sample_Id", "Tumor_Sample_Barcode", "SAMPLE_ID", "patient_id", "sample"),
    "first": ("Site1_Hugo_Symbol", "gene5", "gene1", "Hugo_Symbol"),
    "second": ("Site2_Hugo_Symbol", "gene3", "gene2"),
    "status": ("SV_Status", "Fusion_Status", "status"),
}


def read_fusions(
    path: Path,
    panel: Panel,
    sequenced: Iterable[str] | None = None,
    patient_of: Mapping[str, str] | None = None,
) -> TumourReading:
    """The joined genes of a table as a cohort; `panel` must read `fusions`.

    Two genes are a fusion of both (a partner that the panel does not hold is left out, and noted); one
    gene, twice or alone, is a rearrangement of it, unless the table has one gene a row (the older
    fusion table). Germline rows are left out, and noted.
    """
    with TextTable(path) as table:
        places = table.places(_COLUMNS, ("patient", "first"))
        names = {meaning: table.columns[place] for meaning, place in places.items()}
        found = Findings(table.file)
        for line, row in table.rows():
            given = {meaning: row[place] for meaning, place in places.items()}
            patient = found.patient(line, names["patient"], given["patient"])
            if patient is not None and patient_of is not None and patient not in patient_of:
                what, remedy = "a sample of no known patient", "complete the list of samples"
                found.faults.at(table.file, line, names["patient"], what, remedy)
            elif patient is not None:
                patient = patient if patient_of is None else patient_of[patient]
                found.seen(patient)
                _add(found, line, names, given, patient, panel)
        return found.reading(panel, sequenced)


def _add(
    found: Findings,
    line: int,
    names: Mapping[str, str],
    given: Mapping[str, str],
    patient: str,
    panel: Panel,
) -> None:
    if given.get("status", "").lower() == "germline":
        found.note("rows are not somatic by their status and were left out")
        return
    texts = {m: given[m] for m in ("first", "second") if m in given and given[m] not in MISSING}
    if not texts:
        found.faults.at(found.file, line, names["first"], "no gene at either site", "name one gene at least")
        return
    genes = [found.gene(line, names[meaning], text) for meaning, text in texts.items()]
    if None in genes:
        return
    joined = len(set(genes)) == 2 or "second" not in given
    held = [gene for gene in dict.fromkeys(genes) if gene is not None and panel.holds(gene, "fusions")]
    if joined and 0 < len(held) < len(set(genes)):
        found.note("fusions have a partner that the panel does not read; it was left out")
    for gene in held if joined and held else dict.fromkeys(genes):
        assert gene is not None
        found.add(patient, Finding(gene, "fusion" if joined else "rearrangement"), "joined")
