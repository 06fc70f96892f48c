"""Which patients are held out, by the study's protocols; kin of a held-out patient are not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupKFold,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    train_test_split,
)

from features.cohort import Cohort, Texts
from features.errors import CohortError
from training.periods import periods
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

    def __post_init__(self) -> None:
        trained = np.zeros(max(self.train.max(initial=-1), self.test.max(initial=-1)) + 1, dtype=bool)
        trained[self.train] = True
        both = len(np.unique(self.test[trained[self.test]]))
        if both:
            raise CohortError(f"split '{self.name}' of '{self.protocol}': {both} patients are in both parts")


Part = tuple[str, Index, Index]


def protocol_splits(
    protocol: Protocol, cohort: Cohort, kin: Index, observed: Numbers | None = None
) -> list[Split]:
    """Every split of one protocol; `kin` is `kin_groups(cohort)`. One of kind `external` has none here.

    Folds are dealt so that each holds the same share of each outcome of `observed` (n,) where it is 0 or 1.
    """
    outcome = np.zeros(len(cohort)) if observed is None else observed
    if protocol.kind == "external":
        parts: list[Part] = []
    elif protocol.kind == "folds":
        parts = _grouped_folds(protocol, cohort, outcome) if protocol.group else _dealt(protocol, outcome)
    elif protocol.kind == "time":
        parts = periods(protocol, labels_of(protocol, cohort))
    else:
        parts = _random(protocol, len(cohort)) if protocol.kind == "random" else _by_group(protocol, cohort)
    return [Split(protocol.name, name, without_twins(train, test, kin), test) for name, train, test in parts]


def without_twins(train: Index, test: Index, twins: Index) -> Index:
    """The training part without patients who are kin of a held-out patient."""
    return train[~np.isin(twins[train], twins[test])]


def _random(protocol: Protocol, n: int) -> list[Part]:
    everybody = np.arange(n)
    parts = []
    for seed in range(protocol.splits):
        train, test = train_test_split(everybody, test_size=protocol.test_share, random_state=seed)
        parts.append((str(seed), train, test))
    return parts


def _dealt(protocol: Protocol, observed: Numbers) -> list[Part]:
    """Everybody held out once in each of `splits` repeats: scikit-learn's repeated folds of seed 0."""
    is_binary = _is_binary(observed)
    repeated = RepeatedStratifiedKFold if is_binary else RepeatedKFold
    folding = repeated(n_splits=protocol.folds, n_repeats=protocol.splits, random_state=0)
    dealt = folding.split(np.arange(len(observed)), observed if is_binary else None)
    return [
        (f"{i // protocol.folds}.{i % protocol.folds}", train, test) for i, (train, test) in enumerate(dealt)
    ]


def _grouped_folds(protocol: Protocol, cohort: Cohort, observed: Numbers) -> list[Part]:
    """Folds of whole levels of the protocol's group; a patient of no level is alone."""
    named = labels_of(protocol, cohort).tolist()
    labels = np.array([f"level {own}" if own else f"patient {i}" for i, own in enumerate(named)])
    if len(set(labels.tolist())) < protocol.folds:
        what = f"needs {protocol.folds} or more levels of {protocol.group}"
        raise CohortError(f"protocol '{protocol.name}' {what}; lower its folds")
    folding = StratifiedGroupKFold if _is_binary(observed) else GroupKFold
    parts = []
    for repeat in range(protocol.splits):
        dealt = folding(protocol.folds, shuffle=True, random_state=repeat).split(labels, observed, labels)
        parts += [(f"{repeat}.{i}", train, test) for i, (train, test) in enumerate(dealt)]
    return parts


def _is_binary(observed: Numbers) -> bool:
    return bool(np.isin(observed, (0.0, 1.0)).all()) and len(np.unique(observed)) == 2


def labels_of(protocol: Protocol, cohort: Cohort) -> Texts:
    """Each patient's level (n,) of the protocol's group, None where it is not known."""
    if protocol.group not in cohort.groups:
        raise CohortError(
            f"protocol '{protocol.name}' needs each patient's {protocol.group}; the cohort has none"
        )
    return np.asarray(cohort.groups[protocol.group], dtype=object)


def _by_group(protocol: Protocol, cohort: Cohort) -> list[Part]:
    labels = labels_of(protocol, cohort).astype(str)
    levels = sorted(set(labels.tolist()), key=lambda level: (len(level), level))
    if len(levels) < 2:
        raise CohortError(f"protocol '{protocol.name}' needs two or more levels of {protocol.group}")
    return [(level, np.flatnonzero(labels != level), np.flatnonzero(labels == level)) for level in levels]
