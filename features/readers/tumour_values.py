"""Values of a whole tumour sample that a laboratory gives as columns: purity, HRD, signatures, liquid biopsy.

Each is carried through unchanged as the clinical fact `tumour_<name>` of day 0, for the feature
`tumour.sample.<name>`. A liquid biopsy's table of `id,TF,maxVAF` is read with
`read_tumour_values(path, "id", {"TF": "ctdna_fraction", "maxVAF": "ctdna_max_vaf"})`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from features.cohort import Clinical, Cohort
from features.errors import CohortError, Fault
from features.readers.findings import Findings
from features.readers.text_table import TextTable
from features.tumour_sample import SAMPLE_VALUES, VALUE_NAME

_LARGEST = 1e12


def read_tumour_values(path: Path, patient: str, columns: Mapping[str, str]) -> Cohort:
    """The named columns of a table with one row a patient, as a cohort of clinical facts.

    `columns` gives by column the name of the value, as `{"HRD.sum": "hrd_score"}`; listed names (see
    `features.tumour_sample.SAMPLE_VALUES`) are held to their range, so that a percentage given for a
    fraction is refused.
    """
    odd = [name for name in columns.values() if not VALUE_NAME.fullmatch(name)]
    if odd or len(set(columns.values())) < len(columns):
        fault = Fault("columns", "names of values are short, lower case, and each given once", "as hrd_score")
        raise CohortError(f"{path.name} cannot be read", [fault])
    with TextTable(path) as table:
        wanted = {"patient": (patient,)} | {column: (column,) for column in columns}
        places = table.places(wanted, tuple(wanted))
        found, rows, ids = Findings(table.file), list[tuple[int, str, float, None, float]](), dict[str, int]()
        for line, row in table.rows():
            name = found.patient(line, patient, row[places["patient"]])
            if name in ids:
                found.faults.at(
                    table.file, line, patient, "a second row of one patient", "keep one sample a patient"
                )
            elif name is not None:
                ids[name] = len(ids)
                rows += _facts(found, line, ids[name], row, places, columns)
    found.faults.refuse(f"values of {path.name}")
    return Cohort(tuple(ids), clinical=Clinical.from_rows(rows))


def _facts(
    found: Findings,
    line: int,
    position: int,
    row: tuple[str, ...],
    places: Mapping[str, int],
    columns: Mapping[str, str],
) -> list[tuple[int, str, float, None, float]]:
    answer = []
    for column, name in columns.items():
        listed = name in SAMPLE_VALUES
        low, high = (0.0, SAMPLE_VALUES[name][2]) if listed else (-_LARGEST, _LARGEST)
        value = found.number(line, column, row[places[column]], high, low)
        if not math.isnan(value):
            answer.append((position, f"tumour_{name}", value, None, 0.0))
    return answer
