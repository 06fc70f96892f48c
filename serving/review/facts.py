"""What was recorded of a patient, from the document that was sent, as short pairs for a reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from serving.review.words import enumerated, feature_value, sentence, spoken

Json = Mapping[str, Any]  # Any: a document as it was sent, whose version of the schema may be older
Fact = tuple[str, str]

_MOST_FINDINGS = 20
_MOST_GENES = 6


def facts_of(patient: Json) -> tuple[Fact, ...]:
    """Every fact by name; of thousands of genes only how many there are."""
    return (
        *_genotypes(patient),
        *_clinical(patient),
        *_drugs(patient),
        *_tumour(patient),
        *_expression(patient),
    )


def calls_of(patient: Json) -> dict[str, str]:
    """The germline call of each gene, for the steps of the explanation."""
    calls: dict[str, list[str]] = {}
    for entry in patient.get("genotypes", []):
        calls.setdefault(entry["gene"], []).append(entry.get("diplotype") or entry["alleles"])
    return {gene: own[0] if len(own) == 1 else f"{len(own)} calls" for gene, own in calls.items()}


def text_of(patient: Json, variable: str) -> str:
    """A category that was sent, or `not_recorded`."""
    return str(patient.get("clinical", {}).get(variable, {}).get("value", "not_recorded"))


def _genotypes(patient: Json) -> Iterator[Fact]:
    for entry in patient.get("genotypes", []):
        name = f"{entry['gene']} {entry['rsid']}" if "rsid" in entry else entry["gene"]
        yield name, entry.get("diplotype") or entry["alleles"]


def _clinical(patient: Json) -> Iterator[Fact]:
    for name, entry in patient.get("clinical", {}).items():
        yield sentence(spoken(name)), _said(entry)


def _said(entry: Json) -> str:
    value = entry["value"]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return spoken(value) if isinstance(value, str) else feature_value("", value, entry["unit"])


def _drugs(patient: Json) -> Iterator[Fact]:
    for entry in patient.get("medications", []):
        yield sentence(spoken(entry["drug"])), "taken" if entry["taken"] else "not taken"


def _tumour(patient: Json) -> Iterator[Fact]:
    tumour = patient.get("tumour")
    if not tumour:
        return
    genes, found = tumour["assay"]["genes"], tumour["variants"]
    read = _counted(len(genes)) if genes is not None else "whole exome or genome"
    yield "Tumour sequenced", f"{tumour['assay']['name']}, {read}"
    if not found:
        yield "Found in the tumour", "nothing"
    for entry in found[:_MOST_FINDINGS]:
        told = [spoken(entry["kind"]), entry.get("protein_change") or ""]
        if entry.get("vaf") is not None:
            told.append(f"fraction {entry['vaf']:.2g}")
        yield f"Tumour {entry['gene']}", " ".join(part for part in told if part)
    if len(found) > _MOST_FINDINGS:
        yield "Further findings", f"{len(found) - _MOST_FINDINGS:,}"


def _expression(patient: Json) -> Iterator[Fact]:
    genes = list(patient.get("expression", {}).get("values", {}))
    if genes:
        said = enumerated(genes, _MOST_GENES) if len(genes) <= _MOST_GENES else _counted(len(genes))
        yield "Expression measured", said


def _counted(n_genes: int) -> str:
    return "1 gene" if n_genes == 1 else f"{n_genes:,} genes"
