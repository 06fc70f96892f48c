"""IMvigor210 (doi:10.1038/nature25501): urothelial tumours before atezolizumab; objective response.

Clinical facts, PD-L1 and the reported burden stand in `clinical.csv`. Foundation Medicine's calls and the
expression matrix are modalities that a patient, or a whole folder, may lack: the list of sequenced samples
and the matrix itself say who was measured.
"""

from __future__ import annotations

from pathlib import Path

from features.cohort import Cohort
from features.errors import DataError
from features.join import join
from features.readers.expression import Declared, read_expression
from features.readers.panel_calls import read_panel_calls
from training.datasets.source_columns import declared_columns
from training.datasets.source_table import as_data_errors, missing_file, read_source_table

TABLE = "clinical.csv"
CALLS = "fmone_alterations_long.csv"
GENES = "fmone_panel_genes.txt"
SAMPLES = "fmone_sequenced_samples.csv"
EXPRESSION = "expression_log2tpm_1768genes.csv.gz"
SCALE = "log2(tpm+0.001)"
_COLUMN_PREFIX = "P"


def verify(folder: Path) -> str:
    """What is wrong with the folder, or an empty text."""
    return missing_file(folder, TABLE)


def load(folder: Path) -> Cohort:
    """The patients of a folder laid out like the source's; outcomes, calls and expression may be absent."""
    cohort = read_source_table(folder / TABLE, declared_columns("imvigor210")).cohort()
    parts = [part for part in (_calls(folder, cohort), _expression(folder, cohort)) if part is not None]
    with as_data_errors():
        return join([cohort, *parts]) if parts else cohort


def _calls(folder: Path, cohort: Cohort) -> Cohort | None:
    """Findings of the cohort's sequenced patients; calls without the lists beside them say too little."""
    if not (folder / CALLS).is_file():
        return None
    for file in (GENES, SAMPLES):
        if not (folder / file).is_file():
            what = "what was not read would pass for unaltered"
            raise DataError(f"{CALLS} stands without {file}, so {what}; put {file} beside it")
    with as_data_errors():
        found = read_panel_calls(folder / CALLS, folder / GENES, folder / SAMPLES).cohort
    known = set(cohort.patient_ids)
    return found.take(p for p in found.patient_ids if p in known)


def _expression(folder: Path, cohort: Cohort) -> Cohort | None:
    """Expression of the cohort's patients, whose columns are called P and the patient's number."""
    path = folder / EXPRESSION
    if not path.is_file():
        return None
    with as_data_errors():
        read = read_expression(path, Declared(SCALE, doubtful="leave_out"))
    table = read.of([_COLUMN_PREFIX + patient for patient in cohort.patient_ids])
    return Cohort(cohort.patient_ids, expression=table)
