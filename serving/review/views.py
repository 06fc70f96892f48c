"""What a review page says of one answer, as plain data before any HTML: from the record, and the bundle."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.bundle import LoadedBundle
from serving.review.card_view import Told, mapping, told_of
from serving.review.explained import by_feature
from serving.review.facts import Fact, calls_of, facts_of
from serving.review.measure import Measure
from serving.review.standing import Context
from serving.review.steps import Block, Scale, Step, blocks_of, steps_of
from serving.review.unused import Unused, unused_of
from serving.review.words import number, sentence, spoken
from serving.store.records import PredictionRecord

_MOST_NAMED = 20
_ORDER = {"decline": 0, "caution": 1, "info": 2}
_TOLD_APART = ("imputed", "unrecorded_as_absent")

Json = Mapping[str, Any]  # Any: a record as it was written, whose version of the schema may be older
Notices = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """Whose answer it is, when it was given and by what."""

    id: str
    time: str
    patient_id: str
    study: str
    version: int
    digest: str
    advice: str


@dataclass(frozen=True, slots=True)
class Headline:
    """The answer: the number, its unit, its interval in words, and what can be ruled out."""

    value: str | None
    unit: str
    daily: str
    interval: str
    level: str
    possible: str


@dataclass(frozen=True, slots=True)
class Band:
    """The interval beside the training population; ends of None are unbounded, `n` patients.

    `mean` is that of their outcomes, of an event its base rate; None where it is not told. `ghost` is an
    answer before a change, with its ends.
    """

    measure: Measure
    value: float
    lower: float | None
    upper: float | None
    quantiles: Mapping[float, float]
    mean: float | None
    n: int
    ghost: tuple[float, float | None, float | None] | None = None

    @property
    def median(self) -> float | None:
        """What half of the patients trained on lie below, if it is told."""
        return self.quantiles.get(0.5)

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """The same as pairs of what and how much, for a table beside the picture."""
        told = [("Estimate", self.measure.said(self.value))]
        told.append(("Interval", self.measure.interval(self.lower, self.upper)))
        if self.measure.is_probability:
            mean = [] if self.mean is None else [("Base rate among patients trained on", self.mean)]
        else:
            mean = [(_quantile(q), value) for q, value in sorted(self.quantiles.items())]
        return (*told, *((name, self.measure.said(value)) for name, value in mean))


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The steps from `base` to `margin`, the scale they add up on, and the groups behind them."""

    measure: Measure
    scale: Scale
    base: float
    margin: float
    steps: tuple[Step, ...]
    blocks: tuple[Block, ...]
    ends: tuple[str, str] = ("Typical patient", "This patient")


@dataclass(frozen=True)
class ReviewView:
    """The whole page of one answer; `option` is the treatment asked about, where that is a question."""

    record: Record
    measure: Measure
    drug: str
    option: str
    headline: Headline
    band: Band | None
    notices: Notices
    waterfall: Waterfall | None
    facts: tuple[Fact, ...]
    filled: str
    read_as_no: str
    unused: Unused
    model: Told


def review_view(record: PredictionRecord, bundle: LoadedBundle | None) -> ReviewView:
    """The page for one record; without its bundle the card and the population are left out."""
    request, answer = json.loads(record.request), json.loads(record.answer)
    patient, basis = request["patient"], answer["basis"]
    measure = Measure.of(answer, answer["unit"])
    labels = labels_of(bundle)
    return ReviewView(
        record=record_view(record, answer["advice"]),
        measure=measure,
        drug=sentence(answer["drug"]),
        option=spoken(answer.get("option", "")),
        headline=_headline(answer, measure),
        band=_band(answer, measure, bundle),
        notices=notices_of(answer["notices"]),
        waterfall=_waterfall(answer, measure, patient, context_of(answer, bundle)),
        facts=facts_of(patient),
        filled=labelled(basis["imputed"], labels),
        read_as_no=labelled(basis["unrecorded_as_absent"], labels),
        unused=unused_of(answer, patient, bundle),
        model=told_of(bundle, patient, measure),
    )


def context_of(answer: Json, bundle: LoadedBundle | None) -> Context:
    """What is known beside the explanation of an answer."""
    histograms = mapping(bundle.reference.get("features")) if bundle else {}
    basis = answer["basis"]
    return Context(histograms, frozenset(basis["imputed"]), frozenset(basis["unrecorded_as_absent"]))


def record_view(record: PredictionRecord, advice: str) -> Record:
    """What the head and the foot of a page say."""
    time = record.time[:16].replace("T", " ") + " UTC"
    return Record(record.id, time, record.patient_id, record.study, record.version, record.digest, advice)


def labels_of(bundle: LoadedBundle | None) -> dict[str, str]:
    """How each feature is called, by its name."""
    return {f.name: f.label for f in bundle.manifest.catalog} if bundle else {}


def notices_of(notices: Sequence[Json]) -> Notices:
    """Notices the gravest first, without those that the page tells together."""
    listed = [n for n in notices if n["code"] not in _TOLD_APART]
    listed.sort(key=lambda n: _ORDER[n["severity"]])
    return tuple((n["severity"], sentence(n["text"])) for n in listed)


def _quantile(share: float) -> str:
    if share == 0.5:
        return "Half of patients trained on, below"
    return f"{100 * share:g}% of patients trained on, below"


def labelled(names: Sequence[str], labels: Mapping[str, str]) -> str:
    """Features by their labels; very many of one block are only counted."""
    block_of = {name: name.partition(".")[0] for name in names}
    sizes = Counter(block_of.values())
    few = [labels.get(name, name) for name in names if sizes[block_of[name]] <= _MOST_NAMED]
    many = [f"{n:,} {spoken(block)} inputs" for block, n in sizes.items() if n > _MOST_NAMED]
    return ", ".join([*few, *many])


def _headline(answer: Json, measure: Measure) -> Headline:
    value, interval = answer["value"], answer["interval"]
    if value is None:
        return Headline(None, measure.unit, "", "", "", "")
    daily = f"about {number(value / 7)} mg a day" if answer["unit"] == "mg/wk" else ""
    level = f"{100 * interval['level']:g}%"
    between = measure.interval(interval["lower"], interval["upper"])
    possible = measure.possible(answer.get("possible"), interval["level"])
    return Headline(measure.figure(value), measure.unit, daily, between, level, possible)


def _band(answer: Json, measure: Measure, bundle: LoadedBundle | None) -> Band | None:
    if bundle is None or answer["value"] is None:
        return None
    found = mapping(mapping(bundle.reference.get("drugs")).get(answer["drug"]))
    found = found or mapping(bundle.reference.get("outcome"))
    quantiles = {float(q): float(value) for q, value in mapping(found.get("quantiles")).items()}
    if not quantiles:
        return None
    interval, mean = answer["interval"], found.get("mean")
    ends = interval["lower"], interval["upper"]
    return Band(measure, answer["value"], *ends, quantiles, mean, found["n"])


def _waterfall(answer: Json, measure: Measure, patient: Json, context: Context) -> Waterfall | None:
    found = by_feature(answer)
    if found is None:
        return None
    scale = Scale(found["scale"], answer["unit"])
    blocks = blocks_of(found["features"], found.get("other_features", 0.0), context)
    steps = steps_of(blocks, found["base"], calls_of(patient), scale, measure)
    return Waterfall(measure, scale, found["base"], found["margin"], steps, blocks)
