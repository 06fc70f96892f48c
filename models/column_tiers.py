"""Wide blocks cut into tiers: columns that go with the outcomes most need not share a scale with the rest.

A block's one scale presumes that each of its columns may matter alike. Where a dozen genes of thousands
decide, they drown; ranked by how they go with the outcomes of the training patients, the foremost become
blocks of their own, whose weights are learned as any block's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

ENDS = (30, 100, 300)
"""The rank at which each tier of a block ends; the block's other columns are its last."""

_TINY = 1e-12


def strength(design: Numbers, outcomes: Numbers) -> Numbers:
    """Mean squared correlation (p,) over drugs of centred columns (n, p) with centred outcomes (n, drugs).

    A column or an outcome that does not vary goes with nothing.
    """
    own, theirs = np.square(design).sum(axis=0), np.square(outcomes).sum(axis=0)
    products = np.square(design.T @ outcomes)
    return np.asarray((products / np.maximum(np.outer(own, theirs), _TINY**2)).mean(axis=1) * (own > _TINY))


def tiers(blocks: Sequence[str], strong: Numbers) -> tuple[str, ...]:
    """The part `<block>/<tier>` (from 0) of each column (p,); of equally strong ones the earlier comes first.

    A block of no more columns than the last of `ENDS` stays whole, in tier 0.
    """
    labels = np.array(blocks, dtype=object)
    tier = np.zeros(len(labels), dtype=np.int64)
    for block in dict.fromkeys(blocks):
        own = np.flatnonzero(labels == block)
        if len(own) > ENDS[-1]:
            ranked = own[np.argsort(-strong[own], kind="stable")]
            tier[ranked] = np.searchsorted(ENDS, np.arange(len(own)), side="right")
    return tuple(f"{block}/{place}" for block, place in zip(blocks, tier.tolist(), strict=True))


def of_blocks(weights: Mapping[str, float]) -> dict[str, float]:
    """What each block is worth (its share of variance beside the noise's 1): the sum over its tiers."""
    found: dict[str, float] = {}
    for part, weight in weights.items():
        block = part.rpartition("/")[0]
        found[block] = found.get(block, 0.0) + weight
    return found
