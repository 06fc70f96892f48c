"""A plain table described in the study: which column holds which fact, in which words and units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from features import ucum
from features.errors import CohortError, Fault
from features.knowledge.measurements import measurements
from features.knowledge.tables import clinical_variables
from features.readers.table_schema import NOTHING, DeclaredFact, TableSchema, schema_of
from training.study_faults import UNSETTLED
from training.study_parts import OutcomeAsked, Protocol, VariableAsked

NO = ("0", "0.0", "no", "No", "NO", "n", "N", "false", "False", "FALSE")
YES = ("1", "1.0", "yes", "Yes", "YES", "y", "Y", "true", "True", "TRUE")
FLAG_WORDS: Mapping[str, str] = {**dict.fromkeys(NO, "0"), **dict.fromkeys(YES, "1")}
"""How a yes or no may be written where the study does not say so itself."""

_LATER = ("outcomes", "groups")
_BEFORE = ("clinical", "medications")
Entry = dict[str, Any]  # Any: a fact's keys are texts, numbers and tables of texts


@dataclass(frozen=True)
class TableAsked:
    """The file's name within the dataset's folder, and what its columns hold."""

    file: str
    schema: TableSchema

    @property
    def known_before(self) -> TableSchema:
        """The schema without outcomes and groups, whose columns are not looked at and may be missing."""
        kept = {name: fact for name, fact in self.schema.facts.items() if fact.section not in _LATER}
        is_dated = any(fact.date_column for fact in kept.values())
        inputs = replace(self.schema, facts=kept, index_date=self.schema.index_date if is_dated else "")
        return replace(inputs, ignore=self.schema.ignore | (set(self.schema.columns) - set(inputs.columns)))


def table_of(given: object, parts: Mapping[str, Any], faults: list[Fault]) -> TableAsked | None:
    """The section `[table]`, its units and words settled by the study's other sections; faults are added."""
    if not isinstance(given, dict):
        faults.append(Fault("table", "is not a table", "write it as [table]"))
        return None
    n_before = len(faults)
    file = given.get("file")
    if not isinstance(file, str) or not file or PurePath(file).name != file:
        faults.append(Fault("table.file", "is no file's name", "name the table in the dataset's folder"))
    outcome: OutcomeAsked | None = parts.get("outcome")
    variables = {asked.name: asked for asked in parts.get("variables", ())}
    facts = given.get("facts")
    entries: Entry = facts if isinstance(facts, dict) else {}
    settled = {name: _settled(entry, variables, outcome) for name, entry in entries.items()}
    document = {"shape": "wide", **given, "facts": settled if isinstance(facts, dict) else facts}
    document.pop("file", None)
    schema = _schema(document, faults)
    if schema is None:
        return None
    for name, fact in schema.facts.items():
        faults += _fact_faults(f"table.facts.{name[:64]}", fact, variables)
    faults += _schema_faults(schema, outcome, parts["protocols"])
    return TableAsked(str(file), schema) if len(faults) == n_before else None


def _schema(document: Mapping[str, object], faults: list[Fault]) -> TableSchema | None:
    try:
        return schema_of(document)
    except CohortError as error:
        faults += [Fault(f"table.{fault.where}", fault.what, fault.remedy) for fault in error.faults]
        return None


def _settled(entry: object, variables: Mapping[str, VariableAsked], outcome: OutcomeAsked | None) -> object:
    """An entry with the unit and words that follow from what its fact is."""
    if not isinstance(entry, dict) or not isinstance(entry.get("fact"), str):
        return entry
    section, _, subject = entry["fact"].partition("/")
    flag: Entry = {"unit": "1", "values": FLAG_WORDS, **entry}
    if section == "clinical" and subject in variables:
        asked = variables[subject]
        if asked.kind == "quantity":
            return {"unit": asked.unit, **entry, "kept_unit": asked.unit}
        return flag if asked.kind == "flag" else entry
    if section == "clinical":
        known = clinical_variables().get(subject)
        return {"values": FLAG_WORDS, **entry} if known is not None and known.kind == "flag" else entry
    if section == "medications":
        return {"values": FLAG_WORDS, **entry}
    if section == "outcomes" and outcome is not None:
        if subject in (outcome.time, outcome.happened):
            return flag if subject == outcome.happened else {**entry, "kept_unit": outcome.horizon_unit}
        if subject == outcome.name:
            return flag if outcome.is_binary else {"unit": outcome.unit, **entry, "kept_unit": outcome.unit}
    return entry


