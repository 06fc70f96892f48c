"""Which patients are held out, by the study's protocols; twins of a held-out patient are not trained on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold, train_test_split

from features.cohort import Cohort
from features.errors import CohortError
from training.study_parts import Protocol

Index = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """Positions of the patients trained on and of those held out."""

    protocol: str
    name: str
    train: Index
    test: Index


def protocol_splits(
    protocol: Protocol, cohort: Cohort, twins: Index, observed: Numbers | None = None
) -> list[Split]:
    """Every split of one protocol; `twins` is `twin_groups(cohort)`.

    Folds are dealt so that each holds the same share of each outcome of `observed` (n,) where it is 0 or 1.
    """
    if protocol.kind == "folds":
        parts = _dealt(protocol, np.zeros(len(cohort)) if observed is None else observed)
    else:
        parts = _random(protocol, len(cohort)) if protocol.kind == "random" else _by_group(protocol, cohort)
    return [
        Split(protocol.name, name, without_twins(train, test, twins), test) for name, train, test in parts
    ]


def without_twins(train: Index, test: Index, twins: Index) -> Index:
    """The training part without patients of whom every fact equals a held-out patient's."""
    return train[~np.isin(twins[train], twins[test])]


def twin_groups(cohort: Cohort) -> Index:
    """A number for each patient, the same for those of whom every recorded fact is the same."""
    facts: list[list[str]] = [[] for _ in cohort.patient_ids]
    for table in (cohort.genotypes, cohort.clinical, cohort.medications, cohort.outcomes, cohort.variants):
        columns = [getattr(table, field.name).tolist() for field in fields(table)[1:]]
        for patient, *fact in zip(table.patient.tolist(), *columns, strict=True):
            facts[patient].append(f"{type(table).__name__} {fact!r}")
    if cohort.expression is not None:
        owners = cohort.expression.patient.tolist()
        for patient, row in zip(owners, cohort.expression.values, strict=True):
            facts[patient].append(f"Expression {hashlib.sha256(row.tobytes()).hexdigest()}")
    numbers: dict[tuple[str, ...], int] = {}
    keys = (tuple(sorted(own)) or (f"nothing recorded of {i}",) for i, own in enumerate(facts))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _random(protocol: Protocol, n: int) -> list[tuple[str, Index, Index]]:
    everybody = np.arange(n)
    parts = []
    for seed in range(protocol.splits):
        train, test = train_test_split(everybody, test_size=protocol.test_share, random_state=seed)
        parts.append((str(seed), train, test))
    return parts


def _dealt(protocol: Protocol, observed: Numbers) -> list[tuple[str, Index, Index]]:
    """Everybody held out once in each of `splits` repeats: scikit-learn's repeated folds of seed 0."""
    is_binary = bool(np.isin(observed, (0.0, 1.0)).all()) and len(np.unique(observed)) == 2
    repeated = RepeatedStratifiedKFold if is_binary else RepeatedKFold
    folding = repeated(n_splits=protocol.folds, n_repeats=protocol.splits, random_state=0)
    dealt = folding.split(np.arange(len(observed)), observed if is_binary else None)
    return [
        (f"{i // protocol.folds}.{i % protocol.folds}", train, test) for i, (train, test) in enumerate(dealt)
    ]


def _by_group(protocol: Protocol, cohort: Cohort) -> list[tuple[str, Index, Index]]:
    if protocol.group not in cohort.groups:
        raise CohortError(
            f"protocol '{protocol.name}' needs each patient's {protocol.group}; the cohort has none"
        )
    labels = np.asarray(cohort.groups[protocol.group]).astype(str)
    levels = sorted(set(labels.tolist()), key=lambda level: (len(level), level))
    if len(levels) < 2:
        raise CohortError(f"protocol '{protocol.name}' needs two or more levels of {protocol.group}")
    return [(level, np.flatnonzero(labels != level), np.flatnonzero(labels == level)) for level in levels]
