"""What a review page says, as plain data, before any HTML: from the record, and the bundle if at hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.bundle import LoadedBundle
from serving.prediction_log import PredictionRecord
from serving.review.steps import Block, Scale, Step, blocks_of, steps_of
from serving.review.words import feature_value, figure, number, sentence, spoken, unit

_PROTOCOLS = {"random_80_20": "Random 80/20 splits", "leave_one_site_out": "At sites never seen in training"}
_METRICS = ("mae", "within20", "coverage90")

Json = Mapping[str, Any]  # Any: a record or card as it was written, whose version of the schema may be older


@dataclass(frozen=True, slots=True)
class Headline:
    """The answer: the number, its unit, and its interval in words."""

    value: str | None
    unit: str
    daily: str
    interval: str
    level: str


@dataclass(frozen=True, slots=True)
class Band:
    """The interval beside the training population; ends of None are unbounded, `n` patients."""

    value: float
    lower: float | None
    upper: float | None
    quantiles: Mapping[float, float]
    n: int
    unit: str


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The steps from `base` to `margin`, the scale they add up on, and the groups behind them."""

    scale: Scale
    base: float
    margin: float
    steps: tuple[Step, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Performance:
    """How the model did under one protocol: by group, (figure, its interval) for each metric."""

    protocol: str
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True, slots=True)
class Card:
    """The model's card, as far as a reader of one answer needs it."""

    purpose: str
    trained_on: str
    n: int
    limits: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class ReviewView:
    """A whole review page."""

    id: str
    time: str
    patient_id: str
    drug: str
    outcome: str
    headline: Headline
    band: Band | None
    notices: tuple[tuple[str, str], ...]
    waterfall: Waterfall | None
    facts: tuple[tuple[str, str], ...]
    filled: tuple[str, ...]
    read_as_no: tuple[str, ...]
    performance: tuple[Performance, ...]
    group: str
    card: Card | None
    study: str
    version: int
    digest: str
    advice: str


def review_view(record: PredictionRecord, bundle: LoadedBundle | None) -> ReviewView:
    """The page for one record; without its bundle the card and the population are left out."""
    request, answer = json.loads(record.request), json.loads(record.answer)
    patient, basis = request["patient"], answer["basis"]
    labels = {f.name: f.label for f in bundle.model.features} if bundle else {}
    race = str(patient.get("clinical", {}).get("race", {}).get("value", "not_recorded"))
    return ReviewView(
        id=record.id,
        time=record.time[:16].replace("T", " ") + " UTC",
        patient_id=record.patient_id,
        drug=sentence(answer["drug"]),
        outcome=spoken(answer["outcome"]),
        headline=_headline(answer),
        band=_band(answer, bundle),
        notices=_notices(answer),
        waterfall=_waterfall(answer, patient),
        facts=_facts(patient),
        filled=_labelled([*basis["imputed"]], labels),
        read_as_no=_labelled(basis["unrecorded_as_absent"], labels),
        performance=_performance(bundle, race),
        group=spoken(race),
        card=_card(bundle),
        study=record.study,
        version=record.version,
        digest=record.digest,
        advice=answer["advice"],
    )


def _headline(answer: Json) -> Headline:
    value, interval = answer["value"], answer["interval"]
    if value is None:
        return Headline(None, unit(answer["unit"]), "", "", "")
    daily = f"about {number(value / 7)} mg a day" if answer["unit"] == "mg/wk" else ""
    level = f"{100 * interval['level']:g}%"
    return Headline(
        number(value), unit(answer["unit"]), daily, _interval(interval, unit(answer["unit"])), level
    )


def _interval(interval: Json, words: str) -> str:
    match interval["lower"], interval["upper"]:
        case None, None:
            return "unbounded"
        case None, upper:
            return f"up to {number(upper)} {words}"
        case lower, None:
            return f"{number(lower)} {words} or more"
        case lower, upper:
            return f"{number(lower)} to {number(upper)} {words}"


def _band(answer: Json, bundle: LoadedBundle | None) -> Band | None:
    if bundle is None or answer["value"] is None:
        return None
    found = _mapping(bundle.reference.get("outcome"))
    quantiles = {float(q): float(value) for q, value in _mapping(found.get("quantiles")).items()}
    if not quantiles:
        return None
    interval = answer["interval"]
    return Band(
        answer["value"], interval["lower"], interval["upper"], quantiles, found["n"], unit(answer["unit"])
    )


def _notices(answer: Json) -> tuple[tuple[str, str], ...]:
    order = {"decline": 0, "caution": 1, "info": 2}
    listed = [n for n in answer["notices"] if n["code"] not in ("imputed", "unrecorded_as_absent")]
    listed.sort(key=lambda n: order[n["severity"]])
    return tuple((n["severity"], sentence(n["text"])) for n in listed)


def _waterfall(answer: Json, patient: Json) -> Waterfall | None:
    found = answer["explanation"]
    if found is None:
        return None
    scale = Scale(found["scale"], answer["unit"])
    blocks = blocks_of(found["features"], found.get("other_features", 0.0))
    steps = steps_of(blocks, found["base"], _calls(patient), scale)
    return Waterfall(scale, found["base"], found["margin"], steps, blocks)


def _calls(patient: Json) -> dict[str, str]:
    calls: dict[str, list[str]] = {}
    for entry in patient.get("genotypes", []):
        calls.setdefault(entry["gene"], []).append(entry.get("diplotype") or entry["alleles"])
    return {gene: own[0] if len(own) == 1 else f"{len(own)} calls" for gene, own in calls.items()}


def _facts(patient: Json) -> tuple[tuple[str, str], ...]:
    facts = []
    for entry in patient.get("genotypes", []):
        name = f"{entry['gene']} {entry['rsid']}" if "rsid" in entry else entry["gene"]
        facts.append((name, entry.get("diplotype") or entry["alleles"]))
    clinical = patient.get("clinical", {}).items()
    facts += [(sentence(spoken(name)).replace("inr", "INR"), _fact(entry)) for name, entry in clinical]
    drugs = patient.get("medications", [])
    facts += [(sentence(spoken(d["drug"])), "taken" if d["taken"] else "not taken") for d in drugs]
    return tuple(facts)


def _fact(entry: Json) -> str:
    value = entry["value"]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return spoken(value) if isinstance(value, str) else feature_value("", value, entry["unit"])


def _labelled(names: list[str], labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, name) for name in names)


def _performance(bundle: LoadedBundle | None, race: str) -> tuple[Performance, ...]:
    if bundle is None:
        return ()
    found = []
    for protocol, who in _mapping(bundle.card.get("performance")).items():
        own = _mapping(_mapping(bundle.card.get("subgroups")).get(protocol))
        group = _mapping(_mapping(own.get("race")).get(race)).get("model")
        shown = (("All patients", who.get("model")), (f"Race: {spoken(race)}", group))
        rows = tuple((name, tuple(figure(m, key) for key in _METRICS)) for name, m in shown if m)
        if rows:
            found.append(Performance(_PROTOCOLS.get(protocol, sentence(spoken(protocol))), rows))
    return tuple(found)


def _mapping(found: object) -> Json:
    return found if isinstance(found, Mapping) else {}


def _texts(found: object) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _card(bundle: LoadedBundle | None) -> Card | None:
    if bundle is None:
        return None
    card, provenance = bundle.card, bundle.manifest.provenance
    return Card(
        str(card.get("purpose", "")),
        provenance.trained_on,
        provenance.n_patients,
        _texts(card.get("limits")),
        _texts(card.get("remarks")),
    )
