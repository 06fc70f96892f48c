"""What genotypes mean for the drug, as observations of HL7's Genomics Reporting guide (STU 3).

A therapeutic implication is told of a gene that was recorded, moved the answer, and stands with the drug in
CPIC's list; it derives from the genotype as it was sent. Nothing is told of a gene that was filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from features.knowledge.evidence import GeneDrugPair, cpic_pairs
from serving.fhir.frame import Frame
from serving.fhir.terms import (
    GENOTYPE,
    IMPLICATION,
    LOINC,
    RELATED_ARTIFACT,
    TO_BE_DEFINED,
    Json,
    coding,
    concept,
)

_CATEGORIES = [
    concept(coding("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")),
    concept(coding("http://terminology.hl7.org/CodeSystem/v2-0074", "GE")),
]
_GENE_STUDIED = concept(coding(LOINC, "48018-6", "Gene studied [ID]"))
_RSID = concept(coding(LOINC, "81255-2", "dbSNP [ID]"))
_MEDICATION = concept(coding(LOINC, "51963-7", "Medication assessed [ID]"))
_EVIDENCE = concept(coding(LOINC, "93044-6", "Level of evidence"))
_CONCLUSION = concept(coding(TO_BE_DEFINED, "conclusion-string", "Conclusion Text"))


def genomic_entries(answer: Json, patient: Json, frame: Frame) -> tuple[list[Json], list[Json]]:
    """The genotypes that implications derive from, and the implications."""
    told = [
        (pair, row["explanation"], _by_gene(answer["basis"], row["explanation"])[pair.gene])
        for row in _rows(answer)
        for pair in _pairs(answer, row)
    ]
    genes = list(dict.fromkeys(pair.gene for pair, _, _ in told))
    genotypes = {gene: _genotypes(gene, patient, frame) for gene in genes}
    implications = [
        _implication(
            pair, _conclusion(pair, share, explanation["scale"]), genotypes[pair.gene], frame, number
        )
        for number, (pair, explanation, share) in enumerate(told, start=1)
    ]
    return [entry for own in genotypes.values() for entry in own], implications


def _rows(answer: Json) -> list[Json]:
    """The answers about drugs; the options of a question are treatments and carry no drug of their own."""
    if "ranked" not in answer:
        return [answer]
    return [row | {"drug": row["option"]} for row in answer["ranked"] if answer["question"] is None]


def _pairs(answer: Json, row: Json) -> Iterable[GeneDrugPair]:
    sums = _by_gene(answer["basis"], row["explanation"])
    moved = (gene for gene, share in sums.items() if share != 0.0)
    return [pair for gene in moved for pair in cpic_pairs(gene) if pair.drug == row["drug"]]


def _by_gene(basis: Json, explanation: Json | None) -> Mapping[str, float]:
    """The contributions of genes whose genotype was recorded whole, and of which nothing else is known."""
    if explanation is None:
        return {}
    known = _genes(basis["inputs_used"])
    other = _genes([*basis["imputed"], *basis["missing"]])["genotype"] | known["others"]
    sums: Mapping[str, float] = explanation["genes"]
    return {gene: share for gene, share in sums.items() if gene in known["genotype"] - other}


def _genes(features: Iterable[str]) -> Mapping[str, set[str]]:
    """The subjects of genotype features, and those of all others."""
    found: dict[str, set[str]] = {"genotype": set(), "others": set()}
    for block, subject in (name.split(".")[:2] for name in features):
        found["genotype" if block == "genotype" else "others"].add(subject)
    return found


def _genotypes(gene: str, patient: Json, frame: Frame) -> list[Json]:
    """The calls of a gene as they were sent."""
    found: list[Json] = []
    for call in patient.get("genotypes", ()):
        if call["gene"] == gene:
            rsid = call.get("rsid")
            said = call["alleles"] if rsid else call["diplotype"]
            name = f"{gene} {rsid} {said}" if rsid else f"{gene} {said}"
            components = [_component(_GENE_STUDIED, concept(text=gene))]
            components += [_component(_RSID, concept(text=rsid))] if rsid else []
            code = coding(LOINC, "84413-4", "Genotype display name")
            content = _observation(GENOTYPE, code, frame) | {
                "valueCodeableConcept": concept(text=name),
                "component": components,
            }
            found.append(frame.entry(f"genotype-{gene}-{len(found) + 1}", "Observation", content))
    return found


def _conclusion(pair: GeneDrugPair, share: float, scale: str) -> str:
    way = "raises" if share > 0.0 else "lowers"
    return (
        f"The patient's {pair.gene} genotype {way} the predicted margin for {pair.drug} "
        f"by {abs(share)!r} on the scale {scale}."
    )


def _implication(
    pair: GeneDrugPair, conclusion: str, genotypes: list[Json], frame: Frame, number: int
) -> Json:
    components = [
        {"code": _CONCLUSION, "valueString": conclusion},
        _component(_MEDICATION, concept(text=pair.drug)),
        _component(_EVIDENCE, concept(text=f"CPIC level {pair.level} ({pair.status})")),
    ]
    code = coding(TO_BE_DEFINED, "therapeutic-implication", "Therapeutic Implication")
    content = _observation(IMPLICATION, code, frame) | {
        "performer": [frame.refer("model", "Device")],
        "component": components,
    }
    if genotypes:
        derived = [{"reference": one["fullUrl"], "type": "Observation"} for one in genotypes]
        content["derivedFrom"] = derived
    if pair.guideline:
        cited = {"type": "citation", "label": "CPIC", "url": pair.guideline}
        content["extension"] = [{"url": RELATED_ARTIFACT, "valueRelatedArtifact": cited}]
    return frame.entry(f"implication-{number}", "Observation", content)


def _observation(profile: str, code: Json, frame: Frame) -> Json:
    return {
        "meta": {"profile": [profile]},
        "status": "final",
        "category": _CATEGORIES,
        "code": concept(code),
        "subject": frame.subject,
        "effectiveDateTime": frame.time,
    }


def _component(code: Json, value: Json) -> Json:
    return {"code": code, "valueCodeableConcept": value}
