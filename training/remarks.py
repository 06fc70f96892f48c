"""What an evaluation's figures say, in plain sentences chosen by the figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.study import Study

Document = Mapping[str, Any]
_HORIZON = (
    "Patients censored before the horizon are left out, not weighted: the more there are, the more the rate "
    "of {event} is overstated."
)
_SPOKEN = {"auc": "AUC is higher", "mae": "mean absolute error is lower"}
_TUNED = (
    "Settings were chosen on these same patients, held-out ones included, so the figures are somewhat "
    "optimistic; nested = true in [tuning] chooses them within each training part."
)
RECOGNIZER, FORMULA, MODEL = "site_recognizer", "iwpc_pharmacogenetic", "model"


def remarks(study: Study, document: Document) -> list[str]:
    """Sentences on the published formula, unseen sites and recognising the site, and the study's caveats."""
    sentences = []
    if FORMULA in study.comparators:
        sentences += [_against_formula(study, document, p.name) for p in study.protocols]
    sentences += _by_site(document)
    random = [p.name for p in study.protocols if p.kind == "random"]
    grouped = [p.name for p in study.protocols if p.kind == "group"]
    if RECOGNIZER in study.comparators and random and grouped:
        sentences.append(_recognizer(study, document, random[0], grouped[0]))
    sentences += [_against_simple(document, p.name) for p in study.protocols if study.outcome.is_binary]
    if study.outcome.has_horizon:
        sentences.append(_HORIZON.format(event=study.outcome.event))
    if study.tuning is not None and not study.tuning.nested:
        sentences.append(_TUNED)
    return [*sentences, *study.caveats]


def simple_remarks(document: Document) -> list[str]:
    """A sentence for each protocol under which a comparator cannot be told from the model, or is better."""
    sentences = []
    for protocol, gains in document["differences"].items():
        even = {
            who: gain for who, gain in gains.items() if gain.get("lower") is not None and gain["lower"] <= 0
        }
        if even:
            told = [
                f"{who} ({gain['value']:+.3f}; {gain['lower']:+.3f} to {gain['upper']:+.3f})"
                for who, gain in even.items()
            ]
            sentences.append(
                f"{protocol}: the model has not been shown to be better than {', '.join(told)}; in brackets "
                f"by how much its {_SPOKEN[document['leading']]}, and the 95% interval."
            )
    return sentences


def _against_simple(document: Document, protocol: str) -> str:
    """Whether the best comparator is as good: its AUC within the model's interval."""
    figures = {who: found["auc"] for who, found in document["protocols"][protocol].items() if "auc" in found}
    own = figures.pop(MODEL)
    if not figures:
        return f"{protocol}: AUC {own['value']:.3f}; there is no comparator to hold it against."
    best = max(figures, key=lambda who: figures[who]["value"])
    theirs = f"{figures[best]['value']:.3f} of the best comparator, {best}"
    told = f"{protocol}: AUC {own['value']:.3f} against {theirs}."
    if figures[best]["value"] >= own["value"]:
        return f"{told} The simpler answer is as good."
    share = document["wins"][protocol][best]
    return f"{told} The model is better in {share:.0%} of the splits."


def _error(document: Document, protocol: str, who: str) -> float:
    return float(document["protocols"][protocol][who]["mae"]["value"])


def _against_formula(study: Study, document: Document, protocol: str) -> str:
    own, other = (_error(document, protocol, who) for who in (MODEL, FORMULA))
    share = document["wins"][protocol][FORMULA]
    return (
        f"{protocol}: mean absolute error {own:.2f} {study.outcome.unit} against {other:.2f} of the IWPC "
        f"2009 pharmacogenetic formula; lower in {share:.0%} of the splits."
    )


def _by_site(document: Document) -> list[str]:
    sites = {name: found for name, found in document["sites"].items() if "coverage90" in found}
    if not sites or document.get("leading") == "auc":
        return []
    lowest = min(sites, key=lambda name: sites[name]["coverage90"])
    highest = max(sites, key=lambda name: sites[name]["coverage90"])
    low, high = (sites[name]["coverage90"] for name in (lowest, highest))
    return [
        f"At single unseen sites the 90% intervals cover from {low:.1f}% (site {lowest}, "
        f"{sites[lowest]['n']} patients) to {high:.1f}% (site {highest}, {sites[highest]['n']} patients)."
    ]


def _recognizer(study: Study, document: Document, random: str, grouped: str) -> str:
    own_random, own_unseen = (_error(document, p, MODEL) for p in (random, grouped))
    its_random, its_unseen = (_error(document, p, RECOGNIZER) for p in (random, grouped))
    figures = (
        f"{its_random:.2f} against {own_random:.2f} {study.outcome.unit} on random splits, "
        f"{its_unseen:.2f} against {own_unseen:.2f} at unseen sites"
    )
    told = f"{RECOGNIZER} reads everything and sees what was not recorded: {figures}."
    if its_random < own_random and its_unseen > own_unseen:
        return f"{told} It wins by recognising the site and loses where the site is new, so it is not served."
    if its_random < own_random:
        return (
            f"{told} It wins in both, so what the served specification leaves out should be looked at again."
        )
    return f"{told} Recognising the site gains nothing here."
