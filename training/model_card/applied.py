"""The CHAI applied model card, v0.2, as the tree its XML schema asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator

from models.card import spoken
from training.model_card import sentences
from training.model_card.facts import MODEL, CardFacts, Json, metric_name
from training.model_card.items import NOT_STATED, not_applicable
from training.model_card.source_attributes import cautions, external, fairness_approach, risks

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"
_SAFETY = ("coverage90", "decided", "slope", "brier")


def applied_card(facts: CardFacts) -> dict[str, object]:
    """The children of `AppliedModelCard` in the schema's order; a list stands for a repeated element."""
    made = facts.manifest.provenance
    ethical = f"{facts.stated('inequalities')} {facts.bundle_card['advice']}"
    version = f"version {facts.version}, " if facts.version is not None else ""
    return {
        "BasicInfo": {
            "ModelName": f"{facts.study.title} ({made.study})",
            "ModelDeveloper": facts.stated("developer"),
            "DeveloperContact": facts.stated("contact"),
        },
        "ReleaseInfo": {
            "ReleaseStage": facts.stated("release_stage"),
            "ReleaseDate": made.created,
            "ReleaseVersion": f"{version}bundle {facts.digest}",
            "GlobalAvailability": facts.stated("availability"),
            "RegulatoryApproval": facts.stated("regulatory_status"),
        },
        "ModelSummary": {
            "Summary": f"{facts.study.purpose} {facts.bundle_card['purpose']}",
            "Keywords": {"Keyword": list(facts.asked.keywords) or [made.study, facts.study.outcome.drug]},
        },
        "UsesAndDirections": _uses(facts),
        "Warnings": {
            "KnownRisksAndLimitations": risks(facts),
            "KnownBiasesOrEthicalConsiderations": ethical,
            "ClinicalRiskLevel": facts.stated("risk_level"),
        },
        "TrustIngredients": {"AISystemFacts": _system(facts), "TransparencyInformation": _openness(facts)},
        "KeyMetrics": _metrics(facts),
        "Resources": {
            "EvaluationReferences": "The evaluation document and figures of the run that made this bundle.",
            "ClinicalTrial": facts.stated("registration"),
            "PeerReviewedPublications": "; ".join(facts.asked.publications) or facts.stated("publications"),
            "PatientConsentOrDisclosure": facts.stated("consent"),
        },
        "Bibliography": "; ".join([made.trained_on, *facts.asked.publications]),
    }


def _uses(facts: CardFacts) -> dict[str, object]:
    return {
        "IntendedUseAndWorkflow": facts.asked.intended_use or facts.study.purpose,
        "PrimaryIntendedUsers": facts.stated("intended_users"),
        "HowToUse": f"rxplain predict, or POST /v1/predict of rxplain serve. {facts.bundle_card['advice']}",
        "TargetedPatientPopulation": facts.stated("population"),
        "CautionedOutOfScopeSettings": cautions(facts),
    }


def _system(facts: CardFacts) -> dict[str, object]:
    return {
        "OutcomesAndOutputs": sentences.predicted(facts),
        "ModelType": sentences.learning(facts),
        "FoundationModels": not_applicable("no foundation model is used."),
        "InputDataSource": facts.manifest.provenance.trained_on,
        "OutputAndInputDataTypes": f"Input: {sentences.features_told(facts)} Output: numbers with intervals.",
        "DevelopmentDataCharacterization": " ".join(
            [
                sentences.learned_from(facts),
                sentences.eligibility(facts),
                sentences.demographics_of_patients(facts),
            ]
        ),
        "BiasMitigationApproaches": fairness_approach(facts),
        "OngoingMaintenance": f"{facts.stated('monitoring')} {facts.stated('updates')}",
        "Security": facts.stated("security"),
        "Transparency": "Every answer carries every feature's exact contribution and the bundle's digest.",
    }


def _openness(facts: CardFacts) -> dict[str, object]:
    return {
        "FundingSource": facts.stated("funding"),
        "ThirdPartyInformation": facts.manifest.provenance.trained_on,
        "StakeholdersConsulted": facts.stated("stakeholders"),
    }


def _metrics(facts: CardFacts) -> dict[str, object]:
    gates = (
        "; ".join(f"{gate['name']}: {gate['asked']}" for gate in facts.gates) or f"{NOT_STATED} (no gate)."
    )
    useful = list(_figures(facts, useful=True))
    safe = [*_figures(facts, useful=False), *_judged(facts)]
    fair = list(_by_group(facts))
    why = "Comparators see the same splits; intervals are of 95%."
    groups = [gate.name for gate in facts.study.gates if gate.figure.startswith("subgroups.")]
    even = "; ".join(groups) or f"{NOT_STATED} (no gate looks at groups)."
    return {
        "UsefulnessUsabilityEfficacy": _metric(facts, gates, useful, sentences.comparators_told(facts), why),
        "FairnessEquity": _metric(facts, even, fair, *_fair(facts)),
        "SafetyReliability": _metric(facts, gates, safe, _gates_told(facts), why),
    }


def _metric(facts: CardFacts, goal: str, results: list[Json], said: str, why: str) -> dict[str, object]:
    none = {"Label": "none", "ValueJson": json.dumps(not_applicable("nothing of this kind was measured."))}
    return {
        "MetricGoal": goal,
        "Results": {"MetricResult": results or [none]},
        "Interpretation": said,
        "TestType": f"Internal validation. {external(facts)}",
        "TestingDataDescription": sentences.learned_from(facts),
        "ValidationProcessAndJustification": f"{sentences.protocols_told(facts)} {why}",
    }


def _fair(facts: CardFacts) -> tuple[str, str]:
    return sentences.gaps(facts), "Groups of fewer than ten patients are left out."


def _figures(facts: CardFacts, *, useful: bool) -> Iterator[Json]:
    for protocol, whos in facts.protocols.items():
        for who, found in whos.items():
            for metric, figure in found.items():
                if useful != (metric in _SAFETY) and (useful or who == MODEL):
                    name = metric_name(metric, facts.unit)
                    yield _result(f"{spoken(protocol)}: {spoken(who)}: {name}", figure)


def _by_group(facts: CardFacts) -> Iterator[Json]:
    for protocol, variables in facts.subgroups.items():
        for variable, levels in variables.items():
            for level, own in levels.items():
                told = {"n": own.get("n"), **own.get(MODEL, {})}
                yield _result(f"{spoken(protocol)}: {spoken(variable)}: {spoken(level)}", told)
    if "equity" in facts.document:
        yield _result("equity", facts.document["equity"])


def _judged(facts: CardFacts) -> Iterator[Json]:
    for gate in facts.gates:
        told = {name: gate[name] for name in ("asked", "found", "passed")}
        yield _result(f"gate: {gate['name']}", told)


def _gates_told(facts: CardFacts) -> str:
    missed = [gate["name"] for gate in facts.gates if not gate["passed"]]
    passed = f"{len(facts.gates) - len(missed)} of {len(facts.gates)} gates of the study passed."
    return f"{passed} Missed: {'; '.join(missed)}." if missed else passed


def _result(label: str, value: object) -> Json:
    return {"Label": label, "ValueJson": json.dumps(value, sort_keys=True, allow_nan=False)}
