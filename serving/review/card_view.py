"""What a page tells of the model: its card, and how it did for everyone and for the patient's group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.bundle import LoadedBundle
from serving.review.facts import text_of
from serving.review.measure import Measure
from serving.review.words import figure, sentence, spoken

Json = Mapping[str, Any]  # Any: a card as it was written

PROTOCOLS = {"random_80_20": "Random 80/20 splits", "leave_one_site_out": "At sites never seen in training"}
METRICS = (
    ("mae", "Mean error{unit}", 1, "how far an answer lies from what came, on average"),
    ("within20", "Within 20%, %", 1, "of how many patients the answer lay within 20% of what came"),
    ("spearman", "Rank correlation", 2, "whether higher answers go with higher outcomes: 1 always, 0 not"),
    (
        "auc",
        "AUC",
        2,
        "how often, of two patients, the one with the event had the higher answer; 0.5 is chance",
    ),
    ("auc_within", "AUC within groups", 2, "the same, of two patients of one treatment group"),
    ("brier", "Brier score", 3, "the squared error of the chances given; 0 is perfect, lower is better"),
    (
        "slope",
        "Calibration slope",
        2,
        "1 where chances are neither too extreme (below) nor too timid (above)",
    ),
    ("coverage90", "90% {kind} holds, %", 1, "how often what came lay within; 90 is what was promised"),
)
_MOST_METRICS = 5


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


@dataclass(frozen=True, slots=True)
class Told:
    """All that a page tells of the model; `group` is the patient's, such as `race: white`.

    Each of `metrics` has its title, and what it means.
    """

    card: Card | None
    metrics: tuple[tuple[str, str], ...]
    performance: tuple[Performance, ...]
    group: str


def told_of(bundle: LoadedBundle | None, patient: Json, measure: Measure) -> Told:
    """The model beside the patient; nothing but an empty page where the bundle is gone."""
    if bundle is None:
        return Told(None, (), (), "")
    variable = bundle.manifest.strata
    text = text_of(patient, variable)
    found = list(_protocols(bundle, variable, text))
    shown = [m for m in METRICS if any(m[0] in figures for _, rows in found for _, figures in rows)]
    shown = shown[:_MOST_METRICS]
    performance = tuple(
        Performance(
            title, tuple((who, tuple(figure(f, key, n) for key, _, n, _ in shown)) for who, f in rows)
        )
        for title, rows in found
    )
    unit = f", {measure.unit}" if measure.unit else ""
    kind = "set" if measure.is_probability else "interval"
    titles = tuple((title.format(unit=unit, kind=kind), meaning) for _, title, _, meaning in shown)
    return Told(_card(bundle), titles, performance, f"{spoken(variable)}: {spoken(text)}")


_Rows = list[tuple[str, Json]]


def _protocols(bundle: LoadedBundle, variable: str, text: str) -> list[tuple[str, _Rows]]:
    found = []
    for protocol, who in mapping(bundle.card.get("performance")).items():
        own = mapping(mapping(bundle.card.get("subgroups")).get(protocol))
        group = mapping(mapping(own.get(variable)).get(text)).get("model")
        pairs = (("All patients", mapping(who).get("model")), (_group(variable, text), group))
        rows = [(name, mapping(figures)) for name, figures in pairs if figures]
        if rows:
            found.append((PROTOCOLS.get(protocol, sentence(spoken(protocol))), rows))
    return found


def _group(variable: str, text: str) -> str:
    return f"{sentence(spoken(variable))}: {spoken(text)}"


def _card(bundle: LoadedBundle) -> Card:
    card, provenance = bundle.card, bundle.manifest.provenance
    purpose, limits, remarks = (card.get(name) for name in ("purpose", "limits", "remarks"))
    told = str(purpose or ""), provenance.trained_on, provenance.n_patients
    return Card(*told, _texts(limits), _texts(remarks))


def mapping(found: object) -> Json:
    """The object, or an empty one where something else stands."""
    return found if isinstance(found, Mapping) else {}


def _texts(found: object) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, list) else ()
