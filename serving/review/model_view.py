"""What the page of one model says: how well it does, for whom, beside what, and what it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from features.knowledge.evidence import GeneDrugPair
from features.matrix import Feature
from serving.repository import Served
from serving.review.card_view import METRICS, PROTOCOLS, mapping
from serving.review.models_view import ModelView, model_view
from serving.review.words import figure, percent, sentence, spoken, unit

OURS = "model"
_LEADING = ("mae", "auc", "spearman")
_COVERAGE = "coverage90"
_MOST_FEATURES = 60

Json = Mapping[str, Any]  # Any: a card as it was written


@dataclass(frozen=True, slots=True)
class Judged:
    """One row of a forest: who is judged, or of whom, and the figure with its interval, also in words."""

    name: str
    is_ours: bool
    value: float
    lower: float
    upper: float
    said: str
    between: str
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Forest:
    """Rows of one figure on one axis; `meaning` says what it is, `line` where everyone lies, or a promise."""

    title: str
    metric: str
    meaning: str
    rows: tuple[Judged, ...]
    line: float | None = None


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One input as it was among the patients trained on; without a histogram too few had it."""

    label: str
    gene: str
    unit: str
    missing: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]

    @property
    def words(self) -> str:
        """How many have it, or between which values most lie."""
        if self.edges == (0.5,):
            return f"{percent(self.shares[1])} yes"
        return f"{self.edges[0]:.3g} to {self.edges[-1]:.3g}" if len(self.edges) > 2 else ""

    @property
    def has_picture(self) -> bool:
        """Whether there is more to see than can be said in a word."""
        return len(self.edges) > 1


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of one block; of very many the first are told, and how many there are."""

    title: str
    n: int
    rows: tuple[FeatureRow, ...]


@dataclass(frozen=True)
class ModelPage:
    """The page of one model in service."""

    model: ModelView
    trained_on: str
    remarks: tuple[str, ...]
    beside: tuple[Forest, ...]
    groups: tuple[Forest, ...]
    inputs: tuple[Inputs, ...]
    evidence: tuple[GeneDrugPair, ...]


def model_page(served: Served) -> ModelPage:
    """The page from the card, the aggregates and the manifest of the bundle in service."""
    bundle = served.bundle
    card, measured = bundle.card, unit(bundle.manifest.outcome.unit)
    remarks = card.get("remarks")
    return ModelPage(
        model=model_view(served),
        trained_on=bundle.manifest.provenance.trained_on,
        remarks=tuple(map(str, remarks)) if isinstance(remarks, list) else (),
        beside=tuple(_beside(card, measured)),
        groups=tuple(_groups(card, measured)),
        inputs=tuple(_inputs(bundle.manifest.catalog, mapping(bundle.reference.get("features")))),
        evidence=served.evidence,
    )


def _beside(card: Json, measured: str) -> Iterator[Forest]:
    """The model among its comparators, a forest for each protocol."""
    for protocol, who in mapping(card.get("performance")).items():
        metric = _leading(mapping(who))
        if metric:
            rows = [_judged(_called(name), name == OURS, mapping(own), metric) for name, own in who.items()]
            told = sorted((row for row in rows if row), key=lambda row: not row.is_ours)
            yield _forest(_protocol(protocol), metric, tuple(told), measured)


def _groups(card: Json, measured: str) -> Iterator[Forest]:
    """The model's own figures by group: the leading one, and what its intervals hold."""
    for protocol, variables in mapping(card.get("subgroups")).items():
        who = mapping(mapping(card.get("performance")).get(protocol))
        for metric in filter(None, (_leading(who), _COVERAGE)):
            whole = mapping(mapping(who.get(OURS)).get(metric)).get("value")
            rows = [
                _judged(
                    f"{sentence(spoken(variable))}: {spoken(group)}", True, mapping(own), metric, who.get("n")
                )
                for variable, groups in mapping(variables).items()
                for group, who in mapping(groups).items()
                if (own := mapping(who).get(OURS))
            ]
            told = tuple(row for row in rows if row)
            if told:
                yield _forest(_protocol(protocol), metric, told, measured, whole)


def _leading(who: Json) -> str:
    own = mapping(who.get(OURS))
    return next((name for name in _LEADING if name in own), "")


def _judged(name: str, is_ours: bool, own: Json, metric: str, n: int | None = None) -> Judged | None:
    found = mapping(own.get(metric))
    ends = [found.get(end) for end in ("value", "lower", "upper")]
    if not all(isinstance(end, int | float) for end in ends):
        return None
    value, lower, upper = map(float, ends)  # type: ignore[arg-type]
    said, between = figure(own, metric, _decimals(metric))
    return Judged(name, is_ours, value, lower, upper, said, between, n)


def _forest(
    title: str, metric: str, rows: tuple[Judged, ...], measured: str, whole: float | None = None
) -> Forest:
    _, name, _, meaning = next(one for one in METRICS if one[0] == metric)
    said = name.format(unit=f", {measured}" if measured else "", kind="interval")
    return Forest(title, said, meaning, rows, 90.0 if metric == _COVERAGE else whole)


def _decimals(metric: str) -> int:
    return next(one[2] for one in METRICS if one[0] == metric)


def _protocol(name: str) -> str:
    return PROTOCOLS.get(name, sentence(spoken(name)))


def _called(name: str) -> str:
    return "This model" if name == OURS else sentence(spoken(name))


def _inputs(catalog: tuple[Feature, ...], reference: Json) -> Iterator[Inputs]:
    ordered = sorted(catalog, key=lambda feature: feature.block)
    for block, own in groupby(ordered, key=lambda feature: feature.block):
        told = list(own)
        rows = tuple(_feature(one, mapping(reference.get(one.name))) for one in told[:_MOST_FEATURES])
        yield Inputs(sentence(spoken(block)), len(told), rows)


def _feature(feature: Feature, known: Json) -> FeatureRow:
    missing = known.get("missing_share")
    return FeatureRow(
        sentence(feature.label),
        feature.gene or "",
        unit(feature.unit),
        percent(missing) if missing else "none" if missing == 0 else "\N{EN DASH}",
        tuple(known.get("edges", ())),
        tuple(known.get("shares", ())),
    )
