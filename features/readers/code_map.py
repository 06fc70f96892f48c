"""A map of the user's own: more codes, in the columns of features/knowledge/fhir_map.csv and omop_map.csv.

    resource,system,code,answer,fact,value,unit,label
    Observation,http://example.org/codes,stable-dose,,outcomes/weekly_dose,,mg/wk,stable weekly dose

A system without a short name is given by its URI; OMOP concepts have the system `omop`.
"""

from __future__ import annotations

from pathlib import Path

from features.knowledge.codes import MAP_COLUMNS, CodedFact
from features.knowledge.measurements import measurements
from features.knowledge.tables import clinical_variables, drugs
from features.readers.file_faults import FileFaults
from features.readers.text_table import TextTable

_SECTIONS = ("clinical", "genotypes", "medications", "outcomes", "groups")


def read_map(path: Path) -> list[CodedFact]:
    """The rows of a map file, checked; all faults told together."""
    faults, rows = FileFaults(), []
    with TextTable(path, ",") as table:
        table.require(MAP_COLUMNS, MAP_COLUMNS)
        places = table.positions(MAP_COLUMNS)
        for line, fields in table.rows():
            row = CodedFact(*(fields[place] for place in places))
            for column, what, remedy in _faults(row):
                faults.at(table.file, line, column, what, remedy)
            rows.append(row)
    faults.refuse("map of codes")
    return rows


def _faults(row: CodedFact) -> list[tuple[str, str, str]]:
    found = [(name, "empty", "fill it") for name in ("resource", "system", "code") if not getattr(row, name)]
    if row.resource == "unit":
        return found + ([] if row.unit else [("unit", "empty", "give the UCUM code")])
    if row.section not in _SECTIONS or not row.subject:
        found.append(("fact", "names no fact", f"write section/subject, a section of {', '.join(_SECTIONS)}"))
    elif row.section == "medications" and row.subject not in drugs():
        found.append(("fact", "the drug is not known here", f"use one of {', '.join(sorted(drugs()))}"))
    elif row.section == "outcomes" and not row.unit:
        found.append(("unit", "an outcome needs its unit", "give the UCUM code it is to be told in"))
    elif row.section == "clinical":
        found += _clinical_faults(row)
    return found


def _clinical_faults(row: CodedFact) -> list[tuple[str, str, str]]:
    known = clinical_variables().get(row.subject)
    if known is not None and known.kind == "flag" and row.value not in ("0", "1"):
        return [("value", f"'{row.subject}' is a yes or no", "write 1 or 0")]
    if known is not None and known.kind == "category" and row.value not in known.categories:
        return [("value", f"not a category of '{row.subject}'", f"use one of {', '.join(known.categories)}")]
    if row.subject not in measurements() and known is None and not (row.unit or row.value):
        return [("unit", "a variable that is not known here needs a unit or a value", "give one of them")]
    return []
