"""The tables of a cohort folder as rows of text, and what each field may hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from features.calls import canonical_snp_call
from features.cohort import Clinical, Genotypes, Medications, Outcomes, Records, Variants
from features.knowledge.measurements import measurements
from features.knowledge.tables import clinical_variables, drugs, snps
from features.panel import KINDS
from features.readers.file_faults import number_of

Fields = dict[str, str]
Found = tuple[str, str, str]
"""A column, what is wrong there, and what mends it."""

NAME, TEXT, NUMBER, OPEN_NUMBER, FLAG = "name", "text", "number", "open_number", "flag"


@dataclass(frozen=True)
class TableForm:
    """One file: the table it holds and, in the order of the table's fields, each column and its kind.

    A `name` is never empty, a `text` may be (None), a `number` is finite, an `open_number` may be
    empty (NaN), a `flag` is true or false.
    """

    file: str
    name: str
    table: type[Records]
    columns: Mapping[str, str]
    extra: tuple[str, ...] = ()

    @property
    def header(self) -> tuple[str, ...]:
        """The columns in the file, in order."""
        return ("patient_id", *self.columns, *self.extra)


TABLES: tuple[TableForm, ...] = (
    TableForm("genotypes.csv", "genotypes", Genotypes, {"locus": NAME, "call": NAME}),
    TableForm(
        "clinical.csv",
        "clinical",
        Clinical,
        {"name": NAME, "value": OPEN_NUMBER, "text": TEXT, "day": NUMBER},
        ("unit",),
    ),
    TableForm(
        "medications.csv",
        "medications",
        Medications,
        {"drug": NAME, "taken": FLAG, "start_day": OPEN_NUMBER, "stop_day": OPEN_NUMBER},
    ),
    TableForm("outcomes.csv", "outcomes", Outcomes, {"name": NAME, "value": OPEN_NUMBER, "day": OPEN_NUMBER}),
    TableForm(
        "variants.csv",
        "variants",
        Variants,
        {"gene": NAME, "kind": NAME, "protein_change": TEXT, "vaf": OPEN_NUMBER, "copy_number": OPEN_NUMBER},
    ),
)


def read_value(kind: str, text: str) -> object:
    """A field's value; None where the text is none of its kind (of a `text`, also where it is empty)."""
    return _READERS[kind](text)


def text_of(kind: str, value: object) -> str:
    """A value as the text of its field."""
    return _WRITERS[kind](value)


def unit_of(variable: str) -> str:
    """The canonical unit of a quantity; empty for a flag, a category and a variable not known here."""
    known = measurements().get(variable)
    return known.unit if known is not None else ""


def meaning_faults(form: TableForm, fields: Fields) -> list[Found]:
    """What a well-formed row says that no cohort can mean."""
    check = _MEANING.get(form.name)
    return check(fields) if check else []


def _clinical_faults(fields: Fields) -> list[Found]:
    name, value, text = fields["name"], fields["value"], fields["text"]
    if bool(value) == bool(text):
        return [("value", "a fact is a value or a text, and one of the two", "fill one of them")]
    if fields["unit"] != unit_of(name):
        return [
            ("unit", f"not the canonical unit '{unit_of(name)}'", "convert the value, or import the table")
        ]
    known, quantity = clinical_variables().get(name), measurements().get(name)
    number = number_of(value)
    if quantity is not None:
        if number is None or not quantity.low <= number <= quantity.high:
            what = f"not plausible: outside {quantity.low:g} to {quantity.high:g} {quantity.unit}"
            return [("value", what, "check the value and its unit")]
    elif known is not None and known.kind == "flag" and number not in (0.0, 1.0):
        return [("value", f"'{name}' is a yes or no", "write 1 or 0")]
    elif known is not None and known.kind == "category" and text not in known.categories:
        return [("text", f"not a category of '{name}'", f"use one of {', '.join(known.categories)}")]
    return []


def _genotype_faults(fields: Fields) -> list[Found]:
    locus, call = fields["locus"], fields["call"]
    if locus in snps() and canonical_snp_call(locus, call) != call:
        expected = "/".join(snps()[locus].alleles)
        return [("call", "not two forward-strand (GRCh38) alleles of this SNP", f"write such as {expected}")]
    if call.count("/") != 1:
        return [("call", "not two alleles", "write them with one '/' between")]
    return []


def _medication_faults(fields: Fields) -> list[Found]:
    drug = fields["drug"]
    spelled = drug.strip().lower().replace(" ", "_")
    if drug not in drugs() and spelled in drugs():
        return [("drug", "a drug known here in another spelling", f"write '{spelled}'")]
    start, stop = number_of(fields["start_day"]), number_of(fields["stop_day"])
    if start is not None and stop is not None and stop < start:
        return [("stop_day", "lies before 'start_day'", "check both days")]
    return []


def _variant_faults(fields: Fields) -> list[Found]:
    found = []
    if fields["kind"] not in KINDS:
        found.append(("kind", "no kind of finding known here", f"use one of {', '.join(sorted(KINDS))}"))
    if not 0.0 <= (number_of(fields["vaf"]) or 0.0) <= 1.0:
        found.append(("vaf", "an allele fraction lies between 0 and 1", "leave it empty where not given"))
    if (number_of(fields["copy_number"]) or 0.0) < 0.0:
        found.append(("copy_number", "total copies are 0 or more", "leave it empty where not given"))
    return found


_MEANING: Mapping[str, Callable[[Fields], list[Found]]] = MappingProxyType(
    {
        "clinical": _clinical_faults,
        "genotypes": _genotype_faults,
        "medications": _medication_faults,
        "variants": _variant_faults,
    }
)


def _number_text(value: float) -> str:
    return "" if math.isnan(value) else repr(value)


_WRITERS: Mapping[str, Callable] = MappingProxyType(
    {
        NAME: lambda value: value,
        TEXT: lambda value: "" if value is None else value,
        NUMBER: _number_text,
        OPEN_NUMBER: _number_text,
        FLAG: lambda value: "true" if value else "false",
    }
)

_READERS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {
        NAME: lambda text: text or None,
        TEXT: lambda text: text or None,
        NUMBER: number_of,
        OPEN_NUMBER: lambda text: number_of(text) if text else math.nan,
        FLAG: {"true": True, "false": False}.get,
    }
)

EXPECTED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        NAME: ("empty", "fill it"),
        NUMBER: ("not a finite number", "write it with a decimal point, without a unit"),
        OPEN_NUMBER: ("not a finite number", "write it with a decimal point, or leave it empty"),
        FLAG: ("not a yes or no", "write true or false"),
    }
)
"""By kind, what is wrong with a field that is none of it, and what mends it."""
