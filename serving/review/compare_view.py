"""Two recorded answers side by side: what differs between the patients, and what each difference is worth."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from models.bundle import LoadedBundle
from serving.review.explained import by_feature
from serving.review.facts import calls_of, facts_of
from serving.review.measure import Measure
from serving.review.steps import Row, Scale, blocks_of, steps_of
from serving.review.views import Band, Headline, Record, ReviewView, Waterfall, review_view
from serving.store.records import PredictionRecord

_ENDS = ("The first", "The second")
_ROUNDING = 1e-9
_LEAST_TOLD = 0.005
"""What is smaller would be told as 0.00; such differences stand together with what was not told."""

Json = Mapping[str, Any]  # Any: a record as it was written, whose version of the schema may be older
Facts = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two answers."""

    record: Record
    headline: Headline
    option: str


@dataclass(frozen=True)
class Comparison:
    """The page of two answers; `why_not` says why their numbers cannot be set against each other."""

    drug: str
    measure: Measure
    sides: tuple[Side, Side]
    facts: Facts
    n_alike: int
    why_not: str = ""
    difference: str = ""
    band: Band | None = None
    waterfall: Waterfall | None = None


def comparison(
    records: tuple[PredictionRecord, PredictionRecord],
    bundles: tuple[LoadedBundle | None, LoadedBundle | None],
) -> Comparison:
    """What a page says of two answers, neither of them a ranking; the second is told as it differs."""
    first, second = (json.loads(record.answer) for record in records)
    views = review_view(records[0], bundles[0]), review_view(records[1], bundles[1])
    facts, n_alike = _facts(*(json.loads(record.request)["patient"] for record in records))
    sides = _side(views[0]), _side(views[1])
    told = Comparison(views[0].drug, views[0].measure, sides, facts, n_alike, _why_not(first, second))
    if told.why_not:
        return told
    measure = told.measure
    said = f"{measure.difference(second['value'] - first['value'])} {measure.difference_unit}".strip()
    patient = json.loads(records[1].request)["patient"]
    way = _waterfall(first, second, patient, measure)
    return replace(told, difference=said, band=_band(first, views[1].band), waterfall=way)


def _side(view: ReviewView) -> Side:
    return Side(view.record, view.headline, view.option)


def _why_not(first: Json, second: Json) -> str:
    if any(first[name] != second[name] for name in ("study", "drug", "outcome", "unit")):
        return "They answer different questions, so their numbers cannot be set against each other."
    if first["value"] is None or second["value"] is None:
        return "For at least one of them no number is given, so there is no difference to tell."
    return ""


def _facts(first: Json, second: Json) -> tuple[Facts, int]:
    """Facts that differ, and how many are alike."""
    own, others = dict(facts_of(first)), dict(facts_of(second))
    names = list(dict.fromkeys([*own, *others]))
    pairs = [(name, own.get(name, "not recorded"), others.get(name, "not recorded")) for name in names]
    apart = tuple(pair for pair in pairs if pair[1] != pair[2])
    return apart, len(pairs) - len(apart)


def _band(first: Json, band: Band | None) -> Band | None:
    """The second's band with the first as its ghost."""
    ends = first["interval"]["lower"], first["interval"]["upper"]
    return None if band is None else replace(band, ghost=(first["value"], *ends))


def _waterfall(first: Json, second: Json, patient: Json, measure: Measure) -> Waterfall | None:
    """The way from the first's margin to the second's, by what each feature contributes more or less."""
    before, after = by_feature(first), by_feature(second)
    if before is None or after is None or before["scale"] != after["scale"]:
        return None
    moved = _moved(before["features"], after["features"])
    whole = after["margin"] - before["margin"]
    other = whole - math.fsum(row["contribution"] for row in moved)
    scale = Scale(after["scale"], second["unit"])
    blocks = blocks_of(moved, other if abs(other) > _ROUNDING else 0.0)
    steps = steps_of(blocks, before["margin"], calls_of(patient), scale, measure)
    return Waterfall(measure, scale, before["margin"], after["margin"], steps, blocks, _ENDS)


def _moved(before: list[Row], after: list[Row]) -> list[Row]:
    """Features that both explanations tell, with the difference of their contributions, if it is any."""
    known = {row["name"]: row["contribution"] for row in before}
    found = []
    for row in after:
        if row["name"] in known:
            amount = row["contribution"] - known[row["name"]]
            if abs(amount) >= _LEAST_TOLD:
                found.append(Row(**{**row, "contribution": amount}))
    return found
