"""PharmCAT's `report.json` and `phenotype.json`: the diplotypes that it, or a caller given to it, called.

A report (versions 2 and 3) holds `genes`, a phenotype file `geneReports`; below stand gene reports by
symbol, in version 2 once for each source of guidelines. A gene report's `sourceDiplotypes` are the calls:
one is a call, several are not. DPYD's haplotypes may combine variants; PharmCAT then gives, as CPIC asks,
the least active of each in `recommendationDiplotypes` (github PharmGKB/PharmCAT, docs/examples).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from features.calls import canonical_diplotype
from features.errors import CohortError, Fault
from features.readers.facts import Facts, Imported, Place
from features.readers.file_faults import FileFaults
from features.readers.strict_json import read_json

LARGEST_REPORT = 64_000_000
"""Bytes; a report of every gene is about 1.3 million."""

_SOURCES = ("CPIC", "ClinPGx", "PharmGKB", "DPWG", "FDA")
_SUFFIXES = (".report.json", ".phenotype.json", ".json")
_NO_ALLELE = frozenset({"", "unknown", "no call", "n/a"})
_SNP_ALLELE = re.compile(r"(rs[0-9]{1,12}) (?:reference|variant) \(([ACGT])\)", re.ASCII)


def read_pharmcat(paths: Sequence[Path]) -> Imported:
    """The patients of PharmCAT's files, one file each, with the calls at every gene known here.

    A patient is named by the file's `sampleId`, or where it has none by the file's name. What is
    ambiguous, uncalled or not known here is counted.
    """
    faults = FileFaults()
    facts = Facts(faults)
    for path in paths:
        document = read_json(path, LARGEST_REPORT)
        patient_id, place = _patient_id(document, path), Place(path.name)
        if facts.knows(patient_id):
            faults.at(
                path.name, None, None, "a file of the same patient was read before", "give one file each"
            )
        patient = facts.patient(patient_id, place)
        for gene, report in _gene_reports(document, path):
            _take(facts, patient, gene, report, Place(f"{path.name} {gene}"))
    return Imported(facts.cohort("PharmCAT files"), dict(facts.unread))


def _take(facts: Facts, patient: int, gene: str, report: dict, place: Place) -> None:
    called = [_names(diplotype) for diplotype in _diplotypes(gene, report)]
    if any(names is None for names in called):
        facts.faults.at(
            place.file, None, None, "a diplotype without named alleles", "give PharmCAT's own file"
        )
        return
    known = [names for names in called if names is not None and not _NO_ALLELE & {n.lower() for n in names}]
    if not known:
        facts.unread[f"genotypes/{gene}: no call"] += 1
    elif len(set(known)) > 1:
        facts.unread[f"genotypes/{gene}: several diplotypes fit"] += 1
    else:
        _call(facts, patient, gene, known[0], place)


def _call(facts: Facts, patient: int, gene: str, names: tuple[str, str], place: Place) -> None:
    letters = [_SNP_ALLELE.fullmatch(name) for name in names]
    rsids = {found[1] for found in letters if found}
    if all(letters) and len(rsids) == 1:
        facts.call(patient, rsids.pop(), "/".join(found[2] for found in letters if found), place)
    elif canonical_diplotype("/".join(names)) is None:
        facts.unread[f"genotypes/{gene}: alleles not known here"] += 1
    else:
        facts.call(patient, gene, "/".join(names), place)


def _diplotypes(gene: str, report: dict) -> list:
    field = "recommendationDiplotypes" if gene == "DPYD" else "sourceDiplotypes"
    found = report.get(field)
    return found if isinstance(found, list) else []


def _names(diplotype: object) -> tuple[str, str] | None:
    """The names of the two alleles; an empty name where there is no second, None where it is no diplotype."""
    if not isinstance(diplotype, dict) or not {"allele1", "allele2"} <= diplotype.keys():
        return None
    alleles = (diplotype["allele1"], diplotype["allele2"])
    if not all(allele is None or isinstance(allele, dict) for allele in alleles):
        return None
    first, second = ("" if allele is None else allele.get("name") for allele in alleles)
    if not (isinstance(first, str) and isinstance(second, str)):
        return None
    return (first, second) if first <= second else (second, first)


def _gene_reports(document: object, path: Path) -> Iterator[tuple[str, dict]]:
    """Each gene's report, once; of several sources the first of `_SOURCES`."""
    genes = _genes(document)
    if not genes:
        what = "neither 'genes' (a report) nor 'geneReports' (a phenotype file)"
        raise _refusal(path, what, "give PharmCAT's report.json or phenotype.json")
    by_source = not any(isinstance(entry, dict) and "sourceDiplotypes" in entry for entry in genes.values())
    sources = [genes.get(source) for source in _SOURCES] if by_source else [genes]
    found: dict[str, dict] = {}
    for source in sources:
        for gene, report in (source if isinstance(source, dict) else {}).items():
            if not isinstance(report, dict) or not isinstance(report.get("sourceDiplotypes"), list):
                raise _refusal(path, f"'{gene[:32]}' is no gene report", "give PharmCAT's own file")
            found.setdefault(gene, report)
    if not found:
        raise _refusal(path, "it holds no gene report", "give PharmCAT's report.json or phenotype.json")
    yield from found.items()


def _genes(document: object) -> dict:
    if not isinstance(document, dict):
        return {}
    genes = document.get("genes", document.get("geneReports"))
    return genes if isinstance(genes, dict) else {}


def _patient_id(document: object, path: Path) -> str:
    metadata = document.get("matcherMetadata") if isinstance(document, dict) else None
    told = metadata.get("sampleId") if isinstance(metadata, dict) else None
    if isinstance(told, str) and told.strip():
        return told
    suffix = next((s for s in _SUFFIXES if path.name.endswith(s)), "")
    return path.name.removesuffix(suffix)


def _refusal(path: Path, what: str, remedy: str) -> CohortError:
    return CohortError(f"{path.name} cannot be read", [Fault(path.name, what, remedy)])
