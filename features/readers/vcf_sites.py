"""What one record of a VCF says of a site: which of the site's changes each of its alleles is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from features.knowledge.definitions import BUILDS, REFERENCE, Change, Site
from features.star_alleles import OTHER

REACH = 60
"""Bases around an insertion or deletion within which it may be another spelling of one known here."""

_GAP = 10_000
_NO_OTHER_ALLELE = frozenset({"<*>", "<NON_REF>", "*"})


@dataclass(frozen=True, slots=True)
class Record:
    """The part of a record that does not depend on the sample; `end` is the last base a block covers."""

    position: int
    reference: str
    alternates: tuple[str, ...]
    end: int

    @property
    def is_block(self) -> bool:
        """Whether the record names no change: a reference block, or a position found unchanged."""
        return all(alternate in ("<*>", "<NON_REF>") for alternate in self.alternates)

    @property
    def last(self) -> int:
        """The last base that the record is about."""
        return self.end if self.is_block else self.position + len(self.reference) - 1


def stretches(starts: Mapping[str, Sequence[int]]) -> list[tuple[str, int, int]]:
    """(chromosome, first, last base) of stretches that hold the starts, which stand in order."""
    found: list[tuple[str, int, int]] = []
    for name, positions in starts.items():
        for position in positions:
            if found and found[-1][0] == name and position - found[-1][2] < _GAP:
                found[-1] = (name, found[-1][1], position + REACH)
            else:
                found.append((name, max(1, position - REACH), position + REACH))
    return found


def covers(record: Record, site: Site, build: str) -> bool:
    """Whether a block covers every base that the site's changes touch."""
    first = site.position(build)
    touched = max(len(change.references[BUILDS.index(build)]) for change in site.changes)
    return record.position <= first and first + touched - 1 <= record.last


def disagrees(record: Record, site: Site, build: str) -> bool:
    """Whether the record's reference is another than the build's at the site's first base."""
    offset = site.position(build) - record.position
    inside = 0 <= offset < len(record.reference)
    return inside and record.reference[offset].upper() != site.reference_letter(build)


def states(record: Record, site: Site, build: str) -> tuple[str, ...] | None:
    """For each allele of the record, the reference first, what stands at the site; None: it says nothing."""
    if record.is_block:
        if not covers(record, site, build):
            return None
        return (site.reference_state(build), *(OTHER for _ in record.alternates))
    if site.is_substitution:
        return _letters(record, site, build)
    return _insertions(record, site, build)


def known_alleles(record: Record, sites: Iterable[Site], build: str) -> frozenset[int]:
    """The alleles of the record that are an insertion or deletion of one of the sites."""
    return frozenset(
        number
        for site in sites
        if not site.is_substitution
        for number, allele in enumerate(record.alternates, start=1)
        if _same(record, allele, site, build)
    )


def doubted_alleles(record: Record, site: Site, build: str, known: frozenset[int]) -> frozenset[int]:
    """The alleles that leave a site in doubt of which the record says nothing.

    They take the site away, or may be one of its insertions or deletions spelled beyond proof.
    """
    unknown = [
        (number, *_trimmed(record.position, record.reference, allele))
        for number, allele in enumerate(record.alternates, start=1)
        if _is_indel(record, allele) and number not in known
    ]
    at = site.position(build)
    return frozenset(
        number
        for number, start, reference, _ in unknown
        if start < at < start + len(reference) or (not site.is_substitution and abs(start - at) <= REACH)
    )


def _letters(record: Record, site: Site, build: str) -> tuple[str, ...] | None:
    offset = site.position(build) - record.position
    if not 0 <= offset < len(record.reference):
        return None
    substituted = [a for a in record.alternates if _is_letters(a) and len(a) == len(record.reference)]
    tells = any(len(a) == 1 or a[offset] != record.reference[offset] for a in substituted)
    if not tells and not _NO_OTHER_ALLELE & set(record.alternates):
        return None
    return tuple(_letter(record, allele, offset, site) for allele in (record.reference, *record.alternates))


def _letter(record: Record, allele: str, offset: int, site: Site) -> str:
    if not _is_letters(allele):
        return OTHER
    if len(allele) == len(record.reference):
        letter = allele[offset]
    else:
        start, reference, _ = _trimmed(record.position, record.reference, allele)
        if start < record.position + offset < start + len(reference):
            return OTHER
        letter = record.reference[offset]
    if letter == site.reference_letter("GRCh38"):
        return REFERENCE
    return next((change.name for change in site.changes if change.alternate == letter), OTHER)


def _insertions(record: Record, site: Site, build: str) -> tuple[str, ...] | None:
    known = [_same(record, allele, site, build) for allele in record.alternates]
    here = [_is_indel(record, a) and _anchor(record, a) == site.position(build) for a in record.alternates]
    any_other = covers(record, site, build) and bool(_NO_OTHER_ALLELE & set(record.alternates))
    if not (any(known) or any(here) or any_other):
        return None
    found = [REFERENCE]
    for allele, name, is_here in zip(record.alternates, known, here, strict=True):
        unknown = is_here or not _is_letters(allele)
        found.append(name or (OTHER if unknown else REFERENCE))
    return tuple(found)


def _same(record: Record, allele: str, site: Site, build: str) -> str | None:
    """The site's change that this allele is, however it is aligned."""
    if not _is_letters(allele):
        return None
    one = _trimmed(record.position, record.reference, allele)
    return next((c.name for c in site.changes if _gives_the_same(one, _of(c, build))), None)


def _of(change: Change, build: str) -> tuple[int, str, str]:
    index = BUILDS.index(build)
    return change.positions[index], change.references[index], change.alternate


def _gives_the_same(one: tuple[int, str, str], two: tuple[int, str, str]) -> bool:
    """Whether two spellings turn one and the same sequence into one and the same other.

    Provable where their references meet: both are applied to the stretch that the two cover.
    """
    if one == two:
        return True
    (first, second) = sorted((one, two))
    growth = {len(reference) - len(alternate) for _, reference, alternate in (first, second)}
    if second[0] > first[0] + len(first[1]) or len(growth) > 1:
        return False
    offset = second[0] - first[0]
    overlap = first[1][offset:]
    if not (second[1].startswith(overlap) or overlap.startswith(second[1])):
        return False
    whole = first[1] + second[1][len(overlap) :]
    changed = (
        whole[: p - first[0]] + alternate + whole[p - first[0] + len(reference) :]
        for p, reference, alternate in (first, second)
    )
    return len(set(changed)) == 1


def _trimmed(position: int, reference: str, alternate: str) -> tuple[int, str, str]:
    """The change without the letters that both sides share, an insertion or deletion with its one anchor."""
    while len(reference) > 1 and len(alternate) > 1 and reference[-1] == alternate[-1]:
        reference, alternate = reference[:-1], alternate[:-1]
    while len(reference) > 1 and len(alternate) > 1 and reference[0] == alternate[0]:
        position, reference, alternate = position + 1, reference[1:], alternate[1:]
    return position, reference, alternate


def _anchor(record: Record, allele: str) -> int:
    return _trimmed(record.position, record.reference, allele)[0]


def _is_indel(record: Record, allele: str) -> bool:
    return _is_letters(allele) and len(allele) != len(record.reference)


def _is_letters(allele: str) -> bool:
    return allele.isalpha()
