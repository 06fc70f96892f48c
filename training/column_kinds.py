"""What a column that nobody has described seems to be: its kind, its unit by its header, its name here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.knowledge.measurements import measurements
from features.knowledge.tables import clinical_variables
from features.readers.file_faults import number_of
from training.found_columns import CLINICAL, FoundColumn
from training.study_faults import UNSETTLED
from training.study_table import FLAG_WORDS

QUANTITY, FLAG, CATEGORY, DATE, TEXT, EMPTY = "quantity", "flag", "category", "date", "text", "empty"
SMALLEST_CELL = 10
_MOST_LEVELS = 30
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y-%m-%d %H:%M:%S")
_SEX: Mapping[str, str] = {
    **dict.fromkeys(("m", "M", "male", "Male", "MALE", "man"), "male"),
    **dict.fromkeys(("f", "F", "female", "Female", "FEMALE", "w", "W", "woman"), "female"),
}
_PAIRS: Mapping[str, str] = {
    **FLAG_WORDS, "ja": "1", "Ja": "1", "J": "1", "nein": "0", "Nein": "0", "oui": "1", "non": "0", "si": "1",
    "positive": "1", "Positive": "1", "pos": "1", "+": "1", "negative": "0", "Negative": "0", "neg": "0",
    "present": "1", "absent": "0",
}  # fmt: skip
_SAME_AS = {
    "gender": "sex", "ht": "height", "body_height": "height", "stature": "height", "wt": "weight",
    "body_weight": "weight", "crea": "creatinine", "creat": "creatinine", "scr": "creatinine",
    "serum_creatinine": "creatinine", "hb": "hemoglobin", "hgb": "hemoglobin", "haemoglobin": "hemoglobin",
    "wbc": "leukocytes", "plt": "platelets", "crp": "c_reactive_protein", "hba1c": "hemoglobin_a1c",
    "sbp": "systolic_pressure", "dbp": "diastolic_pressure", "ldh": "lactate_dehydrogenase",
    "age_at_diagnosis": "age", "age_at_start": "age",
}  # fmt: skip
_UNITS = {
    "kg": "kg", "g": "g", "lb": "[lb_av]", "lbs": "[lb_av]", "cm": "cm", "mm": "mm", "in": "[in_i]",
    "inch": "[in_i]", "inches": "[in_i]", "years": "a", "yrs": "a", "yr": "a", "y": "a", "months": "mo",
    "month": "mo", "mo": "mo", "weeks": "wk", "wk": "wk", "days": "d", "d": "d",
    "mg/dl": "mg/dL", "g/dl": "g/dL",
    "g/l": "g/L", "mg/l": "mg/L", "ug/l": "ug/L", "ng/ml": "ng/mL", "ug/ml": "ug/mL", "pg/ml": "pg/mL",
    "umol/l": "umol/L", "mmol/l": "mmol/L", "nmol/l": "nmol/L", "mmol/mol": "mmol/mol", "u/l": "U/L",
    "iu/l": "[IU]/L", "%": "%", "pct": "%", "percent": "%", "mmhg": "mm[Hg]", "bpm": "/min", "kg/m2": "kg/m2",
    "10^9/l": "10*9/L", "10e9/l": "10*9/L", "mg": "mg", "ml": "mL", "mg/day": "mg/d", "mg/d": "mg/d",
    "mg/week": "mg/wk", "mg/wk": "mg/wk", "c": "Cel", "mg/kg": "mg/kg", "ml/min": "mL/min",
}  # fmt: skip
_BRACKETED = re.compile(r"^(.*?)[\s_]*[\[(]([^\])]+)[\])]\s*$")


@dataclass(frozen=True)
class Guess:
    """What a column seems to be; `subject` is its variable's name, `unit` a UCUM code or `?`.

    `values` (n,) are a quantity's numbers, a flag's 0 and 1, or the level's number; NaN where nothing was
    recorded. `words` says what the column's texts mean.
    """

    column: FoundColumn
    kind: str
    subject: str
    unit: str
    values: NDArray[np.float64]
    words: Mapping[str, str]
    levels: tuple[str, ...]

    @cached_property
    def n_known(self) -> int:
        """How many patients have it recorded."""
        return len(self.column.known)

    @property
    def is_known_here(self) -> bool:
        """Whether the variable is one that needs no declaration."""
        return self.subject in clinical_variables()


def guess(column: FoundColumn) -> Guess:
    """The kind of a column by what its cells look like, its unit by its header alone."""
    is_ours = column.section == CLINICAL
    stem, unit = (column.name, UNSETTLED) if is_ours else _stem_and_unit(column.name)
    subject = stem if is_ours else _SAME_AS.get(slug(stem), slug(stem))
    known = column.known
    distinct = Counter(known)
    numbers = [number_of(cell) for cell in known]
    words: Mapping[str, str] = {}
    levels: tuple[str, ...] = ()
    if len(distinct) < 1:
        kind = EMPTY
    elif subject == "sex" and set(distinct) <= _SEX.keys():
        kind, words, levels = CATEGORY, {t: _SEX[t] for t in _SEX}, ("male", "female")
    elif set(distinct) <= _PAIRS.keys():
        kind, words = FLAG, {} if set(distinct) <= FLAG_WORDS.keys() else _PAIRS
    elif all(number is not None for number in numbers):
        kind = QUANTITY
    elif all(_is_date(text) for text in distinct):
        kind = DATE
    elif len(distinct) > min(_MOST_LEVELS, max(2, len(known) // 3)):
        kind = TEXT
    else:
        kind, (words, levels) = CATEGORY, _levels(distinct)
    values = np.array([_value(kind, cell, words, levels) for cell in column.cells], dtype=np.float64)
    return Guess(column, kind, subject if is_ours else _free(subject, kind), unit, values, words, levels)


def slug(text: str) -> str:
    """A name as a study writes it: lower case letters, digits and `_`."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower().replace("µ", "u")).strip("_")
    return plain[:60].strip("_") or "column"


