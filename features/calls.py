"""How germline calls are spelled: checked, put into one order, turned to the forward strand."""

from __future__ import annotations

import re
from functools import lru_cache

from features.knowledge.tables import COMPLEMENT, other_alleles, snps

LONGEST_CALL = 80
_STAR = r"\*[0-9]{1,4}[A-Z]*(x≥?[0-9])?"
STAR_ALLELE = rf"{_STAR}(\+{_STAR})*"
"""A star allele, its copies (CYP2D6 `*1x2`), or several that one chromosome carries (UGT1A1 `*80+*28`)."""

_STAR_ALLELE = re.compile(STAR_ALLELE, re.ASCII)


@lru_cache(maxsize=4096)
def canonical_diplotype(text: str) -> str | None:
    """Two alleles, the lower number first; None when the text is not a diplotype.

    They are star alleles, or names that CPIC uses where there are no stars (DPYD).

    >>> canonical_diplotype("*3/*1"), canonical_diplotype("c.557A>G/Reference")
    ('*1/*3', 'Reference/c.557A>G')
    """
    parts = text.split("/")
    if len(text) > LONGEST_CALL or len(parts) != 2:
        return None
    if all(map(is_star_allele, parts)):
        return "/".join(sorted(parts, key=_star_order))
    order = other_alleles()
    return "/".join(sorted(parts, key=order.index)) if all(part in order for part in parts) else None


@lru_cache(maxsize=4096)
def canonical_snp_call(rsid: str, text: str) -> str | None:
    """Two of the SNP's forward-strand letters, the reference first; None when the text is not that.

    >>> canonical_snp_call("rs9923231", "T/C"), canonical_snp_call("rs9923231", "G/A")
    ('C/T', None)
    """
    known = snps()[rsid].alleles
    parts = text.split("/")
    if len(parts) != 2 or not all(part in known for part in parts):
        return None
    return "/".join(sorted(parts, key=known.index))


def forward_snp_call(rsid: str, gene_strand_call: str) -> str | None:
    """A call in the letters of the gene's strand, as the forward strand spells it; None when it is not one.

    >>> forward_snp_call("rs9923231", "A/G")
    'C/T'
    """
    if snps()[rsid].strand == "plus":
        return canonical_snp_call(rsid, gene_strand_call)
    return canonical_snp_call(rsid, "".join(COMPLEMENT.get(letter, letter) for letter in gene_strand_call))


def is_gene_strand_call(rsid: str, text: str) -> bool:
    """Whether a call refused on the forward strand reads well in the gene's letters."""
    return canonical_snp_call(rsid, text) is None and forward_snp_call(rsid, text) is not None


def is_star_allele(text: str) -> bool:
    """Whether a text is the name of a star allele, such as `*3A`, or of two on one chromosome.

    >>> is_star_allele("*80+*28"), is_star_allele("Reference")
    (True, False)
    """
    return _STAR_ALLELE.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def parts_of(allele: str) -> tuple[tuple[str, int], ...]:
    """The star alleles that one chromosome carries, with their copies (`x≥3` counts as CPIC does, as 3).

    >>> parts_of("*36+*10x2")
    (('*36', 1), ('*10', 2))
    """
    if not is_star_allele(allele):
        return ((allele, 1),)
    names = (part.partition("x") for part in allele.split("+"))
    return tuple((name, int(copies.lstrip("≥") or 1)) for name, _, copies in names)


def _star_order(allele: str) -> tuple[int, str]:
    digits = parts_of(allele)[0][0][1:].rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return int(digits), allele
