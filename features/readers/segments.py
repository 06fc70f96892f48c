"""Allele-specific copy-number segments (ASCAT and its kin): copies and zygosity of genes, ploidy, LOH.

Total copies become a kind by COSMIC's rule for ASCAT (cancer.sanger.ac.uk/cosmic/help/cnv/overview): an
amplification is 5 or more copies in a genome of ploidy up to 2.7 and 9 or more above; a deletion has no copy
left; besides, a gain or loss is one copy or more off the ploidy.

    Trial.ID,chr,startpos,endpos,nMajor,nMinor
    T001,17,26000000,41000000,10,1              # ERBB2: 11 copies, amplified, heterozygous
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from features.cohort import Panel
from features.knowledge.gene_positions import AUTOSOMES, GenePosition, chromosome_name, gene_positions
from features.readers.findings import Finding, Findings, TumourReading
from features.readers.text_table import TextTable

PLOIDY_OF_DOUBLING = 2.7
_AMPLIFIED, _AMPLIFIED_DOUBLED = 5, 9
_LONGEST_CHROMOSOME = 3e8
_MOST_COPIES = 10_000.0
_COLUMNS: Mapping[str, Sequence[str]] = {
    "patient": ("Trial.ID", "Donor.ID", "sample", "Sample", "SampleID", "ID", "patient_id"),
    "chromosome": ("chr", "chrom", "chromosome", "Chromosome", "Chr"),
    "start": ("startpos", "start", "Start", "loc.start"),
    "end": ("endpos", "end", "End", "loc.end"),
    "major": ("nMajor", "major_cn", "Major_Copy_Number", "nMaj1_A", "cnMajor"),
    "minor": ("nMinor", "minor_cn", "Minor_Copy_Number", "nMin1_A", "cnMinor"),
}
_SAMPLE_COLUMNS: Mapping[str, Sequence[str]] = {
    "patient": _COLUMNS["patient"],
    "purity": ("purity", "Purity", "aberrantcellfraction"),
    "ploidy": ("ploidy", "Ploidy"),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a chromosome (first and last base, from 1) with its total and its fewer copies."""

    chromosome: str
    start: int
    end: int
    total: int
    minor: int

    @property
    def length(self) -> int:
        """Bases."""
        return self.end - self.start + 1


def read_segments(
    path: Path,
    samples: Path | None = None,
    positions: Mapping[str, GenePosition] | None = None,
    name: str = "segments",
) -> TumourReading:
    """Copies and zygosity of the genes in `positions` (GRCh37's by default), and what the genome says.

    `samples` is a table of purity and ploidy; without it, ploidy is the segments' mean. A gene that
    no segment overlaps has no finding: its copies are unknown. Facts of the sample: `tumour_ploidy`,
    `tumour_purity`, `tumour_fraction_altered`, `tumour_loh_fraction`.
    """
    places = gene_positions() if positions is None else positions
    with TextTable(path) as table:
        found = Findings(table.file)
        by_patient = _segments(table, found)
    stated = {} if samples is None else _samples(samples)
    values: dict[str, dict[str, float]] = {}
    for patient, segments in by_patient.items():
        _refuse_overlaps(found, segments)
        values[patient] = genome_values(segments, stated.get(patient, {}))
        for finding in _gene_findings(segments, places, values[patient]["tumour_ploidy"]):
            found.add(patient, finding)
    panel = Panel(name, None, math.nan, frozenset({"stated_copies"}))
    return found.reading(panel, by_patient, values)


def genome_values(segments: Sequence[Segment], stated: Mapping[str, float]) -> dict[str, float]:
    """Ploidy (stated, else the mean), fraction off the rounded ploidy, fraction without a minor copy.

    Fractions count bases of autosomes that a segment covers; NaN where none is covered.
    """
    autosomal = [s for s in segments if s.chromosome in AUTOSOMES]
    covered = sum(s.length for s in autosomal)
    mean = sum(s.length * s.total for s in autosomal) / covered if covered else math.nan
    known = stated.get("ploidy", math.nan)
    ploidy = mean if math.isnan(known) else known
    altered = sum(s.length for s in autosomal if covered and s.total != round(ploidy))
    lost = sum(s.length for s in autosomal if s.minor == 0 and s.total > 0)
    return {
        "tumour_ploidy": ploidy,
        "tumour_purity": stated.get("purity", math.nan),
        "tumour_fraction_altered": altered / covered if covered else math.nan,
        "tumour_loh_fraction": lost / covered if covered else math.nan,
    }


def copies_of(segments: Sequence[Segment], place: GenePosition) -> tuple[int, int] | None:
    """Total and minor copies of a gene: those of the segment that overlaps most of it; None if none does."""
    best, widest = None, 0
    for segment in segments:
        if segment.chromosome == place.chromosome:
            overlap = min(segment.end, place.end) - max(segment.start, place.start) + 1
            if overlap > widest:
                best, widest = (segment.total, segment.minor), overlap
    return best


