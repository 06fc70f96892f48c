"""The way from the typical patient to this one: contributions as steps, and as groups of rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TypedDict

import numpy as np

from models.outcome import outcome_on_scale
from serving.review.measure import Measure
from serving.review.standing import Context, Standing
from serving.review.words import feature_value, sentence, unit

LOG_ODDS = "log-odds"
MOST_ROWS = 60
"""Features told one by one; of more the largest are, and each block's others together."""

_BARE = Context()
_OF_GENES = frozenset({"Genotype", "Tumour", "Expression"})
_MOST_OPEN = 12
_SHOWN_SHARE = 0.02
_MOST_STEPS = 12
_WIDE_STEPS = 8


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
    """One feature: its label, the patient's value and its contribution.

    `standing` says where the value lies among patients trained on, `instead` what stands in for one that was
    not recorded.
    """

    label: str
    value: str
    amount: float
    name: str = ""
    standing: Standing | None = None
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Gene:
    """One gene's features, or a block's features of no gene (then without a title)."""

    title: str
    amount: float
    rows: tuple[TableRow, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Rows to be read together, each with its gene where it is that gene's only one."""

    title: str
    amount: float
    rows: tuple[tuple[str, TableRow], ...]

    @property
    def parts(self) -> tuple[Section, ...]:
        """Itself; a long run of rows as its first ones, and the others by a title of their own."""
        if self.title or len(self.rows) <= _MOST_OPEN + 2:
            return (self,)
        first, others = self.rows[:_MOST_OPEN], self.rows[_MOST_OPEN:]
        rest = math.fsum(row.amount for _, row in others)
        return Section("", 0.0, first), Section("Further", rest, others)


@dataclass(frozen=True, slots=True)
class Block:
    """One block's genes and features; its last row stands for `n_rest` small ones, if there are any."""

    title: str
    amount: float
    genes: tuple[Gene, ...]
    n_rest: int = 0

    @property
    def sections(self) -> tuple[Section, ...]:
        """The rows as a reader goes through them: a gene's several under it, runs of others together."""
        found: list[Section] = []
        for gene in self.genes:
            if gene.title and len(gene.rows) > 1:
                found.append(Section(gene.title, gene.amount, tuple(("", row) for row in gene.rows)))
                continue
            rows = tuple((gene.title, row) for row in gene.rows)
            if found and not found[-1].title:
                rows = (*found.pop().rows, *rows)
            found.append(Section("", 0.0, rows))
        return tuple(part for section in found for part in section.parts)

    @property
    def rest_label(self) -> str | None:
        """How the row of the small ones is called."""
        return _rest_label(self.n_rest, self.title) if self.n_rest else None


@dataclass(frozen=True)
class Scale:
    """The scale on which contributions add up, read back from its name such as `root(mg/wk)`."""

    name: str
    unit: str

    def outcome(self, margin: float) -> float:
        """The margin in the outcome's unit."""
        return float(outcome_on_scale(self.name, self.unit).from_margin(np.array(margin)))

    @property
    def is_odds(self) -> bool:
        """Whether the margin is that of a probability."""
        return self.name == LOG_ODDS

    @property
    def said(self) -> str:
        """The scale in words."""
        kind, _, inner = self.name.removesuffix(")").partition("(")
        plain = unit(inner) or "the outcome"
        return {"root": f"of the square root of {plain}", "log": f"of the logarithm of {plain}"}.get(
            kind if inner else "", f"of {unit(self.name) or self.name}"
        )

    def margin(self, value: float) -> float:
        """An outcome on the margin."""
        return float(outcome_on_scale(self.name, self.unit).to_margin(np.array(value)))


def blocks_of(features: Sequence[Row], other: float = 0.0, context: Context = _BARE) -> tuple[Block, ...]:
    """Features grouped under their blocks and genes; the largest sums first."""
    least = _least_told([abs(feature["contribution"]) for feature in features])
    ordered = sorted(features, key=_block_of)
    grouped = [(name, list(own)) for name, own in groupby(ordered, key=_block_of)]
    blocks = [_block(name, own, least, context) for name, own in grouped if any(map(_says_something, own))]
    blocks.sort(key=lambda block: -abs(block.amount))
    if other:
        rest = Gene("", other, (TableRow("All other features together", "", other),))
        blocks.append(Block("Other", other, (rest,)))
    return tuple(blocks)


def steps_of(
    blocks: Sequence[Block], base: float, calls: Mapping[str, str], scale: Scale, measure: Measure
) -> tuple[Step, ...]:
    """One step for each gene and each notable feature; each block's small ones together."""
    least = _least_shown([abs(a) for block in blocks for *_, a in _parts(block, calls)])
    parts = [part for block in blocks for part in _merged(_parts(block, calls), block, least)]
    ends = list(accumulate((part[-1] for part in parts), initial=base))
    return tuple(
        Step(*part, start, end, measure.reached(scale.outcome(end)))
        for part, start, end in zip(parts, ends, ends[1:], strict=False)
    )


def _least_told(sizes: list[float]) -> float:
    """What a contribution must reach for a row of its own."""
    return sorted(sizes, reverse=True)[MOST_ROWS - 1] if len(sizes) > MOST_ROWS else 0.0


def _least_shown(sizes: list[float]) -> float:
    """What a part must reach for a step of its own; of very many parts a few always do."""
    weights = sorted(sizes, reverse=True)
    least = max(_SHOWN_SHARE * sum(weights), weights[_MOST_STEPS - 1] if len(weights) > _MOST_STEPS else 0.0)
    return min(least, weights[_WIDE_STEPS - 1]) if len(weights) >= MOST_ROWS else least


_Part = tuple[str, str, str, float]


def _parts(block: Block, calls: Mapping[str, str]) -> list[_Part]:
    parts: list[_Part] = []
    for gene in block.genes:
        if gene.title and (len(gene.rows) > 1 or block.title in _OF_GENES):
            parts.append((block.title, gene.title, calls.get(gene.title, ""), gene.amount))
        else:
            parts += [(block.title, row.label, row.value, row.amount) for row in gene.rows]
    return sorted(parts, key=lambda part: -abs(part[-1]))


def _merged(parts: list[_Part], block: Block, least: float) -> list[_Part]:
    large = [part for part in parts if abs(part[-1]) >= least and part[1] != block.rest_label]
    small = [part for part in parts if abs(part[-1]) < least or part[1] == block.rest_label]
    if len(small) == 1:
        return parts
    if small:
        n = len(small) + max(block.n_rest - 1, 0)
        large.append((block.title, _rest_label(n, block.title), "", sum(part[-1] for part in small)))
    return large


def _rest_label(n: int, title: str) -> str:
    return f"{n:,} smaller {title.lower()} inputs"


def _says_something(row: Row) -> bool:
    """False of what neither is recorded nor counts: a reduced model does not read it."""
    return row["value"] is not None or row["contribution"] != 0.0


def _block_of(row: Row) -> str:
    return row["block"]


def _gene_of(row: Row) -> str:
    return row["gene"] or ""


def _block(name: str, features: list[Row], least: float, context: Context) -> Block:
    small = [f["contribution"] for f in features if abs(f["contribution"]) < least]
    least = least if len(small) > 1 else 0.0
    small = small if len(small) > 1 else []
    told = [f for f in features if abs(f["contribution"]) >= least]
    by_gene = groupby(sorted(told, key=_gene_of), key=_gene_of)
    genes = [_gene(title, list(own), context) for title, own in by_gene]
    genes.sort(key=lambda gene: -abs(gene.amount))
    title = sentence(name)
    if small:
        rest = math.fsum(small)
        genes.append(Gene("", rest, (TableRow(_rest_label(len(small), title), "", rest),)))
    return Block(title, sum(gene.amount for gene in genes), tuple(genes), len(small))


def _gene(title: str, features: list[Row], context: Context) -> Gene:
    rows = [
        TableRow(
            _label(f, title, len(features)),
            feature_value(f["name"], f["value"], f["unit"]),
            f["contribution"],
            f["name"],
            context.standing(f["name"], f["value"], f["unit"]),
            context.instead(f["name"]) if f["value"] is None else "",
        )
        for f in features
    ]
    rows.sort(key=lambda row: -abs(row.amount))
    return Gene(title, sum(row.amount for row in rows), tuple(rows))


def _label(feature: Row, gene: str, n_of_gene: int) -> str:
    """What a row says beside its gene; a gene's only row stands in one line with it."""
    own = feature["label"].removeprefix(f"{gene} ") if gene else feature["label"]
    return own if gene and n_of_gene == 1 else sentence(own)
