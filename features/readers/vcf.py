"""Germline VCF: what every sample carries at the sites of the star alleles and SNPs known here.

Plain or bgzip, one sample or many, GRCh37 or GRCh38, `chr1` or `1`, phased or not, gVCF blocks; with a
tabix or CSI index beside it only the needed stretches are read. A genotype that did not pass its
filter, that its own read depths contradict, or whose records contradict one another is not used, and
no reference is assumed in its place.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from features.cohort import Cohort, Genotypes
from features.errors import CohortError, Fault
from features.knowledge.definitions import Site, definitions, snp_sites
from features.readers import bgzf, tabix, vcf_header
from features.readers.byte_stream import refuse_unless_regular
from features.readers.facts import Imported
from features.readers.htslib import Variant, sample_field, variants
from features.readers.vcf_genotypes import (
    NOTHING,
    REFUSED,
    Entry,
    Genotype,
    entry_of,
    merged,
    phase_sets,
    read_depths,
    snp_call,
)
from features.readers.vcf_header import CHROMOSOMES, VcfHeader, chromosome
from features.readers.vcf_sites import (
    REACH,
    Record,
    disagrees,
    doubted_alleles,
    known_alleles,
    states,
    stretches,
)
from features.star_alleles import UNREAD, DiplotypeCall, Observation, call_diplotype, genotype_rows

ASSUME_NOTHING: frozenset[str] = frozenset()
ASSUME_ALL = frozenset({"all"})
"""Every position that no record tells of is taken for the reference, as in a VCF of variants only."""

_FEWEST_MISMATCHES = 3
_MOST_MISMATCHES = 0.2


@dataclass(frozen=True)
class VcfReading:
    """What a file tells of its samples: by gene and by rsid, one entry a sample.

    `refused` counts genotypes that were there and not used, by reason.
    """

    file: str
    build: str
    patient_ids: tuple[str, ...]
    genes: Mapping[str, tuple[tuple[Observation, ...], ...]]
    snps: Mapping[str, tuple[Observation, ...]]
    refused: Mapping[str, int]

    def calls(self) -> tuple[tuple[DiplotypeCall, ...], ...]:
        """Each sample's call at every gene, decided or not."""
        columns = [[call_diplotype(gene, seen) for seen in seens] for gene, seens in self.genes.items()]
        return tuple(zip(*columns, strict=True)) if columns else ((),) * len(self.patient_ids)

    def genotype_rows(self, simplest: bool = False) -> list[tuple[int, str, str]]:
        """(sample's position, gene or rsid, call) of everything that is decided.

        `simplest` also takes, of several diplotypes that fit, the one with the fewest variant alleles.
        """
        rows = [(i, *row) for i, calls in enumerate(self.calls()) for row in genotype_rows(calls, simplest)]
        for rsid, seens in self.snps.items():
            called = ((i, snp_call(snp_sites()[rsid], seen)) for i, seen in enumerate(seens))
            rows += [(i, rsid, call) for i, call in called if call is not None]
        return rows

    def imported(self, simplest: bool = False) -> Imported:
        """The samples as patients with every call that is decided, and what was left without one."""
        cohort = Cohort(self.patient_ids, Genotypes.from_rows(self.genotype_rows(simplest)))
        unread = Counter({f"genotypes: {reason}": count for reason, count in self.refused.items()})
        for call in (call for calls in self.calls() for call in calls):
            if not genotype_rows([call], simplest):
                unread[f"genotypes/{call.gene}: {call.reason}"] += 1
        return Imported(cohort, dict(unread))


