"""The JSON Schema of a patient document, and an example that a specification can be tried with."""

from __future__ import annotations

from typing import Any

from features.calls import LONGEST_CALL, STAR_ALLELE, is_star_allele
from features.encode import FeatureSpec
from features.knowledge.tables import (
    ClinicalVariable,
    Snp,
    alleles,
    clinical_variables,
    drugs,
    interaction_classes,
    snps,
    star_allele_genes,
)
from features.synthetic import probe_documents
from features.units import FACTORS, accepted_units

Schema = dict[str, Any]

USED_BY = "x-rxplain-features"
"""Beside an input, the features of the model that are read from it; absent when none is."""

_DAY = {"type": "number", "maximum": 0, "description": "days from the start of treatment"}
_OPEN_DAY = {"type": ["number", "null"], "description": "days from the start of treatment; null is unknown"}


def patient_schema(spec: FeatureSpec, longest_id: int) -> Schema:
    """What a document may hold; inputs that the specification reads name the features they serve."""
    used = _users(spec)
    properties: dict[str, Schema] = {
        "patient_id": {"type": "string", "minLength": 1, "maxLength": longest_id},
        "genotypes": {"type": "array", "items": {"oneOf": [*_diplotypes(used), *_snps(used)]}},
        "clinical": _object({v.name: _clinical(v, used) for v in clinical_variables().values()}, ()),
        "medications": {"type": "array", "items": _medication(), "description": _classes(used)},
    }
    head: Schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Patient"}
    return head | _object(properties, ("patient_id",)) | {"examples": [example_document(spec)]}


def example_document(spec: FeatureSpec) -> dict[str, object]:
    """A synthetic patient with everything the specification reads and nothing else."""
    used, whole = _users(spec), probe_documents()[0]
    return {
        "patient_id": "example-1",
        "genotypes": [g for g in whole["genotypes"] if f"genotypes/{g.get('rsid', g['gene'])}" in used],
        "clinical": {name: fact for name, fact in whole["clinical"].items() if f"clinical/{name}" in used},
        "medications": [m for m in whole["medications"] if _classes_of(m["drug"]) & used.keys()],
    }


def _users(spec: FeatureSpec) -> dict[str, list[str]]:
    used: dict[str, list[str]] = {}
    for feature, inputs in spec.inputs.items():
        for source in inputs:
            used.setdefault(source, []).append(feature)
    return used


def _classes_of(drug: str) -> set[str]:
    return {f"medications/{group.name}" for group in interaction_classes().values() if drug in group.drugs}


def _object(properties: dict[str, Schema], required: tuple[str, ...]) -> Schema:
    shape: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return shape | ({"required": list(required)} if required else {})


def _marked(schema: Schema, source: str, used: dict[str, list[str]]) -> Schema:
    return schema | ({USED_BY: used[source]} if source in used else {})


def _diplotypes(used: dict[str, list[str]]) -> list[Schema]:
    shapes = (
        (gene, _object({"gene": {"const": gene}, "diplotype": _diplotype(gene)}, ("gene", "diplotype")))
        for gene in star_allele_genes()
    )
    return [_marked(shape, f"genotypes/{gene}", used) for gene, shape in shapes]


def _diplotype(gene: str) -> Schema:
    text: Schema = {"type": "string", "maxLength": LONGEST_CALL}
    others = [name for name in alleles(gene) if not is_star_allele(name)]
    if others:
        return text | {
            "description": f"two of CPIC's names with '/' between, such as '{others[0]}/{others[1]}'"
        }
    return text | {"pattern": f"^{STAR_ALLELE}/{STAR_ALLELE}$"}


def _snps(used: dict[str, list[str]]) -> list[Schema]:
    return [_marked(_snp(snp), f"genotypes/{snp.rsid}", used) for snp in snps().values()]


def _snp(snp: Snp) -> Schema:
    alleles = {
        "enum": [f"{first}/{second}" for first in snp.alleles for second in snp.alleles],
        "description": f"forward-strand (GRCh38) alleles of {snp.gene} {snp.gene_strand_name}",
    }
    shape: dict[str, Schema] = {"gene": {"const": snp.gene}, "rsid": {"const": snp.rsid}, "alleles": alleles}
    return _object(shape, tuple(shape))


def _clinical(variable: ClinicalVariable, used: dict[str, list[str]]) -> Schema:
    if variable.kind == "quantity":
        value: Schema = {"type": "number", "description": _range(variable)}
        unit: Schema = {"enum": list(accepted_units(variable.name)), "description": "UCUM code"}
        shape = _object({"value": value, "unit": unit, "day": _DAY}, ("value", "unit"))
    else:
        value = {"type": "boolean"} if variable.kind == "flag" else {"enum": list(variable.categories)}
        shape = _object({"value": value, "day": _DAY}, ("value",))
    return _marked({"title": variable.label} | shape, f"clinical/{variable.name}", used)


def _range(variable: ClinicalVariable) -> str:
    units = [code for code in FACTORS[variable.unit] if code != variable.unit]
    others = f" (other units are converted: {', '.join(units)})" if units else ""
    return f"between {variable.low:g} and {variable.high:g} {variable.unit}{others}"


def _medication() -> Schema:
    shape: dict[str, Schema] = {
        "drug": {"enum": sorted(drugs())},
        "taken": {"type": "boolean", "description": "false says known not to be taken"},
        "start_day": _OPEN_DAY,
        "stop_day": _OPEN_DAY,
    }
    return _object(shape, ("drug", "taken"))


def _classes(used: dict[str, list[str]]) -> str:
    read = [group.name for group in interaction_classes().values() if f"medications/{group.name}" in used]
    return f"interaction classes the model reads: {', '.join(read) or 'none'}"
