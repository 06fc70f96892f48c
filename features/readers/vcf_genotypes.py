"""Genotypes of a VCF, sample by sample: which may be used, and what several records say together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.knowledge.definitions import REFERENCE, Site
from features.star_alleles import UNREAD, Observation

Genotype = tuple[int | None, int | None, str | None]
"""Two allele numbers of a record (None: unknown), and the phase set that orders them, if any."""

NOTHING: Genotype = (None, None, None)

Entry = tuple[str | None, str | None, str | None]
"""What one record says of a sample at a site: two states and a phase; `REFUSED` when it is not used."""

REFUSED: Entry = ("", "", None)

_MISSING = np.iinfo(np.int32).min


def entry_of(genotype: Genotype, of_alleles: Sequence[str]) -> Entry:
    """A genotype in terms of a site's states, given what each allele of the record is there."""
    first, second, phase = genotype
    if first is None and second is None:
        return REFUSED
    one, other = (None if allele is None else of_alleles[allele] for allele in (first, second))
    return one, other, phase


def merged(said: Sequence[Entry]) -> Observation | None:
    """One observation from every record about a site; None when they contradict one another.

    A site with several alternates may stand in several records, each with one of them.
    """
    if REFUSED in said:
        return UNREAD
    if len(set(said)) == 1:
        return Observation(*said[0])
    phases = {entry[2] for entry in said}
    if len(phases) == 1 and None not in phases:
        return _slotwise(said)
    changes = [state for entry in said for state in entry[:2] if state != REFERENCE]
    if len(changes) > 2:
        return None
    first, second, *_ = [*changes, REFERENCE, REFERENCE]
    return Observation(first, second)


def phase_sets(chromosome: str, told: NDArray | None, n_samples: int) -> list[str]:
    """Each sample's phase set by PS; the whole chromosome where a phased record names none."""
    if told is None:
        return [chromosome] * n_samples
    if told.dtype.kind in "US":
        return [f"{chromosome}:{text}" for text in told.tolist()]
    return [chromosome if n == _MISSING else f"{chromosome}:{n}" for n in told[:, 0].tolist()]


def read_depths(told: NDArray | None, n_samples: int, n_alleles: int) -> list[list[int] | None]:
    """Reads of each allele (AD) by sample; None where the file does not give one number an allele."""
    if told is None:
        return [None] * n_samples
    rows = ([_count(n) for n in t.split(",")] if isinstance(t, str) else t for t in told.tolist())
    return [row if len(row) == n_alleles and min(row) >= 0 else None for row in rows]


def snp_call(site: Site, seen: Observation) -> str | None:
    """Two forward-strand letters of a SNP, the reference first; None unless both were read and are known."""
    only = site.changes[0]
    letters = {REFERENCE: only.references[1], only.name: only.alternate}
    if seen.first not in letters or seen.second not in letters:
        return None
    return "/".join(letters[state] for state in sorted((seen.first, seen.second), key=list(letters).index))


def _slotwise(said: Sequence[Entry]) -> Observation | None:
    slots: list[str | None] = []
    for of_slot in zip(*(entry[:2] for entry in said), strict=True):
        changes = [state for state in of_slot if state != REFERENCE]
        if len(changes) > 1:
            return None
        slots.append(changes[0] if changes else REFERENCE)
    return Observation(slots[0], slots[1], said[0][2])


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
