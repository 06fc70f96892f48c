"""I-SPY2-990 (doi:10.1016/j.ccell.2022.05.005): ten arms, receptors, subtypes and 27 biomarkers; pCR.

Arms were assigned adaptively within subtypes, so the arm is a fact of the question and a group besides. Most
patients of some arms have no protein array (RPPA); those biomarkers are then not recorded.
"""

from __future__ import annotations

from pathlib import Path

from features.cohort import Cohort
from training.datasets.source_columns import declared_columns
from training.datasets.source_table import missing_file, read_source_table

TABLE = "ispy2.csv"


def verify(folder: Path) -> str:
    """What is wrong with the folder, or an empty text."""
    return missing_file(folder, TABLE)


def load(folder: Path) -> Cohort:
    """The patients of a folder laid out like the source's; the outcome may be absent."""
    return read_source_table(folder / TABLE, declared_columns("ispy2")).cohort()
