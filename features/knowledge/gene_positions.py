"""Where genes lie on a genome: a small declared table, for reading copies off segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from features.knowledge.tables import _rows

BUILD = "GRCh37"
"""The build of the shipped table; for another, declare a table of your own."""

CHROMOSOMES = (*map(str, range(1, 23)), "X", "Y")
AUTOSOMES = frozenset(CHROMOSOMES[:22])


@dataclass(frozen=True, slots=True)
class GenePosition:
    """A gene's place: chromosome without `chr`, first and last base, counted from 1."""

    gene: str
    chromosome: str
    start: int
    end: int


@cache
def gene_positions() -> Mapping[str, GenePosition]:
    """The shipped genes of GRCh37, by symbol."""
    rows = (
        GenePosition(r["gene"], r["chromosome"], int(r["start"]), int(r["end"]))
        for r in _rows("gene_positions")
    )
    return MappingProxyType({row.gene: row for row in rows})


def chromosome_name(text: str) -> str | None:
    """A chromosome without `chr`, `23` and `24` as X and Y; None when it is none of the 24.

    >>> chromosome_name("chr1"), chromosome_name("23"), chromosome_name("HLA")
    ('1', 'X', None)
    """
    name = text.removeprefix("chr")
    name = {"23": "X", "24": "Y", "x": "X", "y": "Y"}.get(name, name)
    return name if name in CHROMOSOMES else None
