"""The 31 source attributes of HTI-1, 45 CFR 170.315(b)(11)(iv)(B), answered from the facts."""

from __future__ import annotations

from models.card import spoken
from training.model_card import sentences
from training.model_card.facts import CardFacts, joined
from training.model_card.items import NOT_STATED, Answer, Item, not_applicable, read_items

REGULATION = "45 CFR 170.315(b)(11)(iv)(B)"
TABLE = "source_attributes.csv"
_STUDY, _EVALUATION, _MANIFEST = "study [card]", "evaluation", "manifest"
_SAME_SOURCE = "no data of another source were used in this evaluation"


def source_attributes(facts: CardFacts) -> tuple[Item, ...]:
    """Every attribute in the regulation's order."""
    return read_items(TABLE, _purpose(facts) | _development(facts) | _performance(facts) | _upkeep(facts))


def cautions(facts: CardFacts) -> str:
    """Whom and what the model is not for: as the study states it, or what is so of every model."""
    if facts.asked.out_of_scope:
        return facts.asked.out_of_scope
    return (
        f"{NOT_STATED} ([card] out_of_scope). Whoever differs from the patients learned from is out of scope."
    )


def risks(facts: CardFacts) -> str:
    """Known risks and limits: the study's own, the bundle's, and the evaluation's remarks."""
    own = [facts.asked.risks] if facts.asked.risks else []
    return " ".join([*own, *sentences.limits(facts), *sentences.remarks(facts)])


def fairness_approach(facts: CardFacts) -> str:
    """What is done about bias by every study, and what this one states."""
    named = joined(list(map(spoken, facts.study.subgroups))) or "none"
    strata = spoken(facts.study.model.strata)
    told = f"Figures are told by group ({named}), and intervals are made within groups of {strata}."
    return f"{told} {facts.asked.fairness}".strip()


def external(facts: CardFacts) -> str:
    """What is known of patients of another source."""
    if facts.asked.external_validation:
        return facts.asked.external_validation
    held = f"; the nearest to it is {joined(list(map(spoken, facts.grouped)))}" if facts.grouped else ""
    return not_applicable(f"{_SAME_SOURCE}{held}.")


def _purpose(facts: CardFacts) -> dict[str, Answer]:
    kind = "probability" if facts.study.outcome.is_binary else "quantity"
    ranked = (
        " It also ranks treatments." if facts.manifest.question or len(facts.manifest.outcomes) > 1 else ""
    )
    return {
        "(1)(i)": Answer(f"{facts.stated('developer')} {facts.stated('contact')}", _STUDY),
        "(1)(ii)": Answer(facts.stated("funding"), _STUDY),
        "(1)(iii)": Answer(sentences.predicted(facts), "study [outcome]"),
        "(1)(iv)": Answer(
            f"Prediction: a {kind} with an interval or set and contributions.{ranked}", _MANIFEST
        ),
        "(2)(i)": Answer(facts.asked.intended_use or facts.study.purpose, "study purpose, [card]"),
        "(2)(ii)": Answer(facts.stated("population"), _STUDY),
        "(2)(iii)": Answer(facts.stated("intended_users"), _STUDY),
        "(2)(iv)": Answer(facts.asked.decision_role or f"Informs. {facts.bundle_card['advice']}", _STUDY),
        "(3)(i)": Answer(cautions(facts), _STUDY),
        "(3)(ii)": Answer(risks(facts), "bundle card.md, evaluation remarks"),
    }


def _development(facts: CardFacts) -> dict[str, Answer]:
    relevance = facts.stated("data_rationale")
    return {
        "(4)(i)": Answer(sentences.eligibility(facts), "study [population]"),
        "(4)(ii)": Answer(sentences.demographics_used(facts), "manifest catalog"),
        "(4)(iii)": Answer(sentences.demographics_of_patients(facts), "evaluation subgroups, reference.json"),
        "(4)(iv)": Answer(f"{sentences.learned_from(facts)} {relevance}", "manifest, study [card]"),
        "(5)(i)": Answer(fairness_approach(facts), "study subgroups, [model], [card]"),
        "(5)(ii)": Answer(sentences.missing_told(facts), "study [spec], [model]"),
    }


def _performance(facts: CardFacts) -> dict[str, Answer]:
    none = Answer(external(facts), _STUDY)
    return {
        "(6)(i)": none,
        "(6)(ii)": none,
        "(6)(iii)": none,
        "(6)(iv)": none,
        "(7)(i)": Answer(sentences.validity(facts), "evaluation protocols"),
        "(7)(ii)": Answer(sentences.gaps(facts), "evaluation subgroups"),
        "(7)(iii)": none,
        "(7)(iv)": none,
        "(7)(v)": Answer(_outcome_studies(facts), _STUDY),
    }


def _outcome_studies(facts: CardFacts) -> str:
    return facts.asked.outcome_studies or not_applicable(
        "the study names no evaluation of what its use does to patients' outcomes."
    )


def _upkeep(facts: CardFacts) -> dict[str, Answer]:
    local = not_applicable("a card is written before the model is used at any place; measure it there.")
    return {
        "(8)(i)": Answer(facts.stated("monitoring"), _STUDY),
        "(8)(ii)": Answer(local, _EVALUATION),
        "(8)(iii)": Answer(facts.stated("monitoring"), _STUDY),
        "(8)(iv)": Answer(local, _EVALUATION),
        "(9)(i)": Answer(facts.stated("updates"), _STUDY),
        "(9)(ii)": Answer(facts.stated("correction"), _STUDY),
    }
