"""Codes of other vocabularies and the fact each of them states: LOINC, SNOMED CT, ICD-10, RxNorm, OMOP."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType

from features.knowledge.tables import drugs

SYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        "http://loinc.org": "loinc",
        "http://snomed.info/sct": "snomed",
        "http://www.nlm.nih.gov/research/umls/rxnorm": "rxnorm",
        "http://hl7.org/fhir/sid/icd-10": "icd10",
        "http://hl7.org/fhir/sid/icd-10-cm": "icd10",
    }
)
"""By FHIR's URI of a code system, its short name in a map; any other system is named by its URI."""


@dataclass(frozen=True, slots=True)
class CodedFact:
    """One row of a map: a code, its answer where one decides, and the fact (`section/subject`) it states.

    `value` is 1 or 0 of a flag or medication, or a category; `unit` the UCUM code of an outcome, of a
    clinical variable not known here, or of a unit concept.
    """

    resource: str
    system: str
    code: str
    answer: str
    fact: str
    value: str
    unit: str
    label: str

    @property
    def section(self) -> str:
        """The cohort's table: clinical, genotypes, medications, outcomes or groups."""
        return self.fact.partition("/")[0]

    @property
    def subject(self) -> str:
        """The variable, locus, drug or outcome."""
        return self.fact.partition("/")[2]


MAP_COLUMNS = tuple(column.name for column in fields(CodedFact))
"""The columns of a map file, in order."""


class CodeMap:
    """Coded facts, found by resource, system and code; of one answer the later row counts."""

    def __init__(self, rows: Iterable[CodedFact]) -> None:
        self.rows = tuple(rows)
        self._found: dict[tuple[str, str, str], dict[str, CodedFact]] = {}
        for row in self.rows:
            self._found.setdefault((row.resource, row.system, row.code), {})[row.answer] = row

    def answers(self, resource: str, system: str, code: str) -> Mapping[str, CodedFact]:
        """By answer (empty: any), the facts that a code states; an ICD-10 code is also what it lies under."""
        found = self._found.get((resource, system, code))
        while found is None and system == "icd10" and len(code) > 3:
            code = code[:-1].rstrip(".")
            found = self._found.get((resource, system, code))
        return found or {}

    def codes(self, resource: str) -> frozenset[str]:
        """The codes of a resource, whatever their system."""
        return frozenset(code for named, _, code in self._found if named == resource)

    def extended(self, rows: Iterable[CodedFact]) -> CodeMap:
        """This map with more rows, which count before its own."""
        return CodeMap((*self.rows, *rows))


def published(name: str) -> list[dict[str, str]]:
    """The rows of a table shipped beside this file, below its header of source, version and licence."""
    text = Path(__file__).with_name(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader((line for line in text.splitlines() if not line.startswith("#")), strict=True))


@cache
def fhir_map() -> CodeMap:
    """What codes in FHIR resources state."""
    return CodeMap(CodedFact(**row) for row in published("fhir_map"))


@cache
def omop_map() -> CodeMap:
    """What OMOP concepts state."""
    return CodeMap(CodedFact(**row) for row in published("omop_map"))


@cache
def drug_of_rxnorm() -> Mapping[str, str]:
    """By RxCUI of an ingredient, the drug's name here.

    >>> drug_of_rxnorm()["703"]
    'amiodarone'
    """
    return MappingProxyType(
        {row["rxnorm"]: row["drug"] for row in published("interactions") if row["rxnorm"]}
    )


@cache
def _words_of_drugs() -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({drug: tuple(drug.split("_")) for drug in sorted(drugs())})


def drugs_named(text: str) -> tuple[str, ...]:
    """The drugs that a product's name holds as whole words; of one that holds another, only the longer.

    >>> drugs_named("Simvastatin 40 MG Oral Tablet")
    ('simvastatin',)
    """
    words = tuple("".join(c if c.isalnum() else " " for c in text.lower()).split())
    found = [drug for drug, name in _words_of_drugs().items() if _holds(words, name)]
    return tuple(d for d in found if not any(d != other and d in other for other in found))


def _holds(words: tuple[str, ...], name: tuple[str, ...]) -> bool:
    if len(name) > 1:
        return set(name) <= set(words)
    return name[0] in words
