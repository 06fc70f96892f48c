"""What was missing, as FHIR DataRequirements that say by which resource and code it could be sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from features.knowledge.codes import SYSTEMS, CodedFact, drug_of_rxnorm, fhir_map
from serving.fhir.terms import GENOMICS, GENOTYPE, LOINC, OWN, RXNORM, Json, coding

MOLECULAR = ("genotype", "tumour", "expression", "signature", "interaction")
"""First words of features that tell of molecules; a caller without genomic access hears of none by name."""

_GENOTYPE_NAME = coding(LOINC, "84413-4", "Genotype display name")
_VARIANT = f"{GENOMICS}/StructureDefinition/variant"
_IN_PATIENT = {"gender": "gender", "race": "extension"}


def requirements(missing: Iterable[str], genomic: bool) -> list[Json]:
    """One requirement for each fact that features lacked; without `genomic` no gene is named."""
    found: dict[str, Json] = {}
    for name in missing:
        one = _requirement(name, genomic)
        found.setdefault(json.dumps(one), one)
    return list(found.values())


def _requirement(name: str, genomic: bool) -> Json:
    block, _, rest = name.partition(".")
    subject = rest.partition(".")[0]
    if block == "genotype":
        return _genotype(subject if genomic else None)
    if block == "tumour":
        return {"type": "Observation", "profile": [_VARIANT]}
    if block in MOLECULAR:
        return _coded("Observation", "code", [coding(f"{OWN}:feature", block)])
    if block == "medication":
        return _coded("MedicationStatement", "medication", [_drug(subject)])
    return _clinical(subject)


def _genotype(gene: str | None) -> Json:
    filters = [{"path": "code", "code": [_GENOTYPE_NAME]}]
    if gene is not None:
        filters.append({"path": "component.value", "code": [{"display": gene}]})
    return {"type": "Observation", "profile": [GENOTYPE], "codeFilter": filters}


def _clinical(subject: str) -> Json:
    """By the codes under which the bundle reader looks for the fact; failing those, by our own name."""
    facts = _coded_facts().get(subject, ())
    if not facts:
        return _coded("Observation", "code", [coding(f"{OWN}:feature", f"clinical.{subject}")])
    kind = facts[0].resource
    if kind == "Patient":
        return {"type": kind, "mustSupport": [_IN_PATIENT[facts[0].system]]}
    codes = {(fact.system, fact.code): fact for fact in facts if fact.resource == kind}
    path = "target.measure" if kind == "Goal" else "code"
    return _coded(kind, path, [coding(_uri(s), code, fact.label) for (s, code), fact in codes.items()])


def _drug(subject: str) -> Json:
    code = _rxnorm().get(subject)
    return (
        coding(f"{OWN}:feature", f"medication.{subject}") if code is None else coding(RXNORM, code, subject)
    )


def _coded(kind: str, path: str, codes: list[Json]) -> Json:
    return {"type": kind, "codeFilter": [{"path": path, "code": codes}]}


def _uri(system: str) -> str:
    return next((uri for uri, short in SYSTEMS.items() if short == system), system)


@cache
def _coded_facts() -> Mapping[str, tuple[CodedFact, ...]]:
    """The coded facts by the clinical variable that they state."""
    found: dict[str, list[CodedFact]] = {}
    for fact in fhir_map().rows:
        if fact.section == "clinical":
            found.setdefault(fact.subject, []).append(fact)
    return MappingProxyType({subject: tuple(facts) for subject, facts in found.items()})


@cache
def _rxnorm() -> Mapping[str, str]:
    """The RxCUI of an ingredient by its name here."""
    return MappingProxyType({drug: code for code, drug in drug_of_rxnorm().items()})
