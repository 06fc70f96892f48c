"""Facts of patients from any clinical source, checked one by one and put together as a cohort.

The cohort does not depend on the order in which facts were met: each patient's facts are sorted, and one that
was said twice counts once. What came to be known after day 0 is left out and counted; outcomes alone come
later. A germline call holds from birth, whenever it was reported.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features import ucum
from features.calls import canonical_diplotype, canonical_snp_call, forward_snp_call, is_gene_strand_call
from features.cohort import Clinical, Cohort, Genotypes, Medications, Outcomes, Texts
from features.errors import CohortError
from features.knowledge.measurements import measurements
from features.knowledge.tables import clinical_variables, drugs, snps, star_allele_genes
from features.readers.checks import is_text
from features.readers.document import LONGEST_ID
from features.readers.file_faults import FileFaults
from features.readers.sections import EARLIEST_DAY, LATEST_DAY

AFTER_INDEX = "known only after the index date"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fact stands: a file, its line (from 1) and column, or a JSON pointer as part of the file."""

    file: str
    line: int | None = None
    column: str | None = None


@dataclass(frozen=True)
class Imported:
    """A cohort, and what else the source held: counts by what it was, such as a code that is not mapped."""

    cohort: Cohort
    unread: Mapping[str, int]


class Facts:
    """Collects facts and faults of many patients; `cohort` puts them together once everything was read.

    With `strict` False a value that is implausible or in an unknown unit is left out and counted
    instead of refused; records of whole hospitals hold a few of those.
    """

    def __init__(self, faults: FileFaults, strict: bool = True) -> None:
        self.faults = faults
        self.strict = strict
        self.unread: Counter[str] = Counter()
        self._position: dict[str, int] = {}
        self._calls: dict[tuple[int, str], str] = {}
        self._clinical: list[tuple] = []
        self._medications: set[tuple] = set()
        self._outcomes: list[tuple] = []
        self._groups: dict[str, dict[int, str]] = {}

    def patient(self, patient_id: str, place: Place) -> int:
        """The patient's position, a new one for an id not met before."""
        if not is_text(patient_id, LONGEST_ID):
            self._fault(place, "not a printable patient id", f"use 1 to {LONGEST_ID} characters")
        return self._position.setdefault(patient_id, len(self._position))

    def knows(self, patient_id: str) -> bool:
        """Whether the id was met before."""
        return patient_id in self._position

    def quantity(
        self, patient: int, name: str, value: float, unit: str, day: float, place: Place, wanted: str = ""
    ) -> None:
        """A number with its UCUM unit; `wanted` is the unit of a variable that is not known here."""
        if not self._is_before(day, place):
            return
        try:
            known = name in measurements()
            canonical = ucum.to_canonical(name, value, unit) if known else ucum.convert(value, unit, wanted)
        except CohortError as error:
            if self.strict:
                self.faults.take(place.file, place.line, place.column, error)
            else:
                self.unread[f"clinical/{name}: implausible, or in an unknown unit"] += 1
            return
        self._clinical.append((patient, name, canonical, None, day))

    def stated(self, patient: int, name: str, said: str, day: float, place: Place) -> None:
        """A flag (`1` or `0`) or a category of a clinical variable; of a name not known here, any text."""
        if not self._is_before(day, place):
            return
        known = clinical_variables().get(name)
        if known is not None and known.kind == "flag":
            if said not in ("0", "1"):
                self._fault(place, f"'{name}' is a yes or no", "map it to 1 or 0")
                return
            self._clinical.append((patient, name, float(said), None, day))
        elif (known is None and name not in measurements()) or (
            known is not None and said in known.categories
        ):
            self._clinical.append((patient, name, math.nan, said, day))
        else:
            offered = ", ".join(known.categories) if known is not None else ""
            self._fault(
                place, f"not a category of '{name}'", f"use one of {offered}" if offered else "send a number"
            )

    def call(self, patient: int, locus: str, text: str, place: Place, gene_strand: bool = False) -> None:
        """A germline call: a diplotype of a gene, or two alleles of an rsid."""
        if locus in snps():
            call = forward_snp_call(locus, text) if gene_strand else canonical_snp_call(locus, text)
            turned = not gene_strand and call is None and is_gene_strand_call(locus, text)
            remedy = f"send the forward-strand (GRCh38) alleles, {'/'.join(snps()[locus].alleles)}"
            what = "these letters are of the gene's strand" if turned else "not two alleles of this SNP"
        elif locus in star_allele_genes():
            call, what, remedy = (
                canonical_diplotype(text),
                "not a diplotype",
                "send two star alleles, such as '*1/*3'",
            )
        else:
            self.unread[f"genotypes/{locus[:32]}: not known here"] += 1
            return
        if call is None:
            self._fault(place, what, remedy)
        elif self._calls.setdefault((patient, locus), call) != call:
            self._fault(place, f"another call at {locus} for the same patient", "keep the one that holds")

    def medication(
        self, patient: int, drug: str, taken: bool, start: float, stop: float, place: Place
    ) -> None:
        """A drug taken from one day to another (NaN: open), or known not to be taken."""
        if drug not in drugs():
            self._fault(place, "the drug is not known here", f"use one of {', '.join(sorted(drugs()))}")
        elif any(not (math.isnan(day) or EARLIEST_DAY <= day <= LATEST_DAY) for day in (start, stop)):
            self._fault(place, "not a day within a hundred years of the index date", "check the date")
        elif stop < start and not self.strict:
            self.unread[f"medications/{drug}: ended before it began"] += 1
        elif stop < start:
            self._fault(place, "the end lies before the start", "check both")
        elif start > 0:
            self.unread[AFTER_INDEX] += 1
        else:
            self._medications.add((patient, drug, taken, _open_day(start), _open_day(stop)))

    def outcome(
        self, patient: int, name: str, value: float, unit: str, day: float, place: Place, wanted: str
    ) -> None:
        """What happened after treatment began, turned into the outcome's unit `wanted`."""
        try:
            number = ucum.convert(value, unit, wanted)
        except CohortError as error:
            self.faults.take(place.file, place.line, place.column, error)
            return
        if math.isfinite(number):
            self._outcomes.append((patient, name, number, day + 0.0))
        else:
            self._fault(place, "not a finite number", "check the value")

    def group(self, patient: int, name: str, label: str) -> None:
        """An administrative label, such as the site."""
        self._groups.setdefault(name, {})[patient] = label

    def cohort(self, what: str) -> Cohort:
        """Everything that was collected; every fault at once when there was any."""
        self.faults.refuse(what)
        return Cohort(
            tuple(self._position),
            Genotypes.from_rows(
                sorted((patient, locus, call) for (patient, locus), call in self._calls.items())
            ),
            Clinical.from_rows(_clinical_rows(self._clinical)),
            Medications.from_rows(_by_days(self._medications)),
            Outcomes.from_rows(sorted(set(self._outcomes))),
            {name: _labels(found, len(self._position)) for name, found in sorted(self._groups.items())},
        )

    def _is_before(self, day: float, place: Place) -> bool:
        if not EARLIEST_DAY <= day <= LATEST_DAY:
            self._fault(place, "not a day within a hundred years of the index date", "check the date")
        elif day > 0:
            self.unread[AFTER_INDEX] += 1
        return EARLIEST_DAY <= day <= 0

    def _fault(self, place: Place, what: str, remedy: str) -> None:
        self.faults.at(place.file, place.line, place.column, what, remedy)


def _clinical_rows(rows: list[tuple]) -> list[tuple]:
    """Sorted by patient, variable and day; of one day the largest last, which is the one that counts."""
    unique = {
        (p, name, day + 0.0, text or "", "" if text else repr(value)): (p, name, value, text, day + 0.0)
        for p, name, value, text, day in rows
    }
    return sorted(
        unique.values(),
        key=lambda row: (row[0], row[1], row[4], row[3] or "", row[2] if row[3] is None else 0),
    )


def _open_day(day: float) -> float:
    return math.nan if math.isnan(day) else day + 0.0


def _by_days(rows: set[tuple]) -> list[tuple]:
    def order(row: tuple) -> tuple:
        begin, end = (-math.inf if math.isnan(day) else day for day in row[3:])
        return (*row[:3], begin, end)

    return sorted(rows, key=order)


def _labels(found: Mapping[int, str], n: int) -> Texts:
    labels: Texts = np.full(n, None, dtype=object)
    for patient, label in found.items():
        labels[patient] = label
    return labels
