"""Who is held out, and that nobody held out is trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from features.cohort import Clinical, Cohort
from features.errors import CohortError
from training.kin import twin_groups
from training.splits import Split, protocol_splits, without_twins
from training.study import Protocol

RANDOM = Protocol("random_80_20", "random", splits=3)
BY_SITE = Protocol("leave_one_site_out", "group", group="site")


def test_random_splits_are_those_of_the_published_table(cohort: Cohort) -> None:
    found = protocol_splits(RANDOM, cohort, twin_groups(cohort))
    for seed, split in enumerate(found):
        train, test = train_test_split(np.arange(len(cohort)), test_size=0.2, random_state=seed)
        np.testing.assert_array_equal(split.test, test)
        np.testing.assert_array_equal(split.train, train)


def test_each_site_is_held_out_once_and_whole(cohort: Cohort) -> None:
    found = protocol_splits(BY_SITE, cohort, twin_groups(cohort))
    assert sorted(np.concatenate([split.test for split in found])) == list(range(len(cohort)))
    for split in found:
        assert set(cohort.groups["site"][split.test]) == {split.name}
        assert split.name not in set(cohort.groups["site"][split.train])


def test_twin_of_a_held_out_patient_is_not_trained_on() -> None:
    rows = [(0, "age", 65.0, "", 0.0), (1, "age", 65.0, "", 0.0), (2, "age", 75.0, "", 0.0)]
    twins = twin_groups(Cohort(("a", "b", "c", "d", "e"), clinical=Clinical.from_rows(rows)))
    assert twins[0] == twins[1]
    assert len(set(twins.tolist())) == 4
    np.testing.assert_array_equal(without_twins(np.array([1, 2, 3]), np.array([0, 4]), twins), [2, 3])


def test_cohort_without_the_group_is_refused(cohort: Cohort) -> None:
    with pytest.raises(CohortError, match="needs each patient's site"):
        protocol_splits(BY_SITE, replace(cohort, groups={}), twin_groups(cohort))
    one = replace(cohort, groups={"site": np.full(len(cohort), "1", dtype=object)})
    with pytest.raises(CohortError, match="two or more levels"):
        protocol_splits(BY_SITE, one, twin_groups(cohort))


def test_a_patient_of_both_parts_is_refused_and_counted_once() -> None:
    with pytest.raises(CohortError, match="2 patients are in both parts"):
        Split("folds", "0", np.array([0, 1, 2, 3]), np.array([2, 9, 3, 3]))
    Split("folds", "0", np.array([0, 1]), np.array([], dtype=np.int64))
