"""The report in words: what reaches what, what a simple comparator reaches, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.remarks import RECOGNIZER
from training.report_parts import Told, protocol_words
from training.report_words import MODEL, Figure, metric_name, number, said, spoken


def summary(told: Told) -> list[str]:
    """Sentences on each protocol: the model, the best simple comparator, coverage and calibration."""
    sentences = []
    for name, whos in told.protocols("protocols"):
        own = told.figure(whos.get(MODEL))
        if own is not None:
            sentences.append(f"{_opening(told, name)} {_reach(told, own)} {_beside(told, name, whos, own)}")
    return [*sentences, *_trust(told)]


def rival(told: Told, whos: Mapping[str, Any]) -> tuple[str, Figure] | None:
    """The best comparator by the leading metric, and its figure; one that reads the site is none."""
    figures = {who: told.figure(own) for who, own in whos.items() if who not in (MODEL, RECOGNIZER)}
    known = {who: own for who, own in figures.items() if own is not None}
    if not known:
        return None
    best = (min if told.is_error else max)(known, key=lambda who: float(known[who]["value"]))
    return best, known[best]


def verdict(told: Told, own: Figure, other: Figure, gained: Figure | None = None) -> str:
    """Whether the model is `better`, `not told apart` or `no better` than another figure.

    `gained` is by how much it is better on the same patients, with its interval; the two intervals alone are
    wider than that, as what is hard for one is hard for the other.
    """
    if gained is not None and gained.get("lower") is not None:
        return "better" if gained["lower"] > 0 else "not told apart" if gained["value"] > 0 else "no better"
    ours, theirs = float(own["value"]), float(other["value"])
    ahead = ours < theirs if told.is_error else ours > theirs
    if not ahead:
        return "no better"
    end = own.get("upper" if told.is_error else "lower")
    if end is None:
        return "better"
    apart = float(end) < theirs if told.is_error else float(end) > theirs
    return "better" if apart else "not told apart"


def _opening(told: Told, name: str) -> str:
    return f"With {protocol_words(told.study, name)}:"


def _reach(told: Told, own: Figure) -> str:
    unit = f" {told.unit}" if told.is_error and told.unit else ""
    ends = said(own, told.places)
    return f"{metric_name(told.leading, '', short=True)} {ends}{unit}."


def _beside(told: Told, name: str, whos: Mapping[str, Any], own: Figure) -> str:
    found = rival(told, whos)
    if found is None:
        return "There is no comparator to hold it against."
    who, figure = found
    theirs = (
        f"The best simple comparator, {spoken(who)}, reaches {number(float(figure['value']), told.places)}"
    )
    share = told.document.get("wins", {}).get(name, {}).get(who)
    kinds = {p.name: p.kind for p in told.study.protocols}
    counted = (
        "drugs" if told.study.panel is not None else "groups" if kinds.get(name) == "group" else "splits"
    )
    wins = "" if share is None else f", and the model is better in {100 * share:.0f}% of the {counted}"
    gained = told.document.get("differences", {}).get(name, {}).get(who)
    by = (
        ""
        if gained is None
        else f"{', by' if wins else '; the model is better by'} {said(gained, told.places)}"
    )
    endings = {
        "better": f"{theirs}{wins}{by}.",
        "not told apart": f"{theirs}{wins}; which is better cannot be told.",
        "no better": f"{theirs}: the simpler answer is as good or better.",
    }
    return endings[verdict(told, own, figure, gained)]


def _trust(told: Told) -> list[str]:
    sentences = []
    for name, found in told.protocols("calibration"):
        ninety = found.get("coverage", {}).get("overall", {}).get("90")
        slope = found.get("slope")
        held = "sets of possible outcomes" if told.study.outcome.is_binary else "intervals"
        parts = []
        if ninety:
            parts.append(f"90% {held} hold what was observed for {said(ninety, 1, '%')}")
        if slope:
            parts.append(f"the calibration slope is {said(slope, 2)}, where 1 is right")
        if parts:
            sentences.append(f"{_opening(told, name)} {'; '.join(parts)}.")
    return sentences
