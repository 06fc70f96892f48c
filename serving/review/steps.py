"""The way from the typical patient to this one: contributions as steps, and as groups of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TypedDict

import numpy as np

from models.outcome import LINKS, ContinuousOutcome
from serving.review.words import feature_value, reached, sentence

_SHOWN_SHARE = 0.02
_MOST_STEPS = 12


class Row(TypedDict):
    """One feature of a recorded explanation, as the answer's JSON tells it."""

    name: str
    label: str
    block: str
    gene: str | None
    value: float | None
    unit: str
    contribution: float


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of the waterfall on the margin, and the outcome reached with it."""

    block: str
    label: str
    value: str
    amount: float
    start: float
    end: float
    reached: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """One feature: its label, the patient's value and its contribution."""

    label: str
    value: str
    amount: float


@dataclass(frozen=True, slots=True)
class Gene:
    """One gene's features, or a block's features of no gene (then without a title)."""

    title: str
    amount: float
    rows: tuple[TableRow, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One block's genes and features."""

    title: str
    amount: float
    genes: tuple[Gene, ...]


@dataclass(frozen=True)
class Scale:
    """The scale on which contributions add up, read back from its name such as `root(mg/wk)`."""

    name: str
    unit: str

    def outcome(self, margin: float) -> float:
        """The margin in the outcome's unit."""
        link = next((link for link in LINKS if self.name == f"{link}({self.unit})"), "identity")
        read = ContinuousOutcome("", "", self.unit, link, -np.inf, np.inf)
        return float(read.from_margin(np.array(margin)))

    def margin(self, value: float) -> float:
        """An outcome on the margin."""
        link = next((link for link in LINKS if self.name == f"{link}({self.unit})"), "identity")
        return float(ContinuousOutcome("", "", self.unit, link, -np.inf, np.inf).to_margin(np.array(value)))


def blocks_of(features: Sequence[Row], other: float = 0.0) -> tuple[Block, ...]:
    """Features grouped under their blocks and genes; the largest sums first."""
    blocks = [
        _block(name, list(own)) for name, own in groupby(sorted(features, key=_block_of), key=_block_of)
    ]
    blocks.sort(key=lambda block: -abs(block.amount))
    if other:
        rest = Gene("", other, (TableRow("All other features together", "", other),))
        blocks.append(Block("Other", other, (rest,)))
    return tuple(blocks)


def steps_of(
    blocks: Sequence[Block], base: float, calls: Mapping[str, str], scale: Scale
) -> tuple[Step, ...]:
    """One step for each gene and each notable feature; each block's small ones together."""
    weights = sorted((abs(a) for block in blocks for *_, a in _parts(block, calls)), reverse=True)
    least = max(_SHOWN_SHARE * sum(weights), weights[_MOST_STEPS - 1] if len(weights) > _MOST_STEPS else 0.0)
    parts = [part for block in blocks for part in _merged(_parts(block, calls), block.title, least)]
    ends = list(accumulate((part[-1] for part in parts), initial=base))
    return tuple(
        Step(*part, start, end, reached(scale.outcome(end)))
        for part, start, end in zip(parts, ends, ends[1:], strict=False)
    )


_Part = tuple[str, str, str, float]


def _parts(block: Block, calls: Mapping[str, str]) -> list[_Part]:
    parts: list[_Part] = []
    for gene in block.genes:
        if gene.title:
            parts.append((block.title, gene.title, calls.get(gene.title, ""), gene.amount))
        else:
            parts += [(block.title, row.label, row.value, row.amount) for row in gene.rows]
    return sorted(parts, key=lambda part: -abs(part[-1]))


def _merged(parts: list[_Part], title: str, least: float) -> list[_Part]:
    large = [part for part in parts if abs(part[-1]) >= least]
    small = [part for part in parts if abs(part[-1]) < least]
    if len(small) == 1:
        return parts
    if small:
        label = f"{len(small)} smaller {title.lower()} inputs"
        large.append((title, label, "", sum(part[-1] for part in small)))
    return large


def _block_of(row: Row) -> str:
    return row["block"]


def _gene_of(row: Row) -> str:
    return row["gene"] or ""


def _block(name: str, features: list[Row]) -> Block:
    genes = [_gene(title, list(own)) for title, own in groupby(sorted(features, key=_gene_of), key=_gene_of)]
    genes.sort(key=lambda gene: -abs(gene.amount))
    return Block(sentence(name), sum(gene.amount for gene in genes), tuple(genes))


def _gene(title: str, features: list[Row]) -> Gene:
    rows = [
        TableRow(_label(f, title), feature_value(f["name"], f["value"], f["unit"]), f["contribution"])
        for f in features
    ]
    rows.sort(key=lambda row: -abs(row.amount))
    return Gene(title, sum(row.amount for row in rows), tuple(rows))


def _label(feature: Row, gene: str) -> str:
    label = feature["label"]
    return sentence(label.removeprefix(f"{gene} ") if gene else label)
