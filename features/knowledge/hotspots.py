"""Residues that recur mutated in tumours; a small table of those that are beyond doubt."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from features.knowledge.tables import _rows

_RESIDUE = re.compile(r"p\.([A-Z])(\d+)")


@cache
def hotspots() -> frozenset[tuple[str, str, str]]:
    """(gene, place, kind): the place a residue (`V600`) or a promoter change (`c.-124C>T`)."""
    return frozenset((r["gene"], r["place"], r["kind"]) for r in _rows("hotspots"))


@cache
def hotspot_genes() -> frozenset[str]:
    """The genes of which hotspots are known here."""
    return frozenset(gene for gene, _, _ in hotspots())


@lru_cache(maxsize=65536)
def is_hotspot(gene: str, kind: str, change: str) -> bool:
    """Whether a change falls on a hotspot of its gene: any exchange of the residue, of the kind listed.

    >>> is_hotspot("BRAF", "missense", "p.V600K"), is_hotspot("BRAF", "missense", "p.L597R")
    (True, False)
    """
    residue = _RESIDUE.match(change)
    place = residue.group(1) + residue.group(2) if residue else change
    return (gene, place, kind) in hotspots()
