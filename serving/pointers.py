"""Where a fault of a patient document lies, told without repeating a key that a client made up.

A key that is no word of ours may name a patient; of such a one only its place in its object is told.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from features.encode import FeatureSpec
from features.errors import CohortError, Fault
from features.readers.checks import LONGEST_NAME
from features.readers.vocabulary import vocabulary_of

_FIELDS = frozenset(
    {
        "patient_id", "genotypes", "clinical", "medications", "gene", "diplotype", "rsid", "alleles",
        "value", "unit", "day", "drug", "taken", "start_day", "stop_day", "tumour", "assay", "name", "genes",
        "size_mb", "reads", "variants", "kind", "protein_change", "vaf", "copy_number", "expression",
        "scale", "values",
    }
)  # fmt: skip


def patient_faults(error: CohortError, spec: FeatureSpec, document: object) -> tuple[Fault, ...]:
    """The faults of a patient document as a client is told of them, with pointers into the request."""
    words = _words(spec)
    return tuple(_told(fault, words, document) for fault in error.faults)


@lru_cache(maxsize=64)
def _words(spec: FeatureSpec) -> frozenset[str]:
    vocabulary = vocabulary_of(spec)
    return _FIELDS | vocabulary.clinical.keys() | vocabulary.genes


def _told(fault: Fault, words: Collection[str], document: object) -> Fault:
    where, inner = "/patient", document
    for step in fault.where.split("/")[1:]:
        if isinstance(inner, list):
            inner = inner[int(step)] if step.isdigit() and int(step) < len(inner) else None
        elif step in words:
            inner = inner.get(step) if isinstance(inner, dict) else None
        else:
            return Fault(where, _entry(inner, step) + fault.what, fault.remedy)
        where += f"/{step}"
    return Fault(where, fault.what, fault.remedy)


def _entry(inner: object, step: str) -> str:
    """`entry 17: ` of the object in which an unknown key stands; nothing where it cannot be found."""
    keys = [_step(key) for key in inner] if isinstance(inner, dict) else []
    return f"entry {keys.index(step) + 1}: " if step in keys else ""


def _step(key: str) -> str:
    """A key as a pointer spells it."""
    return key[:LONGEST_NAME].replace("~", "~0").replace("/", "~1")
