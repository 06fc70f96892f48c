"""What the facts say in sentences: patients, features, learning, protocols and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from models.card import SMALLEST_CELL, spoken
from training.model_card.facts import MODEL, CardFacts, Json, figure_text, joined, metric_name
from training.model_card.items import not_applicable

# The variables of 45 CFR 170.315(b)(11)(iv)(A)(5) to (13), and the subjects of features that are of them.
DEMOGRAPHIC = {
    "race": ("race",),
    "ethnicity": ("ethnicity",),
    "language": ("language",),
    "sexual orientation": ("sexual_orientation",),
    "gender identity": ("gender_identity",),
    "sex": ("sex",),
    "date of birth (as age)": ("age",),
    "social determinants of health": ("social_determinants", "insurance", "education", "income", "housing"),
    "health status assessments": ("ecog", "karnofsky", "frailty"),
}
_HIGHER = {"mae": False, "brier": False}


def eligibility(facts: CardFacts) -> str:
    """Who was taken into the study, by its `[population]`."""
    asked = facts.study.population
    rules = [f"{joined(list(map(spoken, asked.require)))} recorded"] if asked.require else []
    rules += [f"{joined(list(map(spoken, group)), 'or')} recorded" for group in asked.require_any]
    if asked.require_outcomes:
        rules.append(f"{joined(list(map(spoken, asked.require_outcomes)))} known")
    if asked.outcome_below is not None:
        rules.append(f"outcome below {asked.outcome_below:g} {facts.unit}".strip())
    rules += [f"no {gene} call of {joined(list(v), 'or')}" for gene, v in asked.exclude_calls.items()]
    told = "; ".join(rules) if rules else "no rule beyond having the outcome"
    return f"Patients of the source '{facts.study.dataset}' with: {told}."


def learned_from(facts: CardFacts) -> str:
    """How many patients were learned from, and where they come from."""
    made = facts.manifest.provenance
    return f"{made.n_patients:,} patients. {made.trained_on}"


def predicted(facts: CardFacts) -> str:
    """The outcome, its scale and unit."""
    asked, n = facts.study.outcome, len(facts.manifest.outcomes)
    of = f"each of {n} drugs" if n > 1 else asked.drug
    if asked.is_binary:
        return f"The probability of {asked.event} ('{asked.name}') after {of}, between 0 and 1."
    unit = f" in {facts.unit}" if facts.unit else ", a number without unit"
    return f"{spoken(asked.name)} of {of}{unit}, between {asked.lowest:g} and {asked.highest:g}."


def features_by_block(facts: CardFacts) -> dict[str, list[str]]:
    """Labels of what the model reads, by block."""
    blocks: dict[str, list[str]] = {}
    for feature in facts.manifest.catalog:
        blocks.setdefault(_parts(feature.name)[0], []).append(feature.label)
    return blocks


def features_told(facts: CardFacts) -> str:
    """How many features of which blocks the model reads."""
    counts = Counter({block: len(labels) for block, labels in features_by_block(facts).items()})
    told = [f"{n} of {spoken(block)}" for block, n in counts.most_common()]
    return f"{sum(counts.values())} features: {joined(told)}."


def demographics_used(facts: CardFacts) -> str:
    """Which of the regulation's demographic variables are input features, and which are not."""
    subjects = {p for f in facts.manifest.catalog for p in _parts(f.name)[1:] if p}
    used = [name for name, own in DEMOGRAPHIC.items() if subjects.intersection(own)]
    unused = [name for name in DEMOGRAPHIC if name not in used]
    return f"Used: {joined(used) or 'none'}. Not used: {joined(unused) or 'none'}."


def demographics_of_patients(facts: CardFacts) -> str:
    """How many patients of each group there are, where ten or more are."""
    groups: dict[str, dict[str, int]] = {}
    for variables in facts.subgroups.values():
        for variable, levels in variables.items():
            groups.setdefault(variable, {}).update({k: v["n"] for k, v in levels.items() if "n" in v})
    strata = facts.reference.get("strata", {})
    named = {level: own.get("n") for level, own in strata.get("groups", {}).items()}
    if strata.get("variable") not in groups:
        known = {level: n for level, n in named.items() if n and level != "not_recorded"}
        groups |= {str(strata.get("variable")): known} if known else {}
    told = [
        f"{spoken(variable)}: " + ", ".join(f"{spoken(level)} {n:,}" for level, n in levels.items())
        for variable, levels in groups.items()
        if variable != "dose_third" and levels
    ]
    small = f"Groups of fewer than {SMALLEST_CELL} patients are left out; no other variable was counted."
    return f"{'; '.join(told)}. {small}" if told else f"No group was counted. {small}"


def learning(facts: CardFacts) -> str:
    """The type of model and how it was built."""
    study = facts.study
    members = [
        name
        for own, name in (
            (study.linear, "robust linear regression (Huber loss, ridge penalty)"),
            (study.ridge, "a ridge over blocks of features, whose scales are found by likelihood"),
            (study.trees, "shallow boosted trees"),
            (study.panel, "one ridge for all drugs of the panel, with factors they have in common"),
        )
        if own is not None
    ]
    kind = members[0] if len(members) == 1 else f"a weighted average on the margin of {joined(members)}"
    return (
        f"{kind[0].upper()}{kind[1:]}. What is chosen is chosen within each training part by "
        f"{study.model.inner_folds} inner folds; intervals or sets are conformal, within groups of "
        f"{spoken(study.model.strata)} where they are large enough ({study.model.minimum} patients)."
    )