def read_vcf(
    path: Path,
    build: str | None = None,
    assume_reference: Collection[str] = ASSUME_NOTHING,
    accept_filters: Collection[str] = (),
    genes: Collection[str] | None = None,
) -> VcfReading:
    """What a VCF tells at the sites known here; the whole file or an error.

    `build` is needed only where the head does not tell it. `assume_reference` names sites (rsid, or
    the GRCh38 name of a change; or `ASSUME_ALL`) that are taken for the reference of the build where
    the file is silent. `accept_filters` are FILTER values to be used besides PASS.
    """
    header, n_records = _checked(path)
    told = header.build(build)
    wanted = {gene: d.sites for gene, d in definitions().items() if genes is None or gene in genes}
    sites = [site for of_gene in wanted.values() for site in of_gene]
    sites += [site for site in snp_sites().values() if genes is None or site.gene in genes]
    reading = _Reading(header, told, tuple(dict.fromkeys(sites)), frozenset(accept_filters))
    reading.read(path, n_records)
    seen = reading.observations(frozenset(assume_reference))
    by_gene = {g: tuple(zip(*(seen[s] for s in of_gene), strict=True)) for g, of_gene in wanted.items()}
    by_rsid = {rsid: seen[site] for rsid, site in snp_sites().items() if site in seen}
    return VcfReading(path.name, told, header.samples, by_gene, by_rsid, dict(reading.refused))


def _checked(path: Path) -> tuple[VcfHeader, int | None]:
    """The head, and the number of records where every line had to be read; refuses what is not whole."""
    refuse_unless_regular(path)
    if "##idx##" in str(path):
        raise _refusal(path.name, "its name holds '##idx##', which htslib takes apart", "rename it")
    with path.open("rb") as file:
        magic = file.read(2)
    if magic != b"\x1f\x8b":
        return vcf_header.scan(path, vcf_header.chunks(path))
    if tabix.index_of(path):
        bgzf.check_blocks(path)
        return vcf_header.head_of(path, bgzf.unpacked(path)), None
    return vcf_header.scan(path, bgzf.unpacked(path))


