"""What a user declares of a clinical table: which column holds which fact, in which unit, on which day.

    shape = "wide"                     # one row a patient; or "long" (one row a fact), or "medications"
    patient_id = "ID"
    missing = ["", "NA", "unknown"]    # texts that say "not recorded"
    ignore = ["Remarks"]               # columns that are known and not read; any other column is refused

    [facts."Age (years)"]              # wide: by column; long: by the text in the column `name`
    fact = "clinical/age"
    unit = "a"                         # UCUM; or unit_column = "Age unit"

    [facts.Sex]
    fact = "clinical/sex"
    values = { F = "female", M = "male" }

    [facts.VKORC1]
    fact = "genotypes/rs9923231"
    strand = "gene"                    # letters of the gene's strand; "forward" is the default

    [facts.Amiodarone]
    fact = "medications/amiodarone"
    values = { yes = "1", no = "0" }
    start_column = "Amiodarone from"   # days from the index date; stop_column alike; both may be left out

    [facts."Stable dose"]
    fact = "outcomes/weekly_dose"
    unit = "mg/wk"
    day = 90                           # days from the index date; or day_column; 0 is the default

In `values` the text `*` stands for any other, and `-` says that nothing was recorded. A wide table that names
the column of each patient's `index_date` may give a fact's day by its `date_column`; `decimal = ","` reads
decimal commas.

A long table names its columns `name`, `value` and, where there are any, `unit` and `day` (or `date`, with
index dates). A medication list names `drug` (a name or an RxCUI), and `start` and `stop` (days) or
`start_date` and `stop_date`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from features.errors import CohortError, Fault
from features.knowledge.measurements import measurements
from features.knowledge.tables import drugs
from features.readers.byte_stream import refuse_unless_regular
from features.readers.checks import LONGEST_NAME

SHAPES: Mapping[str, tuple[str, ...]] = {
    "wide": (),
    "long": ("name", "value", "unit", "day", "date"),
    "medications": ("drug", "start", "stop", "start_date", "stop_date"),
}
"""By shape, the roles that columns may have besides the patient's id."""

ANY_OTHER, NOTHING = "*", "-"
"""In `values`: any other text, and that nothing was recorded."""

SECTIONS = ("clinical", "genotypes", "medications", "outcomes", "groups")
_NEEDED: Mapping[str, tuple[str, ...]] = {"wide": (), "long": ("name", "value"), "medications": ("drug",)}
_LARGEST = 1_000_000


@dataclass(frozen=True)
class DeclaredFact:
    """The fact (`section/subject`) that a column or name states, and how its texts are to be read."""

    fact: str
    unit: str = ""
    unit_column: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    strand: str = "forward"
    day: float = 0.0
    day_column: str = ""
    start_column: str = ""
    stop_column: str = ""
    date_column: str = ""
    kept_unit: str = ""

    @property
    def section(self) -> str:
        """The cohort's table."""
        return self.fact.partition("/")[0]

    @property
    def subject(self) -> str:
        """The variable, locus, drug, outcome or group."""
        return self.fact.partition("/")[2]

    @property
    def is_number(self) -> bool:
        """Whether the texts are numbers: a quantity with a unit, or an outcome."""
        is_quantity = self.subject in measurements() or bool(self.unit or self.unit_column)
        return self.section == "outcomes" or (self.section == "clinical" and is_quantity)

    def said(self, text: str) -> str | None:
        """What a text of the column says: itself, or what `values` make of it; None where they lack it."""
        return self.values.get(text, self.values.get(ANY_OTHER)) if self.values else text

    def faults(self, where: str) -> list[Fault]:
        """What the declaration lacks or contradicts."""
        found = []
        if self.section not in SECTIONS or not self.subject:
            found.append(
                Fault(
                    where,
                    "'fact' names no fact",
                    f"write section/subject, a section of {', '.join(SECTIONS)}",
                )
            )
        if self.section == "medications" and self.subject not in drugs():
            found.append(
                Fault(where, "the drug is not known here", f"use one of {', '.join(sorted(drugs()))}")
            )
        if (
            self.section == "clinical"
            and self.subject in measurements()
            and not (self.unit or self.unit_column)
        ):
            found.append(
                Fault(where, "a quantity needs its unit", f"add unit = '{measurements()[self.subject].unit}'")
            )
        if self.section == "outcomes" and not self.unit:
            found.append(
                Fault(where, "an outcome needs its unit", "add its UCUM code as 'unit' (a yes or no: '1')")
            )
        if self.strand not in ("forward", "gene"):
            found.append(Fault(where, "'strand' is not known", "use forward or gene"))
        return found


