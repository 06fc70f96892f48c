"""Star alleles from the letters read at a gene's sites: every diplotype that they allow, the simplest first.

A diplotype is called only when it is the only one. What was not read could be anything, so it leaves open
each allele that differs there. Two named alleles must explain everything that was read; a combination
that no allele is named for (PharmVar, CPIC) is left without a call, not fitted to the nearest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from features.genotype import phenotype
from features.knowledge.definitions import GeneDefinition, definitions

OTHER = "other"
"""Something was read at a site that no allele of the gene carries."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was read at a site on the two chromosomes: a change's name, `REFERENCE`, `OTHER`, or None.

    None was not read. Sites of one `phase` tell which alleles lie on the same chromosome; phase None
    leaves it open. `assumed` says that nobody read it, and that the caller was told to take the reference.
    """

    first: str | None = None
    second: str | None = None
    phase: str | None = None
    assumed: bool = False

    @property
    def is_read(self) -> bool:
        """Whether both chromosomes were read."""
        return self.first is not None and self.second is not None


UNREAD = Observation()


@dataclass(frozen=True, slots=True)
class DiplotypeCall:
    """Every diplotype of a gene that the data allow, ranked; `call` when there is no more than one.

    `simplest` is the one candidate with the fewest variant alleles (TPMT `*1/*3A` before `*3B/*3C`, as
    laboratories report it), where all of them rest on what was read. `unread` and `assumed` name sites
    by rsid, or by their first change where there is none.
    """

    gene: str
    candidates: tuple[str, ...]
    simplest: str | None = None
    unread: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    reason: str = ""

    @property
    def call(self) -> str | None:
        """The diplotype, or None where the data do not decide."""
        return self.candidates[0] if len(self.candidates) == 1 else None

    @property
    def phenotype(self) -> str | None:
        """What CPIC assigns to all candidates alike, or None; it may be certain where `call` is not."""
        found = {phenotype(self.gene, candidate) for candidate in self.candidates}
        return found.pop() if len(found) == 1 else None


def call_diplotype(gene: str, observed: Sequence[Observation]) -> DiplotypeCall:
    """The diplotypes of a gene that fit what was observed at its sites, in the order of its definition.

    >>> sites = definitions()["VKORC1"].sites
    >>> call_diplotype("VKORC1", [Observation("reference", "16-31096368-C-T")] * len(sites)).call
    'Reference/rs9923231'
    """
    return _call(gene, tuple(observed))


def genotype_rows(calls: Iterable[DiplotypeCall], simplest: bool = False) -> list[tuple[str, str]]:
    """(gene, diplotype) of every call that is decided; `simplest` takes the simplest of several too."""
    found = ((call.gene, call.call or (call.simplest if simplest else None)) for call in calls)
    return [(gene, diplotype) for gene, diplotype in found if diplotype is not None]


@lru_cache(maxsize=65536)
def _call(gene: str, observed: tuple[Observation, ...]) -> DiplotypeCall:
    definition = definitions()[gene]
    names = [site.rsid or site.changes[0].name for site in definition.sites]
    unread = tuple(name for name, seen in zip(names, observed, strict=True) if not seen.is_read)
    assumed = tuple(name for name, seen in zip(names, observed, strict=True) if seen.assumed)
    if len(unread) == len(names):
        return DiplotypeCall(gene, (), None, unread, assumed, "no site of the gene was read")
    pairs = _fitting_pairs(definition, observed)
    ranked = sorted((*_rank(definition, observed, pair), pair) for pair in pairs)
    candidates = tuple("/".join(pair) for *_, pair in ranked)
    is_simplest = ranked and ranked[-1][0] == 0 and [r[1] for r in ranked].count(ranked[0][1]) == 1
    simplest = candidates[0] if is_simplest else None
    return DiplotypeCall(gene, candidates, simplest, unread, assumed, _reason(len(candidates)))


def _reason(n_candidates: int) -> str:
    if n_candidates == 1:
        return ""
    return "several diplotypes fit" if n_candidates else "no two named alleles explain what was read"


def _fitting_pairs(definition: GeneDefinition, seen: tuple[Observation, ...]) -> list[tuple[str, str]]:
    """Pairs of alleles, in the order of the definition, that agree with every site and every phase set.

    One bit a site: `firsts[a]` has the sites where allele `a` could be what was read first. A pair fits a
    phase set when one and the same orientation fits all of its sites.
    """
    firsts = _masks(definition, [observation.first for observation in seen])
    seconds = _masks(definition, [observation.second for observation in seen])
    alone, together = _phase_masks(seen)
    everywhere = (1 << len(seen)) - 1
    possible = [a.name for a in definition.alleles if firsts[a.name] | seconds[a.name] == everywhere]
    found = []
    for i, a in enumerate(possible):
        for b in possible[i:]:
            straight, crossed = firsts[a] & seconds[b], seconds[a] & firsts[b]
            if (straight | crossed) & alone == alone and all(
                straight & mask == mask or crossed & mask == mask for mask in together
            ):
                found.append((a, b))
    return found


def _masks(definition: GeneDefinition, read: Sequence[str | None]) -> Mapping[str, int]:
    return {
        name: sum(
            1 << i
            for i, (state, may_be) in enumerate(zip(read, states, strict=True))
            if state is None or state in may_be
        )
        for name, states in definition.states.items()
    }


def _phase_masks(seen: tuple[Observation, ...]) -> tuple[int, tuple[int, ...]]:
    """The sites that stand alone, and those of each phase set."""
    alone = 0
    sets: dict[str, int] = {}
    for i, observation in enumerate(seen):
        if observation.phase is None or observation.first == observation.second:
            alone |= 1 << i
        else:
            sets[observation.phase] = sets.get(observation.phase, 0) | 1 << i
    return alone, tuple(sets.values())


def _rank(
    definition: GeneDefinition, seen: tuple[Observation, ...], pair: tuple[str, str]
) -> tuple[int, int, int, int]:
    """First what was read in full, then few alleles that differ from the reference, then by number."""
    names = [allele.name for allele in definition.alleles]
    required = [definition.alleles[names.index(name)].required for name in pair]
    unread = {
        change.name
        for site, observation in zip(definition.sites, seen, strict=True)
        if not observation.is_read
        for change in site.changes
    }
    unseen = sum(len(changes & unread) for changes in required)
    variants = sum(name != definition.reference for name in pair)
    return unseen, variants, names.index(pair[0]), names.index(pair[1])