@dataclass
class _Reading:
    """Gathers, record by record, what is said of each site."""

    header: VcfHeader
    build: str
    sites: tuple[Site, ...]
    accept_filters: frozenset[str]
    refused: Counter[str] = field(default_factory=Counter)
    said: dict[Site, list[list[Entry | None]]] = field(default_factory=dict)
    checked: int = 0
    mismatched: int = 0

    def __post_init__(self) -> None:
        ordered = sorted(self.sites, key=lambda site: site.position(self.build))
        self.on: dict[str, list[Site]] = {}
        for site in ordered:
            self.on.setdefault(site.chromosome, []).append(site)
        self.starts = {c: [s.position(self.build) for s in sites] for c, sites in self.on.items()}

    def read(self, path: Path, n_records: int | None) -> None:
        """Go through the file, or through the needed stretches where `n_records` is None."""
        found, seen = 0, set()
        for variant in variants(path, None if n_records is not None else stretches(self.starts)):
            found += 1
            try:
                seen.add(variant.CHROM)
                self._take(variant)
            except UnicodeDecodeError:
                what = f"record {found:,} of those read is not UTF-8 text"
                raise _refusal(path.name, what, "write it as UTF-8") from None
        if n_records is not None and found != n_records:
            what = f"htslib read {found:,} of its {n_records:,} records"
            raise _refusal(path.name, what, "check it with bcftools view")
        if found and not {chromosome(name) for name in seen} & CHROMOSOMES:
            raise _refusal(path.name, "no chromosome is named as known here", "name them as '1' or 'chr1'")
        if self.mismatched >= _FEWEST_MISMATCHES and self.mismatched > _MOST_MISMATCHES * self.checked:
            what = f"the REF letter is not that of {self.build} at {self.mismatched} of {self.checked} sites"
            raise _refusal(path.name, what, "find out which build it was aligned to")

    def _take(self, variant: Variant) -> None:
        starts = self.starts.get(chromosome(variant.CHROM))
        if starts is None:
            return
        position, end = variant.POS, variant.INFO.get("END")
        record = Record(
            position,
            variant.REF.upper(),
            tuple(a if a.startswith("<") else a.upper() for a in variant.ALT),
            end if isinstance(end, int) else position + len(variant.REF) - 1,
        )
        first, last = bisect_left(starts, position - REACH), bisect_right(starts, record.last + REACH)
        if first < last:
            self._tell(variant, record, self.on[chromosome(variant.CHROM)][first:last])

    def _tell(self, variant: Variant, record: Record, near: Sequence[Site]) -> None:
        """Note what the record says of the sites near it, and which of them it leaves in doubt."""
        known = known_alleles(record, near, self.build)
        genotypes: list[Genotype] = []
        for site in near:
            of_alleles = states(record, site, self.build)
            doubts = doubted_alleles(record, site, self.build, known) if of_alleles is None else frozenset()
            if of_alleles is not None or doubts:
                genotypes = genotypes or self._genotypes(variant, record)
            if of_alleles is not None:
                self._note(site, record, of_alleles, genotypes)
            elif doubts:
                self._doubt(site, doubts, genotypes)

    def _note(self, site: Site, record: Record, of_alleles: Sequence[str], genotypes: list[Genotype]) -> None:
        self.checked += 1
        if disagrees(record, site, self.build):
            self.mismatched += 1
            self.refused["the REF letter is not the build's"] += len(genotypes)
            entries: list[Entry | None] = [REFUSED] * len(genotypes)
        else:
            entries = [entry_of(genotype, of_alleles) for genotype in genotypes]
        self.said.setdefault(site, []).append(entries)

    def _doubt(self, site: Site, doubts: frozenset[int], genotypes: list[Genotype]) -> None:
        doubtful = [genotype is NOTHING or bool(doubts & set(genotype[:2])) for genotype in genotypes]
        if any(doubtful):
            self.refused["an insertion or deletion in the way"] += sum(doubtful)
            self.said.setdefault(site, []).append([REFUSED if doubt else None for doubt in doubtful])

    def _genotypes(self, variant: Variant, record: Record) -> list[Genotype]:
        """Each sample's two allele numbers and phase; None, None where the genotype is not to be used."""
        filters = set((variant.FILTER or "PASS").split(";")) - {"PASS"} - self.accept_filters
        n_samples = len(self.header.samples)
        if filters:
            self.refused["FILTER"] += n_samples
            return [NOTHING] * n_samples
        array = variant.genotype.array() if "GT" in variant.FORMAT else None
        if array is None or array.shape[1] != 3:
            self.refused["no diploid genotype"] += n_samples
            return [NOTHING] * n_samples
        if (array[:, :2] > len(record.alternates)).any():
            where = f"{self.header.file}, {variant.CHROM[:32]}:{variant.POS}"
            what = "a genotype names an allele that the record does not have"
            raise CohortError(f"{self.header.file} cannot be read", [Fault(where, what, "repair the record")])
        sets = phase_sets(variant.CHROM, sample_field(variant, "PS"), n_samples)
        counted = sample_field(variant, "AD") if self.header.numbers.get("AD", "R") == "R" else None
        depths = read_depths(counted, n_samples, 1 + len(record.alternates))
        return [self._genotype(row, sets[i], depths[i]) for i, row in enumerate(array.tolist())]

    def _genotype(self, row: list[int], phase_set: str, depths: list[int] | None) -> Genotype:
        first, second = (None if allele < 0 else allele for allele in row[:2])
        if row[1] == -2 or (first is None and second is None):
            self.refused["no genotype"] += 1
            return NOTHING
        called = [allele for allele in (first, second) if allele is not None]
        if depths is not None and any(depths[a] == 0 for a in called) and sum(depths) > 0:
            self.refused["the read depths (AD) contradict the genotype"] += 1
            return NOTHING
        return first, second, phase_set if row[2] else None

    def observations(self, assumed: frozenset[str]) -> dict[Site, tuple[Observation, ...]]:
        """What is known of every site, one entry a sample, all records taken together."""
        return {site: tuple(self._observed(site, assumed)) for site in self.sites}

    def _observed(self, site: Site, assumed: frozenset[str]) -> Iterator[Observation]:
        names = {site.rsid, *(change.name for change in site.changes), "all"} - {""}
        state = site.reference_state(self.build)
        absent = Observation(state, state, None, True) if names & assumed else UNREAD
        entries = self.said.get(site, [])
        for i in range(len(self.header.samples)):
            said = [entry for of_record in entries if (entry := of_record[i]) is not None]
            seen = merged(said) if said else absent
            if seen is None:
                self.refused["records that contradict one another"] += 1
            yield seen or UNREAD


def _refusal(file: str, what: str, remedy: str) -> CohortError:
    return CohortError(f"{file} cannot be read", [Fault(file, what, remedy)])
