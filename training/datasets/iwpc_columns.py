"""What each column of the IWPC table means, and how its cells are read; all faults told together.

Left out by name because they are known only after treatment: the INR on the therapeutic dose and the
comments. The dose, and whether stability was recorded, become outcomes and never features.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
import pandas as pd

from features.cohort import Clinical, Cohort, Genotypes, Medications, Outcomes, Texts
from features.errors import CohortError, Fault
from features.knowledge.tables import snps

PATIENT = "PharmGKB Subject ID"
SITE = "Project Site"
DOSE = "Therapeutic Dose of Warfarin"
STABLE = "Subject Reached Stable Dose of Warfarin"
INDICATION = "Indication for Warfarin Treatment"
LEFT_OUT = ("INR on Reported Therapeutic Dose of Warfarin", "Comments regarding Project Site Dataset")

_Parsed = TypeVar("_Parsed")
_DIPLOTYPE = re.compile(r"\*[0-9]+[A-Z]?/\*[0-9]+[A-Z]?")
_DECADE = re.compile(r"(?:([1-8])0 - (?:\1)9|90\+)")
_COMPLEMENT = {"A": "T", "T": "A", "C": "G", "G": "C"}
_INDICATIONS = {
    "1": "dvt",
    "2": "pe",
    "3": "atrial_fibrillation",
    "4": "heart_valve",
    "5": "cardiomyopathy",
    "6": "stroke",
    "7": "orthopaedic",
    "8": "other",
}
_YES_NO = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "NO": 0.0, "YES": 1.0}
_TEXT_COLUMNS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "Gender": ("sex", {"male": "male", "female": "female"}),
    "Race (OMB)": (
        "race",
        {"White": "white", "Asian": "asian", "Black or African American": "black", "Unknown": "not_stated"},
    ),
}
_FLAG_COLUMNS = {
    "Diabetes": "diabetes",
    "Congestive Heart Failure and/or Cardiomyopathy": "heart_failure",
    "Valve Replacement": "valve_replacement",
    "Current Smoker": "smoker",
}
_QUANTITY_COLUMNS = {
    "Height (cm)": ("height", 30.0, 250.0),
    "Weight (kg)": ("weight", 1.0, 400.0),
    "Target INR": ("target_inr", 1.0, 5.0),
}
_DRUG_COLUMNS = {
    "Aspirin": "aspirin",
    "Acetaminophen or Paracetamol (Tylenol)": "paracetamol",
    "Simvastatin (Zocor)": "simvastatin",
    "Atorvastatin (Lipitor)": "atorvastatin",
    "Fluvastatin (Lescol)": "fluvastatin",
    "Lovastatin (Mevacor)": "lovastatin",
    "Pravastatin (Pravachol)": "pravastatin",
    "Rosuvastatin (Crestor)": "rosuvastatin",
    "Cerivastatin (Baycol)": "cerivastatin",
    "Amiodarone (Cordarone)": "amiodarone",
    "Carbamazepine (Tegretol)": "carbamazepine",
    "Phenytoin (Dilantin)": "phenytoin",
    "Rifampin or Rifampicin": "rifampicin",
    "Sulfonamide Antibiotics": "sulfonamide_antibiotic",
    "Macrolide Antibiotics": "macrolide_antibiotic",
    "Anti-fungal Azoles": "azole_antifungal",
}
_SNP_COLUMNS = {
    "VKORC1     -1639 consensus": "rs9923231",
    "VKORC1 497 consensus": "rs2884737",
    "VKORC1 1173 consensus": "rs9934438",
    "VKORC1 1542 consensus": "rs8050894",
    "VKORC1 3730 consensus": "rs7294",
    "VKORC1 2255 consensus": "rs2359612",
    "VKORC1     -4451 consensus": "rs17880887",
}
_CYP2C9 = "CYP2C9 consensus"
INPUTS = (
    *_TEXT_COLUMNS,
    *_FLAG_COLUMNS,
    *_QUANTITY_COLUMNS,
    *_DRUG_COLUMNS,
    *_SNP_COLUMNS,
    _CYP2C9,
    INDICATION,
    "Age",
)


def to_cohort(table: pd.DataFrame) -> Cohort:
    """The table's patients; a column that is absent is a fact not recorded of anybody."""
    reader = _Reader(table)
    ids = reader.patient_ids()
    genotypes, clinical = _genotypes(reader), _clinical(reader)
    drugs = _medications(reader)
    outcomes = _outcomes(reader)
    groups = reader.sites()
    if reader.faults:
        raise CohortError(f"{len(reader.faults)} faults in the IWPC table", reader.faults)
    return Cohort(
        ids,
        Genotypes.from_rows(genotypes),
        Clinical.from_rows(clinical),
        Medications.from_rows(drugs),
        Outcomes.from_rows(outcomes),
        groups=groups,
    )


