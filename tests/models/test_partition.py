"""Patients parted by a few questions: by hand, beside a naive search, and for every patient."""

from __future__ import annotations

import json

import numpy as np
import pytest

from features.errors import BundleError, SettingsError
from models.partition import (
    AT_LEAST,
    BELOW,
    NOT_RECORDED,
    Asked,
    Growth,
    Partition,
    Split,
    grow,
    round_values,
)

NAMES = ("clinical.age.value", "genotype.VKORC1.rs9923231_T_count", "expression.CD8A.log2_tpm")


def _asked(values: np.ndarray, targets: np.ndarray, happened: np.ndarray | None = None) -> Asked:
    targets = targets.reshape(len(values), -1)
    return Asked(NAMES[: values.shape[1]], values, tuple(range(values.shape[1])), targets, happened)


@pytest.fixture(scope="module")
def patients() -> Asked:
    """300 patients whose answer follows age and the gene; one in five has no gene."""
    rng = np.random.default_rng(5)
    values = np.column_stack(
        [rng.integers(20, 90, 300), rng.integers(0, 3, 300), rng.gamma(2.0, 2.0, 300)]
    ).astype(np.float64)
    values[rng.random(300) < 0.2, 1] = np.nan
    targets = -0.03 * values[:, 0] - np.nan_to_num(values[:, 1], nan=1.0) + rng.normal(0.0, 0.3, 300)
    return _asked(values, targets)


def test_what_is_missing_is_a_branch_of_its_own() -> None:
    values = np.repeat([[0.0], [1.0], [np.nan]], 30, axis=0)
    partition, members = grow(_asked(values, np.repeat([1.0, 2.0, 9.0], 30)), Growth(plain_depth=0))
    (split,) = [split for split in partition.splits if split]
    assert split == Split(NAMES[0], 1.0, (1, 2, 3))
    assert [rows.tolist() for rows in members[1:]] == [[*range(30)], [*range(30, 60)], [*range(60, 90)]]


def test_a_question_that_few_left_unanswered_is_not_asked() -> None:
    values = np.concatenate([np.zeros(40), np.ones(40), np.full(5, np.nan)])[:, None]
    partition, _ = grow(_asked(values, np.nan_to_num(values[:, 0])), Growth())
    assert partition.splits == (None,)


def test_whoever_nobody_was_like_stays_where_they_are() -> None:
    values = np.repeat([[0.0], [1.0]], 30, axis=0)
    partition, _ = grow(_asked(values, values[:, 0]), Growth())
    steps = partition.path(lambda _: np.nan)
    assert steps == ()
    assert partition.end(steps) == 0


def test_every_patient_is_in_one_group_and_no_group_is_small(patients: Asked) -> None:
    partition, members = grow(patients, Growth())
    leaves = [members[leaf] for leaf in partition.leaves]
    assert len(leaves) > 5
    assert min(map(len, leaves)) >= 20
    assert sorted(np.concatenate(leaves).tolist()) == list(range(300))
    for leaf in partition.leaves:
        for row in members[leaf].tolist():
            known = dict(zip(NAMES, patients.values[row].tolist(), strict=True))
            assert partition.end(partition.path(known.__getitem__)) == leaf


def test_clinical_questions_come_first_and_groups_lie_within_theirs(patients: Asked) -> None:
    partition, members = grow(patients, Growth())
    outer = partition.outer
    assert sorted(np.concatenate([members[node] for node in outer]).tolist()) == list(range(300))
    for node, split in enumerate(partition.splits):
        below = any(node != group and set(members[node]) <= set(members[group]) for group in outer)
        assert split is None or below or split.is_plain or node in outer
    for group in outer:
        inner = np.concatenate([members[leaf] for leaf in partition.within(group)])
        assert sorted(inner.tolist()) == sorted(members[group].tolist())


def test_the_first_question_is_the_best_of_all(patients: Asked) -> None:
    partition, _ = grow(patients, Growth(plain_depth=0, depth=1))
    target, found = patients.targets[:, 0], {}
    for column, name in enumerate(NAMES):
        own = patients.values[:, column]
        for value in round_values(own[~np.isnan(own)]).tolist():
            parts = [target[own < value], target[own >= value], target[np.isnan(own)]]
            sizes = [len(part) for part in parts]
            if min(sizes[:2]) >= 20 and (sizes[2] == 0 or sizes[2] >= 20):
                found[name, value] = sum(len(part) * part.var() for part in parts if len(part))
    split = partition.splits[0]
    assert split is not None
    assert (split.feature, split.at_least) == min(found, key=found.__getitem__)


def test_groups_hold_ten_with_the_event_and_ten_without() -> None:
    rng = np.random.default_rng(2)
    values, happened = rng.normal(size=(400, 2)), (rng.random(400) < 0.15) * 1.0
    happened[:30] = np.nan
    partition, members = grow(_asked(values, values[:, 0], happened), Growth())
    assert len(partition.leaves) > 1
    for leaf in partition.leaves:
        own = happened[members[leaf]]
        assert min((own == 1.0).sum(), (own == 0.0).sum()) >= 10


def test_values_asked_about_are_round() -> None:
    cuts = round_values(np.random.default_rng(1).normal(70.0, 12.0, 500))
    assert cuts.tolist() == [float(f"{cut:.2g}") for cut in cuts.tolist()]
    assert round_values(np.array([3.0, 3.0])).tolist() == []


def test_groups_of_fewer_than_ten_are_never_asked_for() -> None:
    with pytest.raises(SettingsError, match="fewer than 10"):
        Growth(minimum=9)


def test_it_is_kept_as_plain_data(patients: Asked) -> None:
    partition, _ = grow(patients, Growth())
    data = json.loads(json.dumps([split and split.to_json() for split in partition.splits]))
    assert Partition.from_json(data) == partition
    assert partition.splits[0] is not None
    assert [partition.splits[0].branch(v) for v in (-1e9, 1e9, np.nan)] == [BELOW, AT_LEAST, NOT_RECORDED]


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"feature": "a", "at_least": 1.0, "children": [1, 2]}, None, None],
        [{"feature": "a", "at_least": 1.0, "children": [1, 1, None]}, None],
        [{"feature": "a", "at_least": 1.0, "children": [0, 1, None]}, None],
        [None, None],
        ["leaf"],
    ],
)
def test_what_is_no_tree_is_refused(data: list) -> None:
    with pytest.raises(BundleError):
        Partition.from_json(data)