def protocols_told(facts: CardFacts) -> str:
    """How patients were held out."""
    told = []
    for protocol in facts.study.protocols:
        ways = {
            "random": f"{protocol.splits} random splits with {protocol.test_share:.0%} held out",
            "folds": f"{protocol.folds} folds, dealt {protocol.splits} times",
            "group": f"every {spoken(protocol.group)} held out in turn",
            "time": f"later patients answered by what earlier ones taught, by {spoken(protocol.group)}",
            "external": f"the patients of another dataset, {protocol.dataset}",
        }
        told.append(f"{spoken(protocol.name)}: {ways.get(protocol.kind, protocol.kind)}")
    return "; ".join(told) + ". Everything was learned and chosen without those held out."


def missing_told(facts: CardFacts) -> str:
    """How missing values are handled."""
    study = facts.study
    parts = ["A missing value is filled from the training part, and a notice beside the answer says so."]
    if study.spec.absent:
        parts.append(f"{len(study.spec.absent)} features are read as no where not recorded.")
        parts += [study.spec.absent_reason] if study.spec.absent_reason else []
    if study.model.mask_blocks or study.model.masks:
        named = joined(list(map(spoken, study.model.mask_blocks))) or "germline genotypes"
        how = (
            "a model fitted without it"
            if study.model.without == "refitted"
            else "the whole model with the gap filled"
        )
        parts.append(f"A patient who lacks a whole modality ({named}) is answered by {how}.")
    needed = [joined(list(group), "or") for group in study.model.required_any]
    parts += [f"No number is given without: {'; '.join(needed)}."] if needed else []
    return " ".join(parts)


def validity(facts: CardFacts) -> str:
    """The model's figures under every protocol, with 95% intervals."""
    told = [
        f"{spoken(protocol)}: {figures_told(whos.get(MODEL, {}), facts.unit)}"
        for protocol, whos in facts.protocols.items()
    ]
    return ". ".join(told) + ". 95% intervals in brackets." if told else "No protocol was evaluated."


def figures_told(found: Json, unit: str) -> str:
    """Every figure of one row in words."""
    told = {metric: figure_text(figure, metric) for metric, figure in found.items()}
    return "; ".join(f"{metric_name(metric, unit)} {text}" for metric, text in told.items() if text)


def gaps(facts: CardFacts) -> str:
    """The worst and best group of each variable by the leading metric, or why there is none."""
    told = list(gaps_by_variable(facts))
    if not told:
        return not_applicable(
            "no group of the study's `subgroups` has ten patients or more, or none is named."
        )
    return f"By {metric_name(facts.leading, facts.unit)}. " + " ".join(told)


def gaps_by_variable(facts: CardFacts) -> Iterator[str]:
    """The best and worst group of each variable under each protocol, by the leading metric."""
    for protocol, variables in facts.subgroups.items():
        for variable, levels in variables.items():
            found = {
                level: own[MODEL][facts.leading]
                for level, own in levels.items()
                if facts.leading in own.get(MODEL, {})
            }
            known = {k: v for k, v in found.items() if v.get("value") is not None}
            if not known:
                continue
            ranked = sorted(known, key=lambda k: known[k]["value"], reverse=_HIGHER.get(facts.leading, True))
            ends = [
                f"{spoken(k)} {figure_text(known[k], facts.leading)}, {levels[k]['n']:,} patients"
                for k in ((ranked[0], ranked[-1]) if len(ranked) > 1 else ranked)
            ]
            words = f"best {ends[0]}; worst {ends[1]}" if len(ends) > 1 else ends[0]
            yield f"{spoken(protocol)}, {spoken(variable)}: {words}."


def comparators_told(facts: CardFacts) -> str:
    """The model beside every comparator, by the leading metric."""
    metric, told = facts.leading, []
    for protocol, whos in facts.protocols.items():
        own = [
            f"{spoken(who)} {figure_text(f.get(metric), metric)}" for who, f in whos.items() if metric in f
        ]
        told.append(f"{spoken(protocol)}: " + ", ".join(own))
    return f"{metric_name(metric, facts.unit)}; " + "; ".join(told) + "."


def remarks(facts: CardFacts) -> list[str]:
    """What the evaluation itself says stands out."""
    return [str(text) for text in facts.document.get("remarks", [])]


def limits(facts: CardFacts) -> list[str]:
    """The limits that the bundle's own card tells."""
    return [str(text) for text in facts.bundle_card.get("limits", [])]


def _parts(name: str) -> list[str]:
    """Block and subjects of a feature's name; of an interaction the subjects of all its parts."""
    if name.startswith("interaction."):
        inner = name.removeprefix("interaction.").split(":")
        return ["interaction", *(_parts(own)[1] for own in inner)]
    block, _, rest = name.removeprefix("log2.").partition(".")
    return [block, rest.partition(".")[0]]