def canonical_unit(subject: str) -> str:
    """The unit in which a variable known here is kept, or an empty text."""
    known = measurements().get(subject)
    return "" if known is None else known.unit


def _free(subject: str, kind: str) -> str:
    """The subject, or another name where a variable of that name is known here as something else."""
    known, measured = clinical_variables().get(subject), subject in measurements()
    fits = known is None or (known.kind == kind and (kind != CATEGORY or subject == "sex"))
    return subject if fits and not (measured and kind != QUANTITY) else f"{subject}_recorded"


def _levels(counts: Counter[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What each text of ten patients or more means; rarer ones together are `other`, or left out."""
    often = sorted(text for text, n in counts.items() if n >= SMALLEST_CELL)
    words = {text: slug(text) for text in often}
    for text, again in Counter(words.values()).items():
        if again > 1:
            alike = [own for own in often if words[own] == text]
            words |= {own: f"{text}_{i + 1}" for i, own in enumerate(alike)}
    n_rare = sum(n for n in counts.values() if n < SMALLEST_CELL)
    if n_rare:
        words["*"] = "other" if n_rare >= SMALLEST_CELL else "-"
    return words, tuple(text for text in dict.fromkeys(words.values()) if text != "-")


def _value(kind: str, cell: str | None, words: Mapping[str, str], levels: tuple[str, ...]) -> float:
    if cell is None:
        return float("nan")
    if kind == QUANTITY:
        return float(number_of(cell) or 0.0)
    if kind == FLAG:
        return float(_PAIRS[cell])
    said = words.get(cell, words.get("*", "-"))
    return float(levels.index(said)) if kind == CATEGORY and said in levels else float("nan")


def _is_date(text: str) -> bool:
    for form in _DATES:
        try:
            datetime.strptime(text, form)
        except ValueError:
            continue
        return True
    return False


def _stem_and_unit(header: str) -> tuple[str, str]:
    """A header without its unit, and the unit's UCUM code, `?` where the header tells none."""
    bracketed = _BRACKETED.match(header)
    if bracketed and bracketed.group(1):
        unit = _UNITS.get(bracketed.group(2).strip().lower().replace("µ", "u"))
        return (bracketed.group(1), unit) if unit else (header, UNSETTLED)
    parts = re.split(r"[_\s,]+", header.strip())
    for size in (3, 2, 1):
        tail = "/".join(part.lower() for part in parts[-size:])
        if len(parts) > size and tail in _UNITS and not (size == 1 and tail in ("c", "d", "g", "y")):
            return "_".join(parts[:-size]), _UNITS[tail]
    return header, UNSETTLED
