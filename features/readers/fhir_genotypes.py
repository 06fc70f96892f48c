"""Germline calls in FHIR observations, as the HL7 Genomics Reporting guide writes them.

The gene stands in the component 48018-6 or before the call (`CYP2C9 *1/*3`), the rsid in the component
81255-2 or in the text; the call in the value or in the component 47998-0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from features.calls import canonical_diplotype
from features.readers.timeline import CALL, Event

GENE, RSID, NAME = "48018-6", "81255-2", "47998-0"

_SYMBOL = re.compile(r"(?<![A-Za-z0-9])([A-Z][A-Z0-9-]{1,15})(?=\s*\*)|^([A-Z][A-Z0-9-]{1,15})(?=[\s:(]|$)")
_RSID = re.compile(r"(?<![A-Za-z0-9])rs\d{1,12}(?!\d)")
_STAR = r"(\*[0-9]{1,4}[A-Z]*(?:\+\*[0-9]{1,4}[A-Z]*)?)(?:\.\d+)?"
_STARS = re.compile(rf"{_STAR}\s*[/|]\s*(?:[A-Z][A-Z0-9-]{{1,15}}\s*)?{_STAR}(?![\w.])")
_LETTERS = re.compile(r"(?<![A-Za-z0-9])([ACGT])\s*[/|]\s*([ACGT])(?![A-Za-z0-9])")

Resource = Any
"""A validated Observation, or one of its components."""


def genotype_event(observation: Resource, event: Event) -> Event | None:
    """The call of an observation: of a gene or an rsid; None where none is written."""
    parts = {code: part for part in observation.component or [] for code in _codes(part)}
    texts = [*_texts(observation), *(_texts(parts[NAME]) if NAME in parts else ())]
    gene_texts, rsid_texts = (list(_texts(parts[c])) if c in parts else [] for c in (GENE, RSID))
    rsid = next((found.group() for text in (*rsid_texts, *texts) if (found := _RSID.search(text))), None)
    for text in texts:
        stars, letters = _STARS.search(text), _LETTERS.search(text)
        gene = _gene([*gene_texts, text])
        named = canonical_diplotype(text.removeprefix(gene).strip(": ")) if gene else None
        if gene and (stars or named):
            return replace(
                event, kind=CALL, subject=gene, text="/".join(stars.groups()) if stars else named or ""
            )
        if letters and rsid:
            return replace(event, kind=CALL, subject=rsid, text="/".join(letters.groups()))
    return None


def _gene(texts: list[str]) -> str | None:
    found = (_SYMBOL.search(text) for text in texts)
    return next((symbol.group(1) or symbol.group(2) for symbol in found if symbol), None)


def _codes(part: Resource) -> list[str]:
    return [coding.code for coding in part.code.coding or [] if coding.code]


def _texts(part: Resource) -> Iterator[str]:
    """Everything the value may be written in, short texts only."""
    concept = part.valueCodeableConcept
    found = [part.valueString]
    if concept is not None:
        found += [concept.text, *(text for c in concept.coding or [] for text in (c.display, c.code))]
    return (text for text in found if text and len(text) <= 200)
