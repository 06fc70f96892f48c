"""Human gene names: approved symbols, and what withdrawn symbols, aliases, Ensembl and NCBI ids stand for.

`genes.tsv.gz` opens with its source, version and licence. A later HGNC complete set is read by `read_hgnc`.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from features.errors import DataError, Fault

ENSEMBL_GENE = re.compile(r"ENSG[0-9]{11}(?=$|[._])")
_PAIRED = re.compile(r"([^|() ]+)(?:\|([0-9]+)| \(([0-9]+)\))")  # TCGA's A1BG|1, DepMap's A1BG (1)
_LARGEST_HGNC = 100_000_000
_HGNC_COLUMNS = ("symbol", "ensembl_gene_id", "entrez_id", "prev_symbol", "alias_symbol")


@dataclass(frozen=True, slots=True)
class Gene:
    """An approved gene: its symbol and what else it is or was called; an id that it lacks is ''."""

    symbol: str
    ensembl: str
    entrez: str
    withdrawn: tuple[str, ...]
    alias: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """What an id stands for: its approved symbol (None: not known, or several) and `how` it was found.

    `how` is `approved`, `ensembl`, `entrez`, `withdrawn`, `alias`, `ambiguous` or `unknown`.
    """

    symbol: str | None
    how: str


@dataclass(frozen=True)
class GeneNames:
    """Gene ids by kind; every withdrawn symbol and alias that two genes share is ambiguous, never guessed.

    >>> gene_names().name("ENSG00000141510.18").symbol, gene_names().name("CTGF").symbol
    ('TP53', 'CCN2')
    """

    approved: frozenset[str]
    ensembl: Mapping[str, str]
    entrez: Mapping[str, str]
    withdrawn: Mapping[str, str | None]
    alias: Mapping[str, str | None]
    _tables: tuple[tuple[str, Mapping[str, str | None]], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tables", (("withdrawn", self.withdrawn), ("alias", self.alias)))

    def name(self, gene_id: str) -> Named:
        """What one id stands for: an Ensembl id (version stripped), an NCBI id, or a symbol."""
        if gene_id in self.approved:
            return Named(gene_id, "approved")
        if ENSEMBL_GENE.match(gene_id):
            stem = gene_id[:15]
            return Named(self.ensembl.get(stem, stem), "ensembl")
        if gene_id.isascii() and gene_id.isdigit():
            found = self.entrez.get(gene_id)
            return Named(found, "entrez" if found else "unknown")
        for how, table in self._tables:
            if gene_id in table:
                symbol = table[gene_id]
                return Named(symbol, how if symbol else "ambiguous")
        paired = _PAIRED.fullmatch(gene_id)
        if paired:
            by_number = self.entrez.get(paired[2] or paired[3])
            return Named(by_number, "entrez") if by_number else self.name(paired[1])
        return Named(None, "unknown")

    def first(self, candidates: Sequence[str]) -> Named:
        """The first of several ids of one gene that is known; what the first is, if none is."""
        answers = [self.name(candidate) for candidate in candidates]
        return next((answer for answer in answers if answer.symbol is not None), answers[0])

    def share_known(self, ids: Iterable[str]) -> float:
        """The share of the ids that name a gene, between 0 and 1; 0 of none."""
        known = [self.name(gene_id).symbol is not None for gene_id in ids]
        return sum(known) / len(known) if known else 0.0


@cache
def gene_names() -> GeneNames:
    """The names shipped with the package (HGNC; date and licence in the file's header)."""
    with gzip.open(Path(__file__).with_name("genes.tsv.gz"), "rt", encoding="utf-8") as table:
        lines = [line for line in table.read().splitlines() if not line.startswith("#")]
    genes = []
    for line in lines[1:]:
        symbol, ensembl, entrez, withdrawn, alias = line.split("\t")
        genes.append(Gene(symbol, _ensembl_id(ensembl), entrez, _several(withdrawn), _several(alias)))
    return index_genes(genes)


def index_genes(genes: Iterable[Gene]) -> GeneNames:
    """The names of these genes; an approved symbol always means its own gene."""
    listed = list(genes)
    approved = frozenset(gene.symbol for gene in listed)
    return GeneNames(
        approved,
        _single((gene.ensembl, gene.symbol) for gene in listed),
        _single((gene.entrez, gene.symbol) for gene in listed),
        _shared(((name, g.symbol) for g in listed for name in g.withdrawn), approved),
        _shared(((name, g.symbol) for g in listed for name in g.alias), approved),
    )


def read_hgnc(path: Path) -> GeneNames:
    """The names in a file laid out like HGNC's `hgnc_complete_set.txt` (tabs; lists with `|`)."""
    try:
        if path.stat().st_size > _LARGEST_HGNC:
            raise _refusal(path, "the file is too large for a table of gene names")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _refusal(path, "the file cannot be read") from error
    except UnicodeDecodeError as error:
        raise _refusal(path, "the file is not UTF-8") from error
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    missing = [name for name in _HGNC_COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise _refusal(path, f"columns are missing: {', '.join(missing)}")
    genes = [_hgnc_gene(row) for row in rows if row.get("status", "Approved") == "Approved"]
    repeated = [symbol for symbol, n in Counter(gene.symbol for gene in genes).items() if n > 1]
    if repeated or not genes:
        raise _refusal(
            path, f"{len(repeated)} symbols are repeated" if genes else "no approved gene is listed"
        )
    return index_genes(genes)


def _hgnc_gene(row: Mapping[str, str | None]) -> Gene:
    symbol, ensembl, entrez, withdrawn, alias = ((row[name] or "").strip('"') for name in _HGNC_COLUMNS)
    return Gene(symbol, ensembl, entrez, _several(withdrawn), _several(alias))


def _refusal(path: Path, what: str) -> DataError:
    remedy = "give HGNC's complete set as it comes (hgnc_complete_set.txt)"
    return DataError("the gene names cannot be read", [Fault(path.name, what, remedy)])


def _ensembl_id(digits: str) -> str:
    return f"ENSG{digits:0>11}" if digits else ""


def _several(joined: str) -> tuple[str, ...]:
    return tuple(name for name in joined.split("|") if name)


def _single(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for gene_id, symbol in pairs:
        if gene_id:
            found.setdefault(gene_id, symbol)
    return MappingProxyType(found)


def _shared(pairs: Iterable[tuple[str, str]], approved: frozenset[str]) -> Mapping[str, str | None]:
    found: dict[str, str | None] = {}
    for name, symbol in pairs:
        if name not in approved:
            found[name] = symbol if found.get(name, symbol) == symbol else None
    return MappingProxyType(found)
