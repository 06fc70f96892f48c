"""What may be found in a tumour, and what an assay reads: the words that findings are told in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from features.errors import CohortError, Fault

PROTEIN_CHANGES = (
    "nonsense",
    "frameshift",
    "splice",
    "start_lost",
    "stop_lost",
    "inframe",
    "missense",
    "coding",
)
"""Small variants that change the protein, gravest first; `coding` in a way the source does not say."""

SMALL_VARIANTS = (*PROTEIN_CHANGES, "promoter", "synonymous", "noncoding")
"""Changes of a few bases."""

MUTATIONS = frozenset((*PROTEIN_CHANGES, "promoter"))
"""Small variants that count as a mutation: they change the protein, or a promoter known to matter."""

TRUNCATING = frozenset(("nonsense", "frameshift", "splice", "start_lost"))
"""Small variants that end or derange the protein."""

COPY_NUMBERS = ("amplification", "gain", "neutral", "loss", "deletion")
"""`amplification` is focal or high, `deletion` homozygous; `neutral` says read and neither."""

ZYGOSITIES = ("loh", "heterozygous")
"""Loss of heterozygosity (no minor copy left), or both parents' copies there."""

STRUCTURES = ("fusion", "rearrangement")
"""A `fusion` joins two genes; a `rearrangement` breaks this one."""

ALTERING = MUTATIONS | {"amplification", "deletion", *STRUCTURES}
"""Every finding that alters a gene; a gain or loss of single copies does not count."""

READINGS = ("mutations", "copy_number", "fusions", "stated_copies")
"""What an assay may read of a gene. What it reads and does not report is not there, except with
`stated_copies`: copies and zygosity are known where a finding states them, and unknown elsewhere."""

NOT_READ = {reading: f"{reading}_not_read" for reading in READINGS[:3]}
"""Findings which say that a gene of the panel could not be read in this tumour (low coverage)."""

KINDS = frozenset((*SMALL_VARIANTS, *COPY_NUMBERS, *ZYGOSITIES, *STRUCTURES, *NOT_READ.values()))
"""Everything a finding may be."""

_READING_OF: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(SMALL_VARIANTS, "mutations")
    | dict.fromkeys(COPY_NUMBERS, "copy_number")
    | dict.fromkeys(ZYGOSITIES, "stated_copies")
    | dict.fromkeys(STRUCTURES, "fusions")
    | {finding: reading for reading, finding in NOT_READ.items()}
)


@dataclass(frozen=True, eq=False)
class Panel:
    """What an assay reads: its genes (None: the whole exome or genome) and its size in Mb (NaN: unknown).

    `reads` names which of `READINGS` it looks for in its genes; what it does not look for is
    unknown, never absent.

    >>> Panel("FoundationOne", frozenset({"TP53"}), 1.1).holds("TP53", "copy_number")
    False
    """

    name: str
    genes: frozenset[str] | None
    size_mb: float
    reads: frozenset[str] = frozenset(READINGS[:1])

    def __post_init__(self) -> None:
        object.__setattr__(self, "genes", None if self.genes is None else frozenset(self.genes))
        object.__setattr__(self, "reads", frozenset(self.reads))
        faults = list(self._faults())
        if faults:
            raise CohortError(f"{len(faults)} faults in the panel '{self.name}'", faults)

    def __eq__(self, other: object) -> bool:
        """Whether both read the same; a size that is unknown to both is the same."""
        return self._all() == other._all() if isinstance(other, Panel) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def _all(self) -> tuple[object, ...]:
        size = None if math.isnan(self.size_mb) else self.size_mb
        return self.name, self.genes, size, self.reads

    def _faults(self) -> Iterator[Fault]:
        if not is_name(self.name):
            yield Fault("name", "a panel needs a name", "use a short text")
        if self.genes is not None and not (self.genes and all(map(is_name, self.genes))):
            yield Fault("genes", "a gene list holds gene symbols", "use None for a whole exome")
        if self.size_mb <= 0 or self.size_mb == math.inf:
            yield Fault("size_mb", "a size is more than 0 Mb", "use NaN where it is unknown")
        if not self.reads or self.reads - set(READINGS):
            yield Fault("reads", "what is read is not known here", f"use some of {', '.join(READINGS)}")

    def holds(self, gene: str, reading: str = "mutations") -> bool:
        """Whether the assay reads this of the gene, so that no finding means none there."""
        stated = reading == "stated_copies"
        return not stated and reading in self.reads and (self.genes is None or gene in self.genes)

    def may_find(self, gene: str, kind: str) -> bool:
        """Whether a finding of this kind in this gene can come from the assay."""
        stated = kind in COPY_NUMBERS or kind in ZYGOSITIES
        return self.holds(gene, _READING_OF.get(kind, "mutations")) or (
            stated and "stated_copies" in self.reads
        )


def is_name(value: object) -> bool:
    """Whether a value is a text that names something."""
    return isinstance(value, str) and bool(value.strip())
