"""Later patients are answered by what earlier ones taught, and whole groups are held out together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.cohort import Cohort
from features.errors import CohortError, StudyError
from training.design import build_design
from training.evaluate import evaluate
from training.periods import periods
from training.splits import Split, protocol_splits
from training.study import Protocol, Study, read_study


def dated(*labels: str | None) -> Cohort:
    groups = {"treated": np.array(labels, dtype=object)}
    return Cohort(tuple(f"p{i}" for i in range(len(labels))), groups=groups)


def parts(protocol: Protocol, cohort: Cohort) -> list[tuple[str, list[int], list[int]]]:
    found = protocol_splits(protocol, cohort, np.arange(len(cohort)))
    return [(split.name, split.train.tolist(), split.test.tolist()) for split in found]


def test_each_cut_learns_from_all_before_and_answers_until_the_next() -> None:
    cohort = dated("2019-05-01", "2021-02", None, "2020-01-01", "2018", "2022-01-01")
    protocol = Protocol("later", "time", group="treated", cuts=("2020-01-01", "2021-06-01"))
    expected = [("2020-01-01", [0, 4], [1, 3]), ("2021-06-01", [0, 1, 3, 4], [5])]
    assert parts(protocol, cohort) == expected


def test_without_cuts_periods_are_as_even_as_ties_allow() -> None:
    cohort = dated("3", "1", "2", "3", "2", "1", "10")
    protocol = Protocol("later", "time", group="treated", splits=2)
    assert parts(protocol, cohort) == [("1", [1, 5], [2, 4]), ("2", [1, 2, 4, 5], [0, 3, 6])]


@pytest.mark.parametrize(
    ("labels", "cuts", "said"),
    [
        (("2019", "spring"), ("2020",), "neither all numbers nor all dates"),
        (("2019", "2021"), ("2022",), "nobody stands before or after cut 2022"),
        (("2019", "2021", "2020"), ("2021", "2020"), "cuts do not rise"),
        (("2019", "2019"), (), "all are of one time"),
    ],
)
def test_cuts_that_part_nobody_are_refused(labels: tuple[str, ...], cuts: tuple[str, ...], said: str) -> None:
    protocol = Protocol("later", "time", group="treated", cuts=cuts, splits=1)
    with pytest.raises(CohortError, match=said):
        periods(protocol, np.array(labels, dtype=object))


@pytest.mark.parametrize("is_binary", [False, True])
def test_folds_of_a_group_keep_its_levels_whole(is_binary: bool) -> None:
    labels = [f"s{i % 13}" if i % 7 else None for i in range(120)]
    observed = np.arange(120) % 2.0 if is_binary else np.arange(120) / 7
    protocol = Protocol("sites", "folds", splits=2, folds=4, group="treated")
    found = protocol_splits(protocol, dated(*labels), np.arange(120), observed)
    assert len(found) == 8
    for split in found:
        train, test = ({labels[i] for i in part.tolist()} - {None} for part in (split.train, split.test))
        assert train.isdisjoint(test)
        assert len(split.train) + len(split.test) == 120
    once = np.concatenate([split.test for split in found[:4]])
    assert sorted(once.tolist()) == list(range(120))
    assert found[0].test.tolist() != found[4].test.tolist()


def test_too_few_levels_for_the_folds_are_refused() -> None:
    with pytest.raises(CohortError, match="needs 3 or more levels"):
        protocol_splits(Protocol("f", "folds", splits=1, folds=3, group="treated"), dated("a", "b", "a"),
                        np.arange(3))  # fmt: skip


def test_a_patient_in_two_parts_is_refused() -> None:
    with pytest.raises(CohortError, match="2 patients are in both parts"):
        Split("random", "0", np.array([0, 1, 2]), np.array([1, 2, 3]))


def test_every_fault_of_the_new_protocols_is_told(tiny_study: Study) -> None:
    text = tiny_study.text + (
        '\n[[protocols]]\nname = "a"\nkind = "time"\n'
        '[[protocols]]\nname = "b"\nkind = "time"\ngroup = "year"\n'
        '[[protocols]]\nname = "c"\nkind = "external"\n'
        '[[protocols]]\nname = "d"\nkind = "moon"\n'
        "[randomisation]\npermutations = 0\n[suspicions]\ntoo_good = 0.4\n"
    )
    with pytest.raises(StudyError) as refused:
        read_study(text)
    where = {fault.where for fault in refused.value.faults}
    expected = {f"protocols[{i}]{key}" for i, key in ((2, ".group"), (3, ""), (4, ".dataset"), (5, ".kind"))}
    assert where >= expected | {"randomisation", "suspicions.too_good"}


def test_a_study_is_judged_on_later_patients_each_once(tiny_study: Study, cohort: Cohort) -> None:
    years = np.array([str(2015 + i % 8) for i in range(len(cohort))], dtype=object)
    dated_cohort = replace(cohort, groups={**cohort.groups, "year": years})
    protocol = Protocol("later", "time", group="year", cuts=("2020", "2022"))
    study = replace(tiny_study, protocols=(protocol,), comparators=("cohort_mean",))
    design = build_design(study, dated_cohort)
    found = evaluate(study, dated_cohort, design, "f" * 64, lambda done, total: None).document
    whos = found["protocols"]["later"]  # type: ignore[index]
    errors = []
    for earlier, later in (
        (years < "2020", (years >= "2020") & (years < "2022")),
        (years < "2022", years >= "2022"),
    ):
        errors += np.abs(design.observed[later] - design.observed[earlier].mean()).tolist()
    assert whos["cohort_mean"]["mae"]["value"] == pytest.approx(np.mean(errors), abs=1e-6)
    assert whos["model"]["mae"]["lower"] < whos["model"]["mae"]["value"] < whos["model"]["mae"]["upper"]
    gain = found["differences"]["later"]["cohort_mean"]  # type: ignore[index]
    expected = whos["cohort_mean"]["mae"]["value"] - whos["model"]["mae"]["value"]
    assert gain["value"] == pytest.approx(expected, abs=2e-6)
