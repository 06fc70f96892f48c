"""A plain table of germline calls: `patient_id, gene, diplotype`, comma- or tab-separated.

    patient_id,gene,diplotype
    p1,CYP2D6,*1/*4
    p1,rs9923231,C/T

For what a laboratory or a caller of structural genes has called. `gene` may be an rsid, its call then
two forward-strand letters of GRCh38. A gene that is not known here is counted and left out.
"""

from __future__ import annotations

from pathlib import Path

from features.readers.facts import Facts, Imported, Place
from features.readers.file_faults import FileFaults
from features.readers.text_table import TextTable

COLUMNS = ("patient_id", "gene", "diplotype")
NO_CALL = frozenset({"", ".", "./.", "no call", "nocall", "unknown", "unknown/unknown", "indeterminate"})
"""What tables write where there is no call, in lower case."""


def read_diplotypes(path: Path) -> Imported:
    """The patients of a table with their calls; every fault of the file told together.

    A patient whose every call is missing is still a patient.
    """
    faults = FileFaults()
    facts = Facts(faults)
    with TextTable(path, "\t" if path.suffix.lower() in (".tsv", ".tab", ".txt") else ",") as table:
        table.require(COLUMNS, COLUMNS)
        places = table.positions(COLUMNS)
        for line, fields in table.rows():
            patient_id, gene, diplotype = (fields[i] for i in places)
            patient = facts.patient(patient_id, Place(path.name, line, "patient_id"))
            if diplotype.strip().lower() in NO_CALL:
                facts.unread[f"genotypes/{gene[:32]}: no call"] += 1
            else:
                facts.call(patient, gene, diplotype, Place(path.name, line, "diplotype"))
    return Imported(facts.cohort(path.name), dict(facts.unread))
