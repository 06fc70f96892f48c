"""What can be asked otherwise of a patient, as a form; and what became of an answer that was."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from features.knowledge.tables import ClinicalVariable, interaction_classes
from models.model_set import ModelSet
from serving.review.measure import Measure
from serving.review.steps import Scale, blocks_of, steps_of
from serving.review.views import Band, Json, Notices, ReviewView, Waterfall, notices_of
from serving.review.words import MINUS, sentence, spoken, unit
from serving.schemas import Change
from serving.simulating import changed

CLINICAL, MEDICATION = "clinical.", "medication."
TAKEN, NOT_TAKEN, UNKNOWN = "taken", "not taken", ""
_LONGEST_NAME = 100
_LEAST_MOVED = 0.005
"""Shares of a difference from here on are told one by one; smaller ones round to nothing."""

_ENDS = ("As recorded", "After the change")


@dataclass(frozen=True, slots=True)
class Field:
    """One input that can be asked about otherwise; without `options` it is a number in `unit`."""

    name: str
    label: str
    value: str
    unit: str = ""
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class WhatIfForm:
    """The form: where it goes, its fields with what stands in them, and what was wrong."""

    token: str
    fields: tuple[Field, ...]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What one change does: the numbers in words, the picture's band, and the way from the answer before."""

    name: str
    value: str
    interval: str
    difference: str
    apart: str
    notices: Notices
    band: Band | None
    waterfall: Waterfall | None


def fields_of(patient: Json, models: ModelSet) -> tuple[Field, ...]:
    """The fields for a patient: changeable facts, then the medications that the model reads."""
    variables = models.spec.clinical_variables
    options = models.question.options if models.question else ()
    read = {source for inputs in models.spec.inputs.values() for source in inputs}
    known = [name for name in models.changeable if name in variables and f"{CLINICAL[:-1]}/{name}" in read]
    asked = [models.question.variable] if models.question else []
    names = dict.fromkeys([*asked, *known])
    clinical = [_clinical(variables[name], patient, options if name in asked else ()) for name in names]
    groups = interaction_classes()
    drugs = [group for name, group in groups.items() if f"medications/{name}" in read]
    choices = ((UNKNOWN, "not recorded"), (TAKEN, "taken"), (NOT_TAKEN, "not taken"))
    taken = [
        Field(
            MEDICATION + group.name,
            sentence(group.label.partition(" (")[0]),
            _state(patient, group.drugs),
            "",
            choices,
        )
        for group in drugs
    ]
    return (*clinical, *taken)


def change_of(patient: Json, fields: Sequence[Field], given: Mapping[str, str]) -> Change | None:
    """The change that a filled form asks for; None where it changes nothing."""
    clinical: dict[str, Any] = {}
    medications: list[dict[str, object]] = []
    told: list[str] = []
    for field in fields:
        value = given.get(field.name, field.value).strip()
        if value == field.value:
            continue
        name = field.name.partition(".")[2]
        if field.name.startswith(CLINICAL):
            clinical[name] = _fact(field, value)
            told.append(f"{field.label} {_said(field, value)}")
        elif value:
            medications += _entries(patient, name, value == TAKEN)
            told.append(f"{field.label} {value}")
    if not told:
        return None
    return Change("; ".join(told)[:_LONGEST_NAME], clinical, tuple(medications))


def refilled(fields: Sequence[Field], given: Mapping[str, str]) -> tuple[Field, ...]:
    """The fields with what was typed into them."""
    return tuple(replace(field, value=given.get(field.name, field.value)[:_LONGEST_NAME]) for field in fields)


def patient_after(request: Json) -> Json:
    """The patient of a recorded request; of a simulation after its first change."""
    patient: dict[str, object] = dict(request["patient"])
    for one in request.get("changes", [])[:1]:
        change = Change(one["name"], one.get("clinical", {}), tuple(one.get("medications", ())))
        return changed(patient, change)
    return patient


def outcomes_of(answer_text: str, view: ReviewView) -> tuple[Outcome, ...]:
    """What a recorded simulation's changes did, beside the answer that `view` shows."""
    answer = json.loads(answer_text)
    return tuple(_outcome(one, answer, view) for one in answer.get("simulated", ()))


