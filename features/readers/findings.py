"""Findings gathered by patient while a file is read, and the cohort they make."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from features.cohort import Clinical, Cohort, Panel, Variants
from features.readers.checks import LONGEST_NAME, is_text
from features.readers.file_faults import FileFaults, number_of

MISSING = frozenset(("", "NA", "N/A", "NaN", "nan", ".", "[Not Available]"))
"""How laboratories write a number or a change that is not there; never how a gene or an id is read."""

_DATES = (
    re.compile(r"(?P<number>\d{1,2})-(?P<month>mar|sep|dec)", re.IGNORECASE),
    re.compile(r"(?P<month>mar|sep|dec)-(?P<number>\d{1,2})", re.IGNORECASE),
    re.compile(r"20(?P<number>\d\d)-(?P<month>03|09|12)-01(?: 00:00:00)?"),
)
_OTHER_DATE = re.compile(r"(\d{1,2}-[A-Za-z]{3}-?\d*|\d{4}-\d\d-\d\d.*|\d+/\d+/\d+.*)")
_SYMBOLS = {"mar": "MARCH", "sep": "SEPT", "dec": "DEC", "03": "MARCH", "09": "SEPT", "12": "DEC"}
_GENE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@/-]{0,62}")
_LONGEST_CHANGE = 2_000


@dataclass(frozen=True)
class Finding:
    """One finding of a tumour, as `features.records.Variants` holds it."""

    gene: str
    kind: str
    change: str | None = None
    vaf: float = math.nan
    copies: float = math.nan


@dataclass(frozen=True)
class TumourReading:
    """What a file of findings says of its patients, and what was noticed while it was read.

    `notes` are sentences with counts, without a patient's id or value.
    """

    cohort: Cohort
    notes: tuple[str, ...]


class Findings:
    """Findings by patient, once each, and the faults of the file they come from."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults = FileFaults()
        self._noted: Counter[str] = Counter()
        self._found: dict[str, dict[Hashable, Finding]] = {}
        self._first_line: dict[str, int] = {}
        self._unkeyed = 0

    def patient(self, line: int, column: str, text: str) -> str | None:
        """The patient that a row names; None, and a fault, when it names nobody."""
        if is_text(text) and text.strip() == text:
            self._first_line.setdefault(text, line)
            return text
        self.faults.at(self.file, line, column, "no id of a patient", "name the patient or sample")
        return None

    def gene(self, line: int, column: str, text: str) -> str | None:
        """The gene that a row names; None, and a fault, when it is no symbol.

        A symbol that a spreadsheet turned into a date is restored, and noted: `7-Sep` and
        `2007-09-01 00:00:00` were SEPT7. What may have been either of two (`1-Mar`: MARCH1 or MARC1) is
        named so, and is neither.
        """
        date = next((found for pattern in _DATES if (found := pattern.fullmatch(text))), None)
        if date:
            self.note("gene symbols that a spreadsheet had turned into dates were restored")
            return _symbol_of_date(date)
        if _GENE.fullmatch(text) and not _OTHER_DATE.fullmatch(text):
            return text
        self.faults.at(self.file, line, column, "no gene symbol", "name the gene by its HGNC symbol")
        return None

    def number(self, line: int, column: str, text: str, high: float, low: float = 0.0) -> float:
        """A number between `low` and `high`; NaN when none was given, and a fault when it is another."""
        if text in MISSING:
            return math.nan
        number = number_of(text)
        if number is None or not low <= number <= high:
            what, remedy = f"no number between {low:g} and {high:g}", "leave it empty where it is unknown"
            self.faults.at(self.file, line, column, what, remedy)
            return math.nan
        return number

    def change(self, line: int, column: str, text: str) -> str | None:
        """A protein change as text, None when none was given."""
        if text in MISSING:
            return None
        if not is_text(text, _LONGEST_CHANGE):
            self.faults.at(self.file, line, column, "no protein change", "write it as HGVS, p.V600E")
            return None
        return text

    def note(self, sentence: str) -> None:
        """Counts one more row of which this can be said."""
        self._noted[sentence] += 1

    def seen(self, patient: str) -> None:
        """A patient who was read, whether or not anything is found."""
        self._found.setdefault(patient, {})

    def add(self, patient: str, finding: Finding, key: Hashable = None) -> None:
        """One finding; of several with the same key the one with the highest allele fraction is kept."""
        self._unkeyed += key is None
        place = ("unkeyed", self._unkeyed) if key is None else (finding.gene, finding.kind, key)
        known = self._found.setdefault(patient, {})
        if place in known:
            self.note("rows repeat a finding of their patient; the highest allele fraction was kept")
        if place not in known or not finding.vaf <= known[place].vaf:
            known[place] = finding if place not in known or finding.vaf == finding.vaf else known[place]

    def reading(
        self,
        panel: Panel,
        sequenced: Iterable[str] | None = None,
        values: Mapping[str, Mapping[str, float]] | None = None,
    ) -> TumourReading:
        """The cohort of the patients who were read by this panel, once no fault is left.

        `sequenced` names them all; None says that only patients with a finding are known to have been
        read. `values` holds by patient what else is said of the sample (clinical facts of day 0).
        """
        read = tuple(self._found) if sequenced is None else tuple(dict.fromkeys(sequenced))
        strangers = [p for p in self._found if p not in set(read)] if sequenced is not None else []
        for patient in strangers:
            what, remedy = "findings of a patient who is not among the sequenced", "complete that list"
            self.faults.at(self.file, self._first_line.get(patient), None, what, remedy)
        self._refuse_unread(panel)
        self.faults.refuse(f"findings of {self.file}")
        rows = [
            (i, f.gene, f.kind, f.change, f.vaf, f.copies)
            for i, patient in enumerate(read)
            for f in self._found.get(patient, {}).values()
        ]
        facts = [
            (i, name, value, None, 0.0)
            for i, patient in enumerate(read)
            for name, value in (values or {}).get(patient, {}).items()
            if not math.isnan(value)
        ]
        cohort = Cohort(
            read,
            clinical=Clinical.from_rows(facts),
            variants=Variants.from_rows(rows),
            sequenced=np.full(len(read), panel.name, dtype=object),
            panels={panel.name: panel},
        )
        return TumourReading(cohort, tuple(f"{n} {sentence}" for sentence, n in sorted(self._noted.items())))

    def _refuse_unread(self, panel: Panel) -> None:
        kinds = {(f.gene, f.kind) for known in self._found.values() for f in known.values()}
        outside = sorted({gene for gene, kind in kinds if not panel.may_find(gene, kind)})
        for gene in outside:
            named = panel.name[:LONGEST_NAME]
            what = f"findings in {gene[:LONGEST_NAME]} that the panel '{named}' does not read"
            self.faults.at(
                self.file, None, None, what, "complete the panel's genes, or what it reads of them"
            )


def _symbol_of_date(date: re.Match[str]) -> str:
    symbol = f"{_SYMBOLS[date['month'].lower()]}{int(date['number'])}"
    return f"{symbol}_or_{symbol.replace('CH', 'C')}" if symbol in ("MARCH1", "MARCH2") else symbol