def kind_of_copies(total: int, ploidy: float) -> str:
    """What a total of copies is in a genome of this ploidy.

    >>> kind_of_copies(5, 2.1), kind_of_copies(5, 3.8), kind_of_copies(1, 2.0), kind_of_copies(0, 4.0)
    ('amplification', 'gain', 'loss', 'deletion')
    """
    if total == 0:
        return "deletion"
    if total >= (_AMPLIFIED if ploidy <= PLOIDY_OF_DOUBLING else _AMPLIFIED_DOUBLED):
        return "amplification"
    if total - ploidy >= 1.0:
        return "gain"
    return "loss" if ploidy - total >= 1.0 else "neutral"


def _gene_findings(
    segments: Sequence[Segment], places: Mapping[str, GenePosition], ploidy: float
) -> list[Finding]:
    answer = []
    for gene, place in places.items():
        copies = copies_of(segments, place)
        if copies is not None:
            total, minor = copies
            answer.append(Finding(gene, kind_of_copies(total, ploidy), copies=float(total)))
            if total > 0 and place.chromosome in AUTOSOMES:
                answer.append(Finding(gene, "loh" if minor == 0 else "heterozygous"))
    return answer


def _segments(table: TextTable, found: Findings) -> dict[str, list[Segment]]:
    places = table.places(_COLUMNS, tuple(_COLUMNS))
    names = {meaning: table.columns[place] for meaning, place in places.items()}
    by_patient: dict[str, list[Segment]] = {}
    for line, row in table.rows():
        given = {meaning: row[place] for meaning, place in places.items()}
        patient = found.patient(line, names["patient"], given["patient"])
        segment = _segment(found, line, names, given)
        if patient is not None and segment is not None:
            by_patient.setdefault(patient, []).append(segment)
    return by_patient


def _segment(
    found: Findings, line: int, names: Mapping[str, str], given: Mapping[str, str]
) -> Segment | None:
    chromosome = chromosome_name(given["chromosome"])
    if chromosome is None:
        found.faults.at(found.file, line, names["chromosome"], "no chromosome", "use 1 to 22, X or Y")
    limits = {
        "start": _LONGEST_CHROMOSOME,
        "end": _LONGEST_CHROMOSOME,
        "major": _MOST_COPIES,
        "minor": _MOST_COPIES,
    }
    numbers = {m: _whole(found, line, names[m], given[m], high) for m, high in limits.items()}
    start, end, major, minor = numbers.values()
    if chromosome is None or start is None or end is None or major is None or minor is None:
        return None
    if end < start:
        found.faults.at(
            found.file, line, names["end"], "a segment ends before it starts", "check the columns"
        )
        return None
    if minor > major:
        found.note("segments name the fewer copies major; the two were exchanged")
    return Segment(chromosome, start, end, major + minor, min(major, minor))


def _whole(found: Findings, line: int, column: str, text: str, high: float) -> int | None:
    faults = len(found.faults.found) + found.faults.unsaid
    number = found.number(line, column, text, high)
    if math.isnan(number) or number != int(number):
        if len(found.faults.found) + found.faults.unsaid == faults:
            found.faults.at(found.file, line, column, "no whole number", "give whole bases and copies")
        return None
    return int(number)


def _refuse_overlaps(found: Findings, segments: list[Segment]) -> None:
    ordered = sorted(segments, key=lambda s: (s.chromosome, s.start))
    pairs = itertools.pairwise(ordered)
    overlaps = sum(a.chromosome == b.chromosome and b.start <= a.end for a, b in pairs)
    if overlaps:
        what = f"{overlaps} segments of one patient overlap"
        found.faults.at(found.file, None, None, what, "keep one sample and one solution a patient")


def _samples(path: Path) -> dict[str, dict[str, float]]:
    with TextTable(path) as table:
        places = table.places(_SAMPLE_COLUMNS, ("patient",))
        found, stated = Findings(table.file), dict[str, dict[str, float]]()
        for line, row in table.rows():
            patient = found.patient(line, table.columns[places["patient"]], row[places["patient"]])
            numbers = {
                meaning: found.number(
                    line, table.columns[place], row[place], 1.0 if meaning == "purity" else 20.0
                )
                for meaning, place in places.items()
                if meaning != "patient"
            }
            if patient is not None and patient in stated:
                found.faults.at(
                    table.file, line, None, "a second row of one patient", "keep one sample a patient"
                )
            elif patient is not None:
                stated[patient] = numbers
    found.faults.refuse(f"samples of {path.name}")
    return stated
