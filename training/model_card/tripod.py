"""The items of TRIPOD+AI (doi:10.1136/bmj-2023-078378), answered from the facts."""

from __future__ import annotations

from models.card import METRICS
from training.model_card import sentences
from training.model_card.facts import MODEL, CardFacts, joined, metric_name
from training.model_card.items import Answer, Item, not_applicable, read_items
from training.model_card.source_attributes import external, fairness_approach, risks

CITATION = "Collins et al., BMJ 2024;385:e078378, doi:10.1136/bmj-2023-078378"
TABLE = "tripod_ai.csv"
_CARD = "study [card]"


def tripod_items(facts: CardFacts) -> tuple[Item, ...]:
    """Every item and part of an item, in order."""
    parts = (_front, _participants, _predictors, _analysis, _fairness, _open_science, _results, _discussion)
    answers: dict[str, Answer] = {}
    for part in parts:
        answers |= part(facts)
    return read_items(TABLE, answers)


def _front(facts: CardFacts) -> dict[str, Answer]:
    both = "Development, and evaluation on patients held out of it"
    title = f"{both}: {facts.study.title}. {sentences.predicted(facts)}"
    use = facts.asked.intended_use or facts.study.purpose
    compared = f"Compared with: {sentences.comparators_told(facts)}"
    return {
        "1": Answer(title, "study title, [outcome]"),
        "2": Answer(f"{sentences.learned_from(facts)} {sentences.validity(facts)}", "this card, the summary"),
        "3a": Answer(f"{use} {compared}", "study purpose; evaluation"),
        "3b": Answer(f"{facts.stated('population')} {facts.stated('intended_users')}", _CARD),
        "3c": Answer(facts.stated("inequalities"), _CARD),
        "4": Answer(f"{both}. {facts.study.purpose}", "study purpose"),
    }


def _participants(facts: CardFacts) -> dict[str, Answer]:
    made = facts.manifest.provenance
    return {
        "5a": Answer(
            f"{sentences.learned_from(facts)} {facts.stated('data_rationale')}", f"manifest, {_CARD}"
        ),
        "5b": Answer(facts.stated("dates"), _CARD),
        "6a": Answer(f"{facts.stated('centres')} {facts.stated('setting')}", _CARD),
        "6b": Answer(sentences.eligibility(facts), "study [population]"),
        "6c": Answer(facts.stated("treatments"), _CARD),
        "7": Answer(
            "Every fault of the cohort is told before anything is learned; units are converted at the doors; "
            f"alike for all patients. The cohort's fingerprint is {made.cohort_fingerprint}.",
            "rxplain check; manifest",
        ),
        "8a": Answer(f"{sentences.predicted(facts)} {facts.stated('outcome_assessment')}", f"study, {_CARD}"),
        "8b": Answer(facts.stated("outcome_assessment"), _CARD),
        "8c": Answer(facts.stated("outcome_assessment"), _CARD),
    }


def _predictors(facts: CardFacts) -> dict[str, Answer]:
    named = f"The study names {len(facts.study.features)} features or patterns of them"
    floor = (
        f"a gene is taken where {facts.study.spec.least_patients} patients have it" if _is_open(facts) else ""
    )
    settled = "Whether that list was settled while looking at these patients is told among the limitations."
    chosen = f"{named}{'; ' + floor if floor else ''}. What is chosen after is chosen in training. {settled}"
    return {
        "9a": Answer(chosen, "study [spec]"),
        "9b": Answer(
            f"{sentences.features_told(facts)} Each with label and unit in the manifest.", "manifest"
        ),
        "9c": Answer(facts.stated("predictor_assessment"), _CARD),
        "10": Answer(
            f"All {facts.manifest.provenance.n_patients:,} eligible patients of the source were used. "
            f"{facts.stated('sample_size')}",
            f"manifest, {_CARD}",
        ),
        "11": Answer(sentences.missing_told(facts), "study [spec], [model]"),
    }


def _analysis(facts: CardFacts) -> dict[str, Answer]:
    found = {m for whos in facts.protocols.values() for m in whos.get(MODEL, {})}
    named = joined([metric_name(m, facts.unit) for m in METRICS if m in found])
    clusters = f"Whole groups are held out: {joined(facts.grouped)}." if facts.grouped else ""
    return {
        "12a": Answer(sentences.protocols_told(facts), "study [[protocols]]"),
        "12b": Answer(
            "Scales, and what fills missing values, are learned within each training part; products and "
            "logarithms are those the study names.",
            "study [spec]; features/derived.py",
        ),
        "12c": Answer(sentences.learning(facts), "study; README, How it learns"),
        "12d": Answer(
            clusters or not_applicable("no protocol of the study holds whole groups out."), "study"
        ),
        "12e": Answer(f"{named}; with comparators of the same splits.", "evaluation; figures"),
        "12f": Answer(
            not_applicable("the model is refitted on all patients, and is not updated after."), "study"
        ),
        "12g": Answer(
            "By the same code that serves it, from the bundle's parts.", "rxplain predict, rxplain serve"
        ),
    }