@dataclass(frozen=True)
class TableSchema:
    """A declared table; `facts` by column (wide) or by name (long), `roles` the columns of a long shape.

    `index_date` is the column of a wide table that holds each patient's day 0.
    """

    shape: str
    patient_id: str
    facts: Mapping[str, DeclaredFact] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset({""})
    ignore: frozenset[str] = frozenset()
    delimiter: str = ","
    decimal: str = "."
    index_date: str = ""

    def __post_init__(self) -> None:
        found = [
            fault
            for name, declared in self.facts.items()
            for fault in declared.faults(f"facts.{name[:LONGEST_NAME]}")
        ]
        if self.shape not in SHAPES:
            found.append(Fault("shape", "not known", f"use one of {', '.join(SHAPES)}"))
        else:
            missing = [role for role in _NEEDED[self.shape] if role not in self.roles]
            found += [Fault(role, f"a {self.shape} table needs it", "name its column") for role in missing]
            strange = [role for role in self.roles if role not in SHAPES[self.shape]]
            found += [
                Fault(role, f"a {self.shape} table has no such column", "leave it out") for role in strange
            ]
        if self.delimiter not in (",", ";", "\t", "|"):
            found.append(
                Fault("delimiter", "not a delimiter known here", "use a comma, semicolon, tab or bar")
            )
        if self.shape in ("wide", "long") and not self.facts:
            found.append(Fault("facts", "no fact is declared", "declare at least one"))
        if self.decimal not in (".", ",") or self.decimal == self.delimiter:
            found.append(Fault("decimal", "not a decimal sign, or the delimiter itself", "use '.' or ','"))
        if not self.index_date or self.shape != "wide":
            dated = [name for name, fact in self.facts.items() if fact.date_column]
            what, remedy = "a date needs the index date of a wide table", "name its column as 'index_date'"
            found += [Fault(f"facts.{name[:LONGEST_NAME]}", what, remedy) for name in dated]
        if found:
            raise CohortError(f"{len(found)} faults in the table's schema", found)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        wide = tuple(self.facts) if self.shape == "wide" else ()
        beside = [name for fact in self.facts.values() for name in (fact.unit_column, fact.date_column)]
        named = (self.patient_id, *self.roles.values(), *wide, *beside, *self.day_columns, self.index_date)
        return tuple(name for name in dict.fromkeys(named) if name)

    @property
    def number_columns(self) -> frozenset[str]:
        """The columns of a wide table that hold nothing but numbers."""
        wide = self.facts.items() if self.shape == "wide" else ()
        return frozenset(self.day_columns) | {n for n, fact in wide if fact.is_number and not fact.values}

    @property
    def day_columns(self) -> tuple[str, ...]:
        """The columns that hold days from the index date."""
        beside = [name for f in self.facts.values() for name in (f.day_column, f.start_column, f.stop_column)]
        return tuple(
            name for name in (*beside, *(self.roles.get(r, "") for r in ("day", "start", "stop"))) if name
        )


def read_schema(path: Path) -> TableSchema:
    """The schema in a TOML file; unknown keys are refused, all faults told together."""
    refuse_unless_regular(path)
    with path.open("rb") as file:
        raw = file.read(_LARGEST + 1)
    try:
        document = tomllib.loads(raw[:_LARGEST].decode("utf-8")) if len(raw) <= _LARGEST else None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise CohortError(
            f"{path.name} cannot be read", [Fault(path.name, "not TOML", "see the example")]
        ) from error
    if document is None:
        raise CohortError(
            f"{path.name} cannot be read",
            [Fault(path.name, f"longer than {_LARGEST} bytes", "check the file")],
        )
    try:
        return schema_of(document)
    except CohortError as error:
        faults = [Fault(f"{path.name} {fault.where}", fault.what, fault.remedy) for fault in error.faults]
        raise CohortError(f"{path.name} cannot be used: {error.summary}", faults) from None


def schema_of(document: Mapping[str, object]) -> TableSchema:
    """The schema in plain data, as TOML holds it."""
    roles = {role for names in SHAPES.values() for role in names}
    texts = {"shape", "patient_id", "delimiter", "decimal", "index_date", *roles}
    lists = {"missing", "ignore"}
    faults = [
        Fault(key[:LONGEST_NAME], "not known here", "leave it out")
        for key in document
        if key not in texts | lists | {"facts"}
    ]
    faults += [
        Fault(key, "not a text") for key in texts & document.keys() if not isinstance(document[key], str)
    ]
    faults += [
        Fault(key, "not a list of texts") for key in lists & document.keys() if not _is_texts(document[key])
    ]
    faults += [Fault(key, "missing", "add it") for key in ("shape", "patient_id") if key not in document]
    declared = document.get("facts", {})
    facts = _facts(declared, faults) if isinstance(declared, dict) else {}
    if not isinstance(declared, dict):
        faults.append(Fault("facts", "not a table"))
    if faults:
        raise CohortError(f"{len(faults)} faults in the table's schema", faults)
    return TableSchema(
        shape=str(document["shape"]),
        patient_id=str(document["patient_id"]),
        facts=facts,
        roles={role: str(document[role]) for role in sorted(roles) if role in document},
        missing=frozenset({"", *_texts(document, "missing")}),
        ignore=frozenset(_texts(document, "ignore")),
        delimiter=str(document.get("delimiter", ",")),
        decimal=str(document.get("decimal", ".")),
        index_date=str(document.get("index_date", "")),
    )


def _facts(declared: Mapping[str, object], faults: list[Fault]) -> dict[str, DeclaredFact]:
    allowed = {column.name for column in fields(DeclaredFact)}
    found = {}
    for name, entry in declared.items():
        where = f"facts.{name[:LONGEST_NAME]}"
        if not isinstance(entry, dict) or "fact" not in entry or not set(entry) <= allowed:
            faults.append(
                Fault(
                    where, "not a declaration", f"give 'fact' and no other than {', '.join(sorted(allowed))}"
                )
            )
        elif not all(_is_right(key, value) for key, value in entry.items()):
            faults.append(
                Fault(where, "a key has the wrong kind", "'values' maps texts to texts, 'day' is a number")
            )
        else:
            found[name] = DeclaredFact(**entry)
    return found


def _is_right(key: str, value: object) -> bool:
    if key == "values":
        return isinstance(value, dict) and all(isinstance(said, str) for said in value.values())
    if key == "day":
        return type(value) in (int, float)
    return isinstance(value, str)


def _texts(document: Mapping[str, object], key: str) -> list[str]:
    found = document.get(key)
    return [str(item) for item in found] if isinstance(found, list) else []


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
