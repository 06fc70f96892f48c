"""Who may not stand on both sides of a split: the same patient twice, near copies, and families.

Two patients are the same where every recorded fact is. They are near copies where all facts but one are the
same and agreeing in so many by chance is out of the question (see `_AGREED_BITS`), or where their expression
is, gene by gene and less the cohort's mean, the same up to noise.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort, Expression

Index = NDArray[np.int64]
Numbers = NDArray[np.float64]

FAMILY = "family"
"""The group of a cohort whose patients are relatives."""

_AGREED_BITS, _RARE = 20.0, 32
_ALIKE = 0.99
_FEWEST_GENES, _MOST_GENES, _FEWEST_SAMPLES, _ROWS = 200, 500, 10, 1000


@dataclass(frozen=True)
class Kin:
    """A number (n,) for each patient by what they share, the same for those who do: every fact, nearly
    every fact, and a family; `whole` joins the three."""

    twins: Index
    near: Index
    families: Index
    whole: Index


def kin_of(cohort: Cohort) -> Kin:
    """Who is the same as, nearly the same as, or of a family with whom."""
    facts = _facts(cohort)
    twins, pairs = _twins(facts), [*_all_but_one(facts), *_alike(cohort.expression)]
    near = _joined(len(cohort), (twins,), pairs)
    families = _families(cohort)
    return Kin(twins, near, families, _joined(len(cohort), (near, families), ()))


def kin_groups(cohort: Cohort) -> Index:
    """A number (n,) for each patient, the same for those who may not be parted by a split."""
    return kin_of(cohort).whole


def twin_groups(cohort: Cohort) -> Index:
    """A number for each patient, the same for those of whom every recorded fact is the same."""
    return _twins(_facts(cohort))


def n_shared(groups: Index) -> int:
    """How many patients share their number with another."""
    sizes = np.unique(groups, return_counts=True)[1]
    return int(sizes[sizes > 1].sum())


def _facts(cohort: Cohort) -> list[list[str]]:
    """Each patient's facts as texts; expression is one."""
    facts: list[list[str]] = [[] for _ in cohort.patient_ids]
    for table in (cohort.genotypes, cohort.clinical, cohort.medications, cohort.outcomes, cohort.variants):
        columns = [getattr(table, field.name).tolist() for field in fields(table)[1:]]
        for patient, *fact in zip(table.patient.tolist(), *columns, strict=True):
            facts[patient].append(f"{type(table).__name__} {fact!r}")
    if cohort.expression is not None:
        owners = cohort.expression.patient.tolist()
        for patient, row in zip(owners, cohort.expression.values, strict=True):
            facts[patient].append(f"Expression {hashlib.sha256(row.tobytes()).hexdigest()}")
    return facts


def _twins(facts: Iterable[list[str]]) -> Index:
    numbers: dict[tuple[str, ...], int] = {}
    keys = (tuple(sorted(own)) or (f"nothing recorded of {i}",) for i, own in enumerate(facts))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _all_but_one(facts: list[list[str]]) -> Iterator[tuple[int, int]]:
    """Pairs who differ in one fact, or of whom one lacks one, and who agree in much that is rare.

    What they agree in is worth the sum of -log2 of the share of patients of each rare fact, such as a
    measurement; that must be `_AGREED_BITS` more than such a pair among all of them would take if facts were
    independent. Common facts count nothing: they go together, as linked SNPs do.
    """
    n = len(facts)
    held = Counter(fact for own in facts for fact in own)
    rare = max(2.0, n / _RARE)
    worth = {fact: float(np.log2(n / count)) if count <= rare else 0.0 for fact, count in held.items()}
    needed = _AGREED_BITS + 2.0 * np.log2(max(n, 2))
    left: dict[int, list[int]] = {}
    for i, own in enumerate(facts):
        total, codes = sum(worth[fact] for fact in own), [_code(fact) for fact in own]
        if total < needed:
            continue
        whole = sum(codes)
        left.setdefault(whole, []).append(i)
        for fact, code in zip(own, codes, strict=True):
            if total - worth[fact] >= needed:
                left.setdefault(whole - code, []).append(i)
    for patients in left.values():
        yield from pairwise(patients)


def _code(fact: str) -> int:
    return int.from_bytes(hashlib.blake2b(fact.encode(), digest_size=16).digest())


def _alike(expression: Expression | None) -> list[tuple[int, int]]:
    """Pairs whose expression is the same up to noise."""
    if expression is None or len(expression) < _FEWEST_SAMPLES:
        return []
    whole = np.flatnonzero(~np.isnan(expression.values).any(axis=0))
    spread = expression.values[:, whole].std(axis=0)
    chosen = whole[np.argsort(-spread, kind="stable")[:_MOST_GENES]]
    if len(chosen) < _FEWEST_GENES:
        return []
    values = expression.values[:, chosen] - expression.values[:, chosen].mean(axis=0)
    values -= values.mean(axis=1, keepdims=True)
    length = np.sqrt(np.square(values).sum(axis=1, keepdims=True))
    values /= np.where(length > 0, length, 1.0)
    found = []
    for start in range(0, len(values), _ROWS):
        rows, others = np.nonzero(values[start : start + _ROWS] @ values.T > _ALIKE)
        found += [(start + int(i), int(j)) for i, j in zip(rows, others, strict=True) if start + i < j]
    return [(int(expression.patient[i]), int(expression.patient[j])) for i, j in found]


def _families(cohort: Cohort) -> Index:
    labels = cohort.groups.get(FAMILY)
    n = len(cohort)
    named = [None] * n if labels is None else np.asarray(labels, dtype=object).tolist()
    numbers: dict[object, int] = {}
    keys = (str(label) if label else i for i, label in enumerate(named))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _joined(n: int, groupings: Iterable[Index], pairs: Iterable[tuple[int, int]]) -> Index:
    """One number (n,) for all who are joined by a grouping, a pair, or a chain of them."""
    parent = list(range(n))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    links = list(pairs)
    for groups in groupings:
        first: dict[int, int] = {}
        links += [(first.setdefault(group, i), i) for i, group in enumerate(groups.tolist())]
    for one, other in links:
        parent[root(other)] = root(one)
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(root(i), len(numbers)) for i in range(n)], dtype=np.int64)
