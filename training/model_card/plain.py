"""The card's summary for everybody: few rows, plain words, every number with what it means."""

from __future__ import annotations

from models.card import spoken
from training.model_card import sentences
from training.model_card.facts import MODEL, CardFacts, Json, figure_text, metric_name
from training.model_card.items import NOT_APPLICABLE
from training.model_card.source_attributes import cautions, external

_NO_CARD = (
    "The study has no [card] section: who answers for it, whom it is for, who paid and how it is kept up are "
    "not stated."
)


def summary(facts: CardFacts) -> list[tuple[str, str]]:
    """Rows of (label, sentences), in the order a reader asks."""
    rows = [
        ("What it does", facts.study.purpose),
        ("Learned from", sentences.learned_from(facts)),
        ("What it reads", f"{sentences.features_told(facts)} {_demographics(facts)}"),
        *_performance(facts),
        ("Groups of patients", _groups(facts)),
        ("Tried elsewhere", _elsewhere(facts)),
        ("Not for", cautions(facts)),
        ("Asked before release", _gates(facts)),
        ("Regulatory status", facts.stated("regulatory_status")),
        ("Who answers for it", f"{facts.stated('developer')} {facts.stated('contact')}"),
    ]
    return rows if facts.study.card else [("Please note", _NO_CARD), *rows]


def _performance(facts: CardFacts) -> list[tuple[str, str]]:
    rows = []
    for protocol, whos in facts.protocols.items():
        own = whos.get(MODEL, {})
        told = [_meaning(facts, own), _beside(facts, whos), _held(facts, own)]
        rows.append((f"How good, {_held_out(facts, protocol)}", " ".join(text for text in told if text)))
    return rows


def _held_out(facts: CardFacts, name: str) -> str:
    asked = {protocol.name: protocol for protocol in facts.study.protocols}.get(name)
    if asked is None:
        return spoken(name)
    ways = {
        "random": f"with {asked.test_share:.0%} of patients held out",
        "folds": f"over {asked.folds} folds",
        "group": f"at a {spoken(asked.group)} not seen before",
    }
    return ways.get(asked.kind, spoken(name))


def _meaning(facts: CardFacts, own: Json) -> str:
    metric = facts.leading
    text = figure_text(own.get(metric), metric)
    if not text:
        return "Its leading figure was not told."
    if metric == "auc":
        return (
            f"AUC {text}: of a patient with {facts.study.outcome.event} and one without, it puts the right "
            f"one first in about {own['auc']['value']:.0%} of all such pairs; guessing reaches 50%."
        )
    if metric == "mae":
        return f"On average it is off by {text} {facts.unit}".rstrip() + "."
    return f"Order of patients under a drug: mean rank correlation {text}; 1 is perfect, 0 is guessing."


def _beside(facts: CardFacts, whos: Json) -> str:
    metric = facts.leading
    others = {who: own[metric]["value"] for who, own in whos.items() if who != MODEL and metric in own}
    if not others:
        return "It was compared with nothing simpler."
    best = min(others, key=lambda who: others[who] if metric == "mae" else -others[who])
    text = figure_text(whos[best][metric], metric)
    return f"The best of {len(others)} comparators, {spoken(best)}, reaches {text}."


def _held(facts: CardFacts, own: Json) -> str:
    text = figure_text(own.get("coverage90"), "coverage90")
    what = "sets of possible outcomes" if facts.study.outcome.is_binary else "intervals"
    value, bracket, rest = text.partition(" (")
    return f"Its 90% {what} hold what happened in {value}% of patients{bracket}{rest}." if text else ""


def _demographics(facts: CardFacts) -> str:
    used = sentences.demographics_used(facts).partition(". ")[0].removeprefix("Used: ")
    return f"Of race, sex, age and the like it reads: {used}."


def _groups(facts: CardFacts) -> str:
    told = list(sentences.gaps_by_variable(facts))
    if not told:
        return f"Not measured: {sentences.gaps(facts).removeprefix(NOT_APPLICABLE)}"
    return "\n".join([f"By {metric_name(facts.leading, facts.unit)}; more under Figures.", *told])


def _elsewhere(facts: CardFacts) -> str:
    told = external(facts)
    return f"No: {told.removeprefix(NOT_APPLICABLE)}" if told.startswith(NOT_APPLICABLE) else told


def _gates(facts: CardFacts) -> str:
    missed = [str(gate["name"]) for gate in facts.gates if not gate["passed"]]
    if not facts.gates:
        return "Nothing: the study sets no gate."
    told = f"{len(facts.gates) - len(missed)} of {len(facts.gates)} demands of the study were met."
    return f"{told} Missed: {'; '.join(missed)}." if missed else told