def _outcome(one: Json, answer: Json, view: ReviewView) -> Outcome:
    measure, interval, difference = view.measure, one["interval"], one["difference"]
    bare = replace(measure, code="1")
    value = one["value"]
    apart = "" if difference is None else _apart(difference, measure)
    return Outcome(
        name=one["name"],
        value="" if value is None else measure.said(value),
        interval="" if value is None else bare.interval(interval["lower"], interval["upper"]),
        difference="" if difference is None else _difference(difference["value"], measure),
        apart=apart,
        notices=notices_of(one["notices"]),
        band=_band(one, view),
        waterfall=_waterfall(one, answer, view),
    )


def _difference(value: float, measure: Measure) -> str:
    said = measure.difference(value)
    return f"{said} {measure.difference_unit}".strip()


def _apart(difference: Json, measure: Measure) -> str:
    ends = difference["lower"], difference["upper"]
    if None in ends:
        return ""
    lower, upper = (measure.difference(float(end)) for end in ends)
    return f"{lower} to {upper}"


def _band(one: Json, view: ReviewView) -> Band | None:
    before = view.band
    if before is None or one["value"] is None:
        return None
    ghost = before.value, before.lower, before.upper
    ends = one["interval"]["lower"], one["interval"]["upper"]
    return replace(before, value=one["value"], lower=ends[0], upper=ends[1], ghost=ghost)


def _waterfall(one: Json, answer: Json, view: ReviewView) -> Waterfall | None:
    why, explained = one["difference_explained"], answer["explanation"]
    if why is None or explained is None:
        return None
    scale, base = Scale(why["scale"], answer["unit"]), float(explained["margin"])
    moved = [row for row in why["features"] if abs(row["contribution"]) >= _LEAST_MOVED]
    rest = why["margin"] - math.fsum(row["contribution"] for row in moved)
    blocks = blocks_of(moved, rest if abs(rest) >= _LEAST_MOVED else 0.0)
    steps = steps_of(blocks, base, {}, scale, view.measure)
    return Waterfall(view.measure, scale, base, base + why["margin"], steps, blocks, _ENDS)


def _clinical(variable: ClinicalVariable, patient: Json, asked: Sequence[str]) -> Field:
    entry = patient.get("clinical", {}).get(variable.name)
    label, name = sentence(variable.label), CLINICAL + variable.name
    value = None if entry is None else entry["value"]
    if variable.kind == "quantity":
        code = variable.unit if entry is None else entry["unit"]
        return Field(name, label, "" if value is None else f"{value:g}", code)
    if variable.kind == "flag":
        said = {None: "", True: "yes", False: "no"}[value]
        return Field(name, label, said, "", (("", "not recorded"), ("yes", "yes"), ("no", "no")))
    categories = asked or variable.categories
    none = () if asked else (("", "not recorded"),)
    options = (*none, *((one, spoken(one)) for one in categories))
    return Field(name, label, str(value or ""), "", options)


def _fact(field: Field, value: str) -> dict[str, object] | None:
    """The fact as a patient document tells it; None takes it away."""
    if not value:
        return None
    if field.unit:
        return {"value": _number(value), "unit": field.unit}
    names = [name for name, _ in field.options]
    return {"value": value == "yes"} if names == ["", "yes", "no"] else {"value": value}


def _number(text: str) -> float | str:
    """The number typed, with a point or a comma; what is none is left for the reader of facts to refuse."""
    try:
        number = float(text.replace(",", ".").replace(MINUS, "-"))
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _said(field: Field, value: str) -> str:
    return f"{spoken(value)} {unit(field.unit)}".strip() if value else "not recorded"


def _state(patient: Json, drugs: Sequence[str]) -> str:
    found = [entry["taken"] for entry in patient.get("medications", []) if entry["drug"] in drugs]
    return (TAKEN if any(found) else NOT_TAKEN) if found else UNKNOWN


def _entries(patient: Json, group: str, is_taken: bool) -> Iterator[dict[str, object]]:
    """One entry of the class, and where it ends, one of each of its drugs that the patient takes."""
    yield {"drug": group, "taken": is_taken}
    if not is_taken:
        drugs = interaction_classes()[group].drugs
        own = [entry["drug"] for entry in patient.get("medications", []) if entry["drug"] in drugs]
        yield from ({"drug": drug, "taken": False} for drug in dict.fromkeys(own) if drug != group)
