"""Annotated variant tables, one row a small variant: BeatAML's, TransNEO's, or any declared.

dbgap_subject_id,gene,variant_class,hgvsp_short,t_vaf,chrom_hg19,pos,ref,alt
2030,NPM1,Frameshift,p.W288Cfs*12,0.288,5,170837543,C,CTCTG

read_variant_table(path, BEATAML, Panel("exome", None, math.nan), sequenced=ids).cohort
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from features.cohort import Panel
from features.knowledge.consequences import kind_of, kind_of_change, short_change
from features.readers.findings import Finding, Findings, TumourReading
from features.readers.text_table import TextTable

_MOST_READS = 1e7
_PROMOTER_GENE = "TERT"
_IGNORED_STATUS = frozenset(("none", "wildtype", "loh"))
Names = tuple[str, ...]


@dataclass(frozen=True)
class VariantColumns:
    """Which column holds what; each by its spellings, the first found is read, none where there is none.

    `vaf` is an allele fraction (0 to 1); without it, it is `alt_count` over `depth`, or over
    `alt_count` and `ref_count` together. `place` names the columns which together say where a
    variant lies (chromosome, position, reference, alternate): rows that agree in them repeat one
    another.
    """

    patient: Names
    gene: Names
    consequence: Names
    protein_change: Names = ()
    vaf: Names = ()
    alt_count: Names = ()
    ref_count: Names = ()
    depth: Names = ()
    chromosome: Names = ()
    position: Names = ()
    reference: Names = ()
    alternate: Names = ()
    status: Names = ()

    def by_meaning(self) -> dict[str, Names]:
        """The spellings of each meaning that has any."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}


BEATAML = VariantColumns(
    patient=("dbgap_subject_id",),
    gene=("gene", "symbol"),
    consequence=("variant_class", "variant_classification"),
    protein_change=("hgvsp_short",),
    vaf=("t_vaf",),
    chromosome=("chrom_hg19", "chrom"),
    position=("pos", "pos_start"),
    reference=("ref",),
    alternate=("alt",),
)
"""BeatAML 2.0's mutation table (hg19; doi:10.1016/j.ccell.2022.07.002)."""

TRANSNEO = VariantColumns(
    patient=("Donor.ID", "Trial.ID"),
    gene=("Hugo_Symbol",),
    consequence=("MAF_Variant",),
    vaf=("tumour.vaf",),
    chromosome=("Chr",),
    position=("Start",),
    reference=("Ref_Allele",),
    alternate=("Tumor_Alt_Allele",),
)
"""TransNEO's somatic variants (hg19; doi:10.1038/s41586-021-04278-5)."""


def read_variant_table(
    path: Path,
    columns: VariantColumns,
    panel: Panel,
    sequenced: Iterable[str] | None = None,
    patient_of: Mapping[str, str] | None = None,
) -> TumourReading:
    """The small variants of a table (CSV or TSV, plain or gzip) as a cohort.

    `sequenced` names every patient who was sequenced, so that who has no row was read and had
    nothing; without it only patients with rows are in the cohort. `patient_of` gives the patient of
    a sample where the table names samples.
    """
    with TextTable(path) as table:
        return _read(table, columns, panel, sequenced, patient_of)


def _read(
    table: TextTable,
    columns: VariantColumns,
    panel: Panel,
    sequenced: Iterable[str] | None,
    patient_of: Mapping[str, str] | None,
) -> TumourReading:
    wanted = columns.by_meaning()
    places = table.places(wanted, ("patient", "gene", "consequence"))
    names = {meaning: table.columns[place] for meaning, place in places.items()}
    found = Findings(table.file)
    for line, row in table.rows():
        given = {meaning: row[place] for meaning, place in places.items()}
        patient = found.patient(line, names["patient"], given["patient"])
        if patient is not None and patient_of is not None:
            patient = _patient_of_sample(found, line, names["patient"], patient, patient_of)
        if patient is not None:
            found.seen(patient)
            _add(found, line, names, given, patient)
    return found.reading(panel, sequenced)


def _patient_of_sample(
    found: Findings, line: int, column: str, sample: str, patient_of: Mapping[str, str]
) -> str | None:
    if sample not in patient_of:
        found.faults.at(
            found.file, line, column, "a sample of no known patient", "complete the list of samples"
        )
    return patient_of.get(sample)


def _add(
    found: Findings, line: int, names: Mapping[str, str], given: Mapping[str, str], patient: str
) -> None:
    status = given.get("status", "").lower()
    if status == "germline" or status in _IGNORED_STATUS:
        found.note("rows are not somatic by their status and were left out")
        return
    kind = _kind(given)
    if kind is None:
        remedy = "use MAF classes, Sequence Ontology terms, or see features/knowledge/consequences.csv"
        found.faults.at(found.file, line, names["consequence"], "a consequence not known here", remedy)
        return
    if kind == "noncoding" and given["gene"] in ("", "NA", "Unknown", "."):
        found.note("rows lie outside genes and were left out")
        return
    gene = found.gene(line, names["gene"], given["gene"])
    change = found.change(line, names.get("protein_change", ""), given.get("protein_change", ""))
    vaf = _vaf(found, line, names, given)
    if gene is not None:
        short = None if change is None else short_change(change)
        found.add(patient, Finding(gene, kind, short, vaf), _key(given, short))


def _kind(given: Mapping[str, str]) -> str | None:
    kind = kind_of(given["consequence"])
    change = given.get("protein_change", "")
    if kind == "coding" and change:
        return kind_of_change(short_change(change))
    flank = given["consequence"].lower() in ("5'flank", "upstream_gene_variant")
    return "promoter" if flank and given["gene"] == _PROMOTER_GENE else kind


def _vaf(found: Findings, line: int, names: Mapping[str, str], given: Mapping[str, str]) -> float:
    def number(meaning: str, high: float) -> float:
        return found.number(line, names.get(meaning, meaning), given.get(meaning, ""), high)

    stated = number("vaf", 1.0)
    alternate, reference = number("alt_count", _MOST_READS), number("ref_count", _MOST_READS)
    depth = number("depth", _MOST_READS)
    if stated == stated:
        return stated
    reads = depth if depth == depth else alternate + reference
    if reads < alternate:
        what = "more reads of the variant than reads"
        found.faults.at(
            found.file, line, names.get("alt_count", "alt_count"), what, "check the columns of counts"
        )
    return alternate / reads if reads > 0 else float("nan")


def _key(given: Mapping[str, str], change: str | None) -> tuple[str | None, ...] | None:
    """What two rows about one variant agree in; None where the table does not say."""
    place = tuple(given.get(m, "") for m in ("chromosome", "position", "reference", "alternate"))
    if place[1]:
        return place
    return None if change is None else (change,)
