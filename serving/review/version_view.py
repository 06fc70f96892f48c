"""Where a version of a model stands: in service or waiting, beside which other, and how it came to that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from features.matrix import Feature
from models.history import Event
from serving.repository import Served
from serving.review.card_view import METRICS, PROTOCOLS, Json, mapping
from serving.review.words import enumerated, figure, sentence, spoken, unit

_OURS, _MOST, _MOST_CHANGES = "model", 6, 20
Said = tuple[str, str]
"""A figure and its interval."""


@dataclass(frozen=True, slots=True)
class FigureBeside:
    """One figure of both versions; `meaning` says what it is."""

    name: str
    meaning: str
    champion: Said
    challenger: Said


@dataclass(frozen=True, slots=True)
class Beside:
    """A waiting version beside the one in service: figures by protocol, and what it reads otherwise."""

    champion: int
    protocols: tuple[tuple[str, tuple[FigureBeside, ...]], ...]
    is_same_split: bool
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the version in service, in words."""

    said: str
    when: str
    who: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class VersionView:
    """Whether the version shown answers, which other version has a page, and how the two differ.

    `changes` are those of the study, newest first; of very many the last ones.
    """

    is_served: bool
    other: int | None
    beside: Beside | None
    changes: tuple[Change, ...]


def version_view(
    served: Served, champion: Served | None, last: Served, history: Sequence[Event]
) -> VersionView:
    """The view of `served`; `champion` is in service, `last` the version that waits, or the champion."""
    changes = tuple(map(_change, history[: -_MOST_CHANGES - 1 : -1]))
    if champion is None:
        return VersionView(False, None, None, changes)
    if served.version == champion.version:
        other = last.version if last.version != served.version else None
        return VersionView(True, other, None, changes)
    return VersionView(False, champion.version, _beside(champion, served), changes)


def _change(event: Event) -> Change:
    done = "promoted" if event.what == "promote" else "taken back into service"
    before = "" if event.before is None else f", in the place of version {event.before}"
    told = {
        "Why": event.reason,
        "Held against": ", ".join(event.judged),
        "In spite of": ", ".join(event.broken),
        "Answers moved": event.explained,
    }
    facts = tuple((name, text) for name, text in told.items() if text)
    when = event.when[:16].replace("T", " ") + " UTC"
    return Change(f"Version {event.version} was {done}{before}", when, event.who, facts)


def _beside(old: Served, new: Served) -> Beside:
    splits = {one.bundle.manifest.provenance.splits_sha256 for one in (old, new)}
    return Beside(old.version, tuple(_protocols(old, new)), len(splits) == 1, tuple(_facts(old, new)))


def _protocols(old: Served, new: Served) -> Iterator[tuple[str, tuple[FigureBeside, ...]]]:
    """Protocols of either card, with the figures that either tells."""
    before, after = (mapping(one.bundle.card.get("performance")) for one in (old, new))
    measured = unit(new.bundle.manifest.outcome.unit)
    for protocol in dict.fromkeys((*after, *before)):
        own = [mapping(mapping(card.get(protocol)).get(_OURS)) for card in (before, after)]
        rows = tuple(_figures(own[0], own[1], measured))
        if rows:
            yield PROTOCOLS.get(protocol, sentence(spoken(protocol))), rows


def _figures(before: Json, after: Json, measured: str) -> Iterator[FigureBeside]:
    for key, name, decimals, meaning in METRICS:
        if key in before or key in after:
            said = name.format(unit=f", {measured}" if measured else "", kind="interval")
            yield FigureBeside(said, meaning, figure(before, key, decimals), figure(after, key, decimals))


def _facts(old: Served, new: Served) -> Iterator[tuple[str, str]]:
    n, before = (one.bundle.manifest.provenance.n_patients for one in (new, old))
    yield "Trained on", f"{n:,} patients; {before:,} before"
    known, own = (_inputs(one) for one in (old, new))
    told = (("Reads also", own, known), ("Reads no more", known, own))
    for title, here, there in told:
        labels = [sentence(feature.label) for name, feature in here.items() if name not in there]
        yield title, enumerated(labels, _MOST) or "nothing"


def _inputs(served: Served) -> dict[str, Feature]:
    return {feature.name: feature for feature in served.bundle.manifest.catalog}
