"""How germline calls are spelled: checked, put into one order, turned to the forward strand."""

from __future__ import annotations

from functools import lru_cache

from features.knowledge.tables import COMPLEMENT, snps

LONGEST_CALL = 32


@lru_cache(maxsize=4096)
def canonical_diplotype(text: str) -> str | None:
    """Two star alleles, the lower number first; None when the text is not a diplotype.

    >>> canonical_diplotype("*3/*1")
    '*1/*3'
    """
    parts = text.split("/")
    if len(text) > LONGEST_CALL or len(parts) != 2 or not all(map(_is_star_allele, parts)):
        return None
    return "/".join(sorted(parts, key=_star_order))


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


def _is_star_allele(text: str) -> bool:
    digits = text[1:].rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return text.startswith("*") and digits.isascii() and digits.isdigit() and len(digits) <= 4


def _star_order(allele: str) -> tuple[int, str]:
    digits = allele[1:].rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return int(digits), allele