def _fairness(facts: CardFacts) -> dict[str, Answer]:
    output = f"{sentences.predicted(facts)} With a 90% interval, or the set of outcomes not ruled out."
    return {
        "13": Answer(not_applicable("no weighting and no resampling of classes was used."), "study"),
        "14": Answer(fairness_approach(facts), "study subgroups, [model], [card]"),
        "15": Answer(f"{output} It sets no threshold.", "manifest outcomes"),
        "16": Answer(_same_source(facts), "evaluation"),
        "17": Answer(f"{facts.stated('ethics')} {facts.stated('consent')}", _CARD),
    }


def _same_source(facts: CardFacts) -> str:
    if facts.asked.external_validation:
        return facts.asked.external_validation
    return "None: those held out are of the same source, drawn by the protocols under 12a."


def _open_science(facts: CardFacts) -> dict[str, Answer]:
    made = facts.manifest.provenance
    return {
        "18a": Answer(facts.stated("funding"), _CARD),
        "18b": Answer(facts.stated("conflicts"), _CARD),
        "18c": Answer(
            facts.asked.protocol or "The study file is the protocol; the manifest holds it.", "manifest"
        ),
        "18d": Answer(facts.stated("registration"), _CARD),
        "18e": Answer(made.trained_on, "manifest; rxplain data list"),
        "18f": Answer(f"{facts.stated('code')} Commit {made.git_commit}.", f"manifest, {_CARD}"),
        "19": Answer(facts.stated("stakeholders"), _CARD),
    }


def _results(facts: CardFacts) -> dict[str, Answer]:
    n = facts.manifest.provenance.n_patients
    sites = facts.document.get("sites", {})
    across = f"{len(sites)} groups held out in turn are told one by one." if sites else ""
    return {
        "20a": Answer(
            f"{n:,} patients in the study. {outcome_counts(facts)}", "reference.json; rxplain check"
        ),
        "20b": Answer(sentences.demographics_of_patients(facts), "reference.json"),
        "20c": Answer(external(facts), _CARD),
        "21": Answer(f"{n:,} in the final model. {outcome_counts(facts)}", "manifest, reference.json"),
        "22": Answer(f"The bundle {facts.digest} is the whole model, as numbers.", "rxplain show; bundle"),
        "23a": Answer(f"{sentences.validity(facts)} {sentences.gaps(facts)}", "evaluation"),
        "23b": Answer(
            across or not_applicable("no protocol of the study holds whole groups out."), "evaluation"
        ),
        "24": Answer(not_applicable("the model was not updated after its evaluation."), "manifest"),
    }


def outcome_counts(facts: CardFacts) -> str:
    """How many outcomes are known, and of an event its rate; of a panel how many drugs."""
    drugs = facts.reference.get("drugs", {})
    if len(drugs) > 1:
        known = [own["n"] for own in drugs.values() if own.get("n")]
        return (
            f"{len(drugs)} drugs, each known of {min(known):,} to {max(known):,} patients." if known else ""
        )
    found = facts.reference.get("outcome", {})
    if not found.get("n"):
        return "How many outcomes are known is not told."
    mean = found.get("mean")
    told = f"The outcome is known of {found['n']:,}"
    if mean is None:
        return f"{told}."
    if facts.study.outcome.is_binary:
        return f"{told}; {facts.study.outcome.event} in {mean:.1%}."
    return f"{told}; mean {mean:.1f} {facts.unit}".rstrip() + "."


def _discussion(facts: CardFacts) -> dict[str, Answer]:
    said = " ".join(sentences.remarks(facts)) or "The evaluation remarks on nothing."
    return {
        "25": Answer(f"{said} {sentences.gaps(facts)}", "evaluation remarks"),
        "26": Answer(risks(facts), "bundle card.md, evaluation remarks"),
        "27a": Answer(sentences.missing_told(facts), "the notices beside each answer"),
        "27b": Answer(
            f"{facts.stated('intended_users')} Input is sent as a document or folder.", f"README, {_CARD}"
        ),
        "27c": Answer(facts.stated("next_steps"), _CARD),
    }


def _is_open(facts: CardFacts) -> bool:
    return any(".*" in name for name in facts.study.features)