class _Reader:
    """Cells of a table as parsed facts; what cannot be parsed is gathered, without its value."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self.faults: list[Fault] = []

    def cells(self, column: str) -> list[tuple[int, str]]:
        """(position, text) of each cell that is filled."""
        if column not in self.table.columns:
            return []
        given = self.table[column]
        filled = given.notna().to_numpy()
        texts = ((i, str(cell).strip()) for i, cell in enumerate(given.tolist()) if filled[i])
        return [(i, text) for i, text in texts if text]

    def facts(
        self, column: str, parse: Callable[[str], _Parsed | None], expected: str
    ) -> list[tuple[int, _Parsed]]:
        """(position, parsed) of each cell understood; `parse` answers None for what it does not know."""
        parsed = [(i, parse(text)) for i, text in self.cells(column)]
        wrong = [i for i, value in parsed if value is None]
        if wrong:
            where = f"column '{column}'"
            self.faults.append(
                Fault(where, f"{len(wrong)} cells (first in row {wrong[0] + 1}) are not {expected}")
            )
        return [(i, value) for i, value in parsed if value is not None]

    def patient_ids(self) -> tuple[str, ...]:
        """One id a row; rows without one are a fault."""
        cells = self.cells(PATIENT)
        if len(cells) != len(self.table):
            missing = len(self.table) - len(cells)
            self.faults.append(
                Fault(f"column '{PATIENT}'", f"{missing} rows have no id", "give each row one")
            )
        if not set(INPUTS) & set(self.table.columns):
            self.faults.append(
                Fault("table", "holds none of the IWPC input columns", "keep the source's names")
            )
        repeated = len(cells) - len({text for _, text in cells})
        if repeated:
            self.faults.append(
                Fault(f"column '{PATIENT}'", f"{repeated} ids are repeated", "give each row its own")
            )
        return tuple(text for _, text in cells)

    def sites(self) -> dict[str, Texts]:
        """The site of each patient, when the table says it of all."""
        cells = self.cells(SITE)
        if len(cells) != len(self.table) or not cells:
            return {}
        return {"site": np.array([text for _, text in cells], dtype=object)}


def _genotypes(reader: _Reader) -> list[tuple]:
    calls = reader.facts(
        _CYP2C9, lambda t: t if _DIPLOTYPE.fullmatch(t) else None, "a diplotype such as *1/*3"
    )
    rows = [(i, "CYP2C9", call) for i, call in calls]
    for column, rsid in _SNP_COLUMNS.items():
        calls_of = _forward_calls(rsid)
        expected = f"a call in the letters of VKORC1's own strand ({', '.join(calls_of)})"
        rows += [(i, rsid, call) for i, call in reader.facts(column, calls_of.get, expected)]
    return rows


def _forward_calls(rsid: str) -> dict[str, str]:
    """Gene-strand call -> forward-strand call; VKORC1 lies on the minus strand, so each letter turns."""
    snp = snps()[rsid]
    alleles = (snp.reference, snp.alternate)
    pairs = [(alleles[a], alleles[b]) for a, b in ((0, 0), (0, 1), (1, 1))]
    turned = {}
    for first, second in pairs:
        there, back = _COMPLEMENT[first], _COMPLEMENT[second]
        turned[f"{there}/{back}"] = turned[f"{back}/{there}"] = f"{first}/{second}"
    return turned


def _clinical(reader: _Reader) -> list[tuple]:
    nan = float("nan")
    decade = reader.facts("Age", _middle_of_decade, "a decade such as '60 - 69' or '90+'")
    rows = [(i, "age", age, "", 0.0) for i, age in decade]
    for column, (name, low, high) in _QUANTITY_COLUMNS.items():
        numbers = reader.facts(column, _number_within(low, high), f"a number from {low:g} to {high:g}")
        rows += [(i, name, number, "", 0.0) for i, number in numbers]
    for column, (name, words) in _TEXT_COLUMNS.items():
        rows += [
            (i, name, nan, word, 0.0) for i, word in reader.facts(column, words.get, f"one of {list(words)}")
        ]
    for column, name in _FLAG_COLUMNS.items():
        rows += [(i, name, flag, "", 0.0) for i, flag in reader.facts(column, _YES_NO.get, "0 or 1")]
    for i, codes in reader.facts(INDICATION, _codes, "codes from 1 to 8 such as '3; 8'"):
        rows += [(i, f"indication_{n}", float(c in codes), "", 0.0) for c, n in _INDICATIONS.items()]
    return rows


def _middle_of_decade(text: str) -> float | None:
    return int(text[0]) * 10.0 + 5.0 if _DECADE.fullmatch(text) else None


def _number_within(low: float, high: float) -> Callable[[str], float | None]:
    def parse(text: str) -> float | None:
        try:
            number = float(text)
        except ValueError:
            return None
        return number if low <= number <= high else None

    return parse


def _codes(text: str) -> set[str] | None:
    """Indication codes; '1 or 2' (one of the two, not known which) counts as both."""
    parts = re.split(r"\s*(?:;|,|or)\s*", text)
    return set(parts) if set(parts) <= _INDICATIONS.keys() else None


def _medications(reader: _Reader) -> list[tuple]:
    nan = float("nan")
    rows = []
    for column, drug in _DRUG_COLUMNS.items():
        facts = reader.facts(column, _YES_NO.get, "0, 1, YES or NO")
        rows += [(i, drug, bool(taken), nan, nan) for i, taken in facts]
    return rows


def _outcomes(reader: _Reader) -> list[tuple]:
    nan = float("nan")
    doses = reader.facts(DOSE, _number_within(0.1, 1000.0), "a dose in mg a week")
    rows = [(i, "weekly_dose", dose, nan) for i, dose in doses]
    return rows + [(i, "stable_dose_recorded", 1.0, nan) for i, _ in reader.cells(STABLE)]
