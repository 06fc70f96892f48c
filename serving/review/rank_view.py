"""What a review page says of a ranking, as plain data: one row an option, best first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.bundle import LoadedBundle
from serving.review.card_view import Told, told_of
from serving.review.facts import Fact, facts_of
from serving.review.measure import Measure
from serving.review.views import Notices, Record, labelled, labels_of, notices_of, record_view
from serving.review.words import feature_value, sentence, signed, spoken
from serving.store.records import PredictionRecord

_MOST_EXPLAINED = 10
_MOST_REASONS = 5
_WHICH = {"lower": "the lowest first", "higher": "the highest first", "": "the highest first"}

Json = Mapping[str, Any]  # Any: a record as it was written, whose version of the schema may be older


@dataclass(frozen=True, slots=True)
class Reason:
    """One of an option's largest contributions."""

    label: str
    value: str
    amount: str


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option: its answer and its interval, and how far it lies from the first.

    `is_level` says that at the level asked for it cannot be told apart from the first.
    """

    place: int
    option: str
    value: float | None
    lower: float | None
    upper: float | None
    said: str
    interval: str
    difference: str
    apart: str
    is_level: bool
    possible: tuple[str, ...]
    notices: Notices
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class RankView:
    """The whole page of one ranking."""

    record: Record
    measure: Measure
    title: str
    what: str
    order: str
    level: str
    summary: str
    rows: tuple[OptionRow, ...]
    scale: str
    notices: Notices
    facts: tuple[Fact, ...]
    filled: str
    read_as_no: str
    model: Told


def rank_view(record: PredictionRecord, bundle: LoadedBundle | None) -> RankView:
    """The page for one recorded ranking; without its bundle the card is left out."""
    request, answer = json.loads(record.request), json.loads(record.answer)
    patient, basis, ranked = request["patient"], answer["basis"], answer["ranked"]
    measure = Measure.of(answer, ranked[0]["unit"])
    level = f"{100 * answer['level']:g}%"
    rows = tuple(_row(one, measure) for one in ranked)
    what = "treatments" if answer["question"] else "drugs"
    labels = labels_of(bundle)
    scales = [one["explanation"]["scale"] for one in ranked if one["explanation"]]
    return RankView(
        record=record_view(record, answer["advice"]),
        measure=measure,
        title=f"{len(rows)} {what if len(rows) > 1 else what[:-1]} ranked",
        what=what[:-1],
        order=_WHICH[answer["better"]],
        level=level,
        summary=_summary(rows, level),
        rows=rows,
        scale=scales[0] if scales else "",
        notices=notices_of(answer["notices"]),
        facts=facts_of(patient),
        filled=labelled(basis["imputed"], labels),
        read_as_no=labelled(basis["unrecorded_as_absent"], labels),
        model=told_of(bundle, patient, measure),
    )


def _row(one: Json, measure: Measure) -> OptionRow:
    value, interval = one["value"], one["interval"] or {"lower": None, "upper": None}
    difference = one["difference"]
    return OptionRow(
        place=one["place"],
        option=spoken(one["option"]),
        value=value,
        lower=interval["lower"],
        upper=interval["upper"],
        said="No number" if value is None else measure.figure(value),
        interval="" if value is None else measure.interval(interval["lower"], interval["upper"]),
        difference=_difference(one, measure),
        apart=_apart(difference, measure) if one["place"] > 1 else "",
        is_level=one["place"] > 1 and _holds_nothing(difference),
        possible=tuple(map(spoken, one.get("possible") or ())),
        notices=notices_of(one["notices"]),
        reasons=_reasons(one["explanation"]) if one["place"] <= _MOST_EXPLAINED else (),
    )


def _difference(one: Json, measure: Measure) -> str:
    is_first = one["place"] == 1 or one["difference"] is None
    return "" if is_first else measure.difference(one["difference"]["value"])


def _apart(difference: Json | None, measure: Measure) -> str:
    if difference is None or difference["lower"] is None or difference["upper"] is None:
        return ""
    lower, upper = (measure.difference(difference[end]) for end in ("lower", "upper"))
    return f"{lower} to {upper}"


def _holds_nothing(difference: Json | None) -> bool:
    if difference is None or difference["lower"] is None or difference["upper"] is None:
        return False
    return bool(difference["lower"] <= 0.0 <= difference["upper"])


def _summary(rows: Sequence[OptionRow], level: str) -> str:
    answered = [row for row in rows if row.value is not None]
    declined = len(rows) - len(answered)
    if not answered:
        return "No number is given for any of them."
    told = _told_apart(answered, level) if len(answered) > 1 else ""
    return f"{told} No number is given for {declined}." if declined else told


def _told_apart(answered: Sequence[OptionRow], level: str) -> str:
    first, others = answered[0].option, len(answered) - 1
    if not any(row.apart for row in answered):
        return "How sure the differences are was not learned, so only the intervals tell."
    alike = sum(row.is_level for row in answered)
    if alike == 0:
        return f"Every other one can be told apart from {first} at {level}."
    who = "None of the others can" if alike == others else f"{alike} of the {others} others cannot"
    return f"{who} be told apart from {first} at {level}."


def _reasons(explanation: Json | None) -> tuple[Reason, ...]:
    if explanation is None:
        return ()
    features = sorted(explanation["features"], key=lambda f: -abs(f["contribution"]))[:_MOST_REASONS]
    return tuple(
        Reason(
            sentence(f["label"]), feature_value(f["name"], f["value"], f["unit"]), signed(f["contribution"])
        )
        for f in features
    )
