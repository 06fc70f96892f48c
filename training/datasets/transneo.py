"""TransNEO (doi:10.1038/s41586-021-04278-5): breast tumours before chemotherapy, and whether any was left.

The patients are those of `transneo.csv`. Raw somatic variants and allele-specific segments are read where
their files lie beside it, and are a missing modality where they do not. What was measured at or after
surgery is left out by name; so is the number of cycles given, smaller where treatment ended early.
"""

from __future__ import annotations

import math
from pathlib import Path

from features.cohort import Cohort, Panel
from features.join import join
from features.readers.segments import read_segments
from features.readers.text_table import TextTable
from features.readers.variant_table import TRANSNEO, read_variant_table
from training.datasets.source_columns import declared_columns
from training.datasets.source_table import as_data_errors, missing_file, read_source_table

TABLE = "transneo.csv"
VARIANTS = "transneo168_somatic_variants.csv.gz"
SEQUENCED = "transneo168_clinical.csv"
SEGMENTS = "transneo-diagnosis-ASCAT-segments.csv"
PURITY = "transneo-diagnosis-ASCAT-purity.csv"


def verify(folder: Path) -> str:
    """What is wrong with the folder, or an empty text."""
    return missing_file(folder, TABLE)


def load(folder: Path) -> Cohort:
    """The patients of a folder laid out like the source's; outcomes and side files may be absent."""
    cohort = read_source_table(folder / TABLE, declared_columns("transneo")).cohort()
    beside = [part for part in (_variants(folder), _segments(folder)) if part is not None]
    known = set(cohort.patient_ids)
    parts = [part.take(p for p in part.patient_ids if p in known) for part in beside]
    with as_data_errors():
        return join([cohort, *parts]) if parts else cohort


def _variants(folder: Path) -> Cohort | None:
    path = folder / VARIANTS
    if not path.is_file():
        return None
    exome = Panel("exome", None, math.nan)
    with as_data_errors():
        return read_variant_table(path, TRANSNEO, exome, _sequenced(folder / SEQUENCED)).cohort


def _sequenced(path: Path) -> list[str] | None:
    """Whose tumour DNA was read; None where no table says it, so that only findings do."""
    if not path.is_file():
        return None
    with TextTable(path, ",") as table:
        table.require(("Donor.ID", "DNA.sequenced"))
        patient, read = table.positions(("Donor.ID", "DNA.sequenced"))
        return [row[patient] for _, row in table.rows() if row[read] == "YES"]


def _segments(folder: Path) -> Cohort | None:
    path, purity = folder / SEGMENTS, folder / PURITY
    if not path.is_file():
        return None
    with as_data_errors():
        return read_segments(path, purity if purity.is_file() else None).cohort