def _fact_faults(where: str, fact: DeclaredFact, variables: Mapping[str, VariableAsked]) -> list[Fault]:
    found = []
    if UNSETTLED in fact.values.values():
        what = "says of a text neither what it means nor that it is nothing"
        found.append(Fault(where, what, f"write it instead of '{UNSETTLED}'; '{NOTHING}' is not recorded"))
    if fact.section in _BEFORE and fact.day > 0:
        found.append(Fault(where, "is known only after the index date", "leave the column out"))
    if fact.section != "clinical":
        return found + (_unit_faults(where, fact) if fact.section == "outcomes" else [])
    asked = variables.get(fact.subject)
    if asked is None and fact.subject not in clinical_variables():
        remedy = f"add [[variables]] with name = '{fact.subject}'"
        return [*found, Fault(where, "states a variable that is declared nowhere", remedy)]
    known = measurements().get(fact.subject)
    if asked is not None and known is not None and asked.unit not in (known.unit, UNSETTLED):
        what, remedy = (
            f"is kept in {known.unit}",
            f"write unit = '{known.unit}' in [[variables]], the column's here",
        )
        return [*found, Fault(f"variable '{asked.name}'", what, remedy)]
    if asked is not None and asked.kind == "category":
        strange = set(fact.values.values()) - {*asked.categories, NOTHING, UNSETTLED}
        remedy = f"use {', '.join(asked.categories)} or '{NOTHING}'"
        return found + [Fault(where, f"'{text}' is no category of it", remedy) for text in sorted(strange)]
    return found + (_unit_faults(where, fact) if fact.unit else [])


def _unit_faults(where: str, fact: DeclaredFact) -> list[Fault]:
    """Whether the column's unit can be turned into the one that the fact is kept in."""
    kept = fact.kept_unit or fact.unit
    if fact.kept_unit == UNSETTLED:
        return []  # told of the variable or the outcome
    if fact.unit == UNSETTLED:
        return [
            Fault(where, "its unit is not settled", "write the column's UCUM code, such as 'kg' or '[in_i]'")
        ]
    try:
        if fact.section == "clinical" and fact.subject in measurements():
            ucum.to_canonical(fact.subject, 1.0, fact.unit)
        else:
            ucum.convert(1.0, fact.unit, kept)
    except CohortError as error:
        wrong = [fault for fault in error.faults if not fault.where.endswith("/value")]
        return [Fault(where, fault.what, fault.remedy) for fault in wrong]
    return []


def _schema_faults(
    schema: TableSchema, outcome: OutcomeAsked | None, protocols: Sequence[Protocol]
) -> list[Fault]:
    """What the columns together lack or say twice."""
    found = [] if schema.shape == "wide" else [Fault("table.shape", "is not wide", "give one row a patient")]
    stated = Counter(fact.fact for fact in schema.facts.values())
    undated = Counter(f.fact for f in schema.facts.values() if not (f.day or f.day_column or f.date_column))
    twice = [fact for fact, n in undated.items() if n > 1]
    found += [Fault("table.facts", f"{fact} is stated by two columns", "keep one") for fact in twice]
    if outcome is not None:
        needed = (outcome.time, outcome.happened) if outcome.has_horizon else (outcome.name,)
        lacking = [name for name in needed if name and f"outcomes/{name}" not in stated]
        remedy = "give its column fact = 'outcomes/NAME'"
        found += [Fault("table.facts", f"no column holds the outcome '{name}'", remedy) for name in lacking]
    for i, protocol in enumerate(protocols):
        if (
            protocol.kind in ("group", "folds", "time")
            and protocol.group
            and f"groups/{protocol.group}" not in stated
        ):
            remedy = f"give its column fact = 'groups/{protocol.group}', or leave the protocol out"
            found.append(Fault(f"protocols[{i}].group", "no column of the table holds it", remedy))
    return found
