"""The JSON Schema of a patient document, and an example that a specification can be tried with."""

from __future__ import annotations

from typing import Any

from features.calls import LONGEST_CALL, STAR_ALLELE, is_star_allele
from features.encode import FeatureSpec
from features.expression import gene_of
from features.knowledge.tables import (
    ClinicalVariable,
    Snp,
    alleles,
    drugs,
    interaction_classes,
    snps,
    star_allele_genes,
)
from features.panel import KINDS, READINGS
from features.readers.checks import LONGEST_NAME
from features.readers.expression_section import MOST_GENES, MOST_TPM, SCALES
from features.readers.tumour_section import LONGEST_ASSAY, LONGEST_CHANGE
from features.readers.vocabulary import Vocabulary, reads_of, vocabulary_of
from features.synthetic import probe_documents
from features.synthetic_probes import WHOLE

Schema = dict[str, Any]

USED_BY = "x-rxplain-features"
"""Beside an input, the features of the model that are read from it; absent when none is.

Beside the expression, `expression.<GENE>.log2_tpm` stands for the features of the genes under `GENES`.
"""

GENES = "x-rxplain-genes"
"""Beside the expression, the genes that the model reads."""

MOST_SHOWN = 50
"""Genes of the example; of a model that reads more it shows the first."""

_WIDE = 1e9
_DAY = {"type": "number", "maximum": 0, "description": "days from the start of treatment"}
_OPEN_DAY = {"type": ["number", "null"], "description": "days from the start of treatment; null is unknown"}


def patient_schema(spec: FeatureSpec, longest_id: int) -> Schema:
    """What a document may hold; inputs that the specification reads name the features they serve."""
    used, vocabulary = reads_of(spec), vocabulary_of(spec)
    clinical = vocabulary.clinical.values()
    properties: dict[str, Schema] = {
        "patient_id": {"type": "string", "minLength": 1, "maxLength": longest_id},
        "genotypes": {"type": "array", "items": {"oneOf": [*_diplotypes(used), *_snps(used)]}},
        "clinical": _object({v.name: _clinical(v, vocabulary, used) for v in clinical}, ()),
        "medications": {"type": "array", "items": _medication(), "description": _classes(used)},
        "tumour": _tumour(used),
        "expression": _expression(used),
    }
    head: Schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Patient"}
    return head | _object(properties, ("patient_id",)) | {"examples": [example_document(spec)]}


def example_document(spec: FeatureSpec) -> dict[str, object]:
    """A synthetic patient with everything the specification reads and nothing else, expression cut short."""
    used, probes = reads_of(spec), {p["patient_id"]: p for p in probe_documents(spec=spec)}
    whole = probes.get(f"probe-{WHOLE}", probes["probe-everything"])
    example: dict[str, object] = {
        "patient_id": "example-1",
        "genotypes": [g for g in whole["genotypes"] if f"genotypes/{g.get('rsid', g['gene'])}" in used],
        "clinical": {name: fact for name, fact in whole["clinical"].items() if f"clinical/{name}" in used},
        "medications": [m for m in whole["medications"] if _classes_of(m["drug"]) & used.keys()],
    }
    if "tumour" in whole:
        example["tumour"] = whole["tumour"]
    if "expression" in whole:
        read = [gene for gene in whole["expression"]["values"] if f"expression/{gene}" in used]
        values = {gene: whole["expression"]["values"][gene] for gene in read[:MOST_SHOWN]}
        example["expression"] = whole["expression"] | {"values": values}
    return example


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


def _clinical(variable: ClinicalVariable, vocabulary: Vocabulary, used: dict[str, list[str]]) -> Schema:
    if variable.kind == "quantity":
        units = list(vocabulary.units[variable.name])
        value: Schema = {"type": "number", "description": _range(variable, units[1:])}
        unit: Schema = {"enum": units, "description": "UCUM code"}
        shape = _object({"value": value, "unit": unit, "day": _DAY}, ("value", "unit"))
    else:
        value = {"type": "boolean"} if variable.kind == "flag" else {"enum": list(variable.categories)}
        shape = _object({"value": value, "day": _DAY}, ("value",))
    return _marked({"title": variable.label} | shape, f"clinical/{variable.name}", used)


def _range(variable: ClinicalVariable, units: list[str]) -> str:
    others = f" (other units are converted: {', '.join(units)})" if units else ""
    if variable.low > -_WIDE or variable.high < _WIDE:
        return f"between {variable.low:g} and {variable.high:g} {variable.unit}{others}"
    return f"any number in {variable.unit}{others}"


def _tumour(used: dict[str, list[str]]) -> Schema:
    gene: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
    reads: Schema = {"type": "array", "minItems": 1, "items": {"enum": list(READINGS)}}
    genes: Schema = {
        "type": ["array", "null"],
        "minItems": 1,
        "maxItems": MOST_GENES,
        "uniqueItems": True,
        "items": gene,
        "description": "what the assay reads; null is a whole exome or genome",
    }
    assay: dict[str, Schema] = {
        "name": {"type": "string", "minLength": 1, "maxLength": LONGEST_ASSAY},
        "genes": genes,
        "size_mb": {"type": ["number", "null"], "exclusiveMinimum": 0, "description": "null is unknown"},
        "reads": reads | {"description": "what is read of the genes; the rest is unknown, never absent"},
    }
    variant: dict[str, Schema] = {
        "gene": gene,
        "kind": {"enum": sorted(KINDS)},
        "protein_change": {"type": ["string", "null"], "maxLength": LONGEST_CHANGE, "description": "HGVS"},
        "vaf": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "allele fraction"},
        "copy_number": {"type": ["number", "null"], "minimum": 0, "description": "total copies"},
    }
    parts: dict[str, Schema] = {
        "assay": _object(assay, ("name", "genes", "reads")),
        "variants": {"type": "array", "items": _object(variant, ("gene", "kind"))},
    }
    features = [feature for source, own in used.items() if source.startswith("variants/") for feature in own]
    about = "what was found in the tumour; left out where none was sequenced, which is not wild type"
    shape = {"description": about} | _object(parts, ("assay", "variants"))
    return shape | ({USED_BY: list(dict.fromkeys(features))} if features else {})


def _expression(used: dict[str, list[str]]) -> Schema:
    lowest = min(low for low, _ in SCALES.values())
    values: Schema = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": MOST_GENES,
        "additionalProperties": {"type": "number", "minimum": lowest, "maximum": MOST_TPM},
        "description": "by gene (HGNC symbol or Ensembl id), its value on the scale; left out: not measured",
    }
    shape = _object({"scale": {"enum": list(SCALES)}, "values": values}, ("scale", "values"))
    own = {source: names for source, names in used.items() if source.startswith("expression/")}
    if not own:
        return shape
    listed = dict.fromkeys(name for names in own.values() for name in names)
    others = [name for name in listed if gene_of(name) is None]
    levels = ["expression.<GENE>.log2_tpm"] if len(others) < len(listed) else []
    return shape | {USED_BY: levels + others, GENES: [source.partition("/")[2] for source in own]}


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
