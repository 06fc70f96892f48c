"""Groups compared: worked by hand, against fairlearn's own measures, on a known truth; and nothing of few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    equalized_odds_difference,
    selection_rate,
)

from features.cohort import Clinical, Cohort, Outcomes
from features.errors import StudyError
from training.design import Design, build_design
from training.equity import equity, levels_of
from training.equity_gaps import gap, redrawn
from training.equity_remarks import equity_remarks, undeclared_remarks
from training.evaluate import Evaluation
from training.gates import judge
from training.holdout import LEVELS, MODEL, HeldOut, answer_splits
from training.kin import kin_groups
from training.leave_out import cost_of_leaving_out, without
from training.splits import Split, protocol_splits
from training.study import Study, read_study
from training.study_equity import EquityAsked, features_that_read
from training.study_parts import Gate

ASKED = EquityAsked(("race",), {"race": "the published formula reads it"})


def _patients(groups: list[str], observed: np.ndarray, name: str = "weekly_dose") -> Cohort:
    rows = [(i, "race", np.nan, group, 0.0) for i, group in enumerate(groups)]
    return Cohort(
        tuple(f"p{i}" for i in range(len(groups))),
        clinical=Clinical.from_rows(rows),
        outcomes=Outcomes.from_rows([(i, name, value, 90.0) for i, value in enumerate(observed.tolist())]),
        groups={"site": np.array([f"s{i % 3}" for i in range(len(groups))], dtype=object)},
    )


def _held(answered: np.ndarray, covered: np.ndarray, folds: int = 2) -> list[HeldOut]:
    """Everybody held out once, dealt into folds."""
    everybody = np.arange(len(answered))
    tests = [everybody[k::folds] for k in range(folds)]
    return [
        HeldOut(
            Split("folds", str(k), np.setdiff1d(everybody, test), test),
            {MODEL: answered[test]},
            covered[test],
            np.full(len(test), np.nan),
            {},
            np.repeat(covered[test][:, None], len(LEVELS), axis=1),
            np.ones(len(test)),
        )
        for k, test in enumerate(tests)
    ]


def _section(study: Study, asked: EquityAsked, groups: list[str], observed: np.ndarray, answered: np.ndarray,
             covered: np.ndarray) -> dict:  # fmt: skip
    cohort = _patients(groups, observed, study.outcome.name)
    design = replace(build_design(study, cohort), observed=observed)
    return equity(study, asked, cohort, design, _held(answered, covered))


@pytest.fixture(scope="module")
def event_study(tiny_study: Study) -> Study:
    """The tiny study asked as a yes or no."""
    return replace(
        tiny_study, outcome=replace(tiny_study.outcome, kind="binary", name="bled", event="a bleed")
    )


def test_gap_of_forty_patients_worked_by_hand(tiny_study: Study) -> None:
    """Twenty white patients answered 2 too high, twenty black ones alternately 3 and 5 too low, intervals of
    one in ten of these missed: errors 2 and 4, ratio a half; signed +2 and -4; coverage 100 and 90."""
    groups = ["white"] * 20 + ["black"] * 20
    observed = np.full(40, 30.0)
    answered = observed + np.array([2.0] * 20 + [-3.0, -5.0] * 10)
    covered = np.array([1.0] * 20 + ([0.0] + [1.0] * 9) * 2)
    race = _section(tiny_study, ASKED, groups, observed, answered, covered)["race"]
    assert race["is_input"]
    assert race["reason"] == "the published formula reads it"
    told = {
        group: {k: v["value"] for k, v in own.items() if k != "n"} for group, own in race["groups"].items()
    }
    assert told["white"] == {"mae": 2.0, "signed_error": 2.0, "coverage90": 100.0}
    assert told["black"] == {"mae": 4.0, "signed_error": -4.0, "coverage90": 90.0}
    gap = race["gap"]
    assert gap["mae"]["difference"]["value"] == 2.0
    assert gap["mae"]["ratio"]["value"] == 0.5
    assert (gap["mae"]["highest"], gap["mae"]["lowest"]) == ("black", "white")
    assert gap["signed_error"]["difference"]["value"] == 6.0
    assert "ratio" not in gap["signed_error"]
    assert gap["coverage90"]["difference"]["value"] == 10.0
    # ten 3 off and ten 5 off: the mean's standard error is 1 / sqrt(20), and white never varies
    half = gap["mae"]["difference"]["upper"] - 2.0
    assert half == pytest.approx(1.96 / np.sqrt(20), rel=0.1)


def test_a_group_answered_worse_is_found_and_a_fair_one_is_not(tiny_study: Study) -> None:
    rng = np.random.default_rng(11)
    groups = rng.choice(["white", "asian", "black"], 600).tolist()
    observed = rng.normal(30.0, 6.0, 600)
    noise = rng.normal(0.0, 4.0, 600)
    worse = noise * np.where(np.array(groups) == "black", 1.8, 1.0)
    lows = []
    for error in (noise, worse):
        section = _section(tiny_study, ASKED, groups, observed, observed + error, np.ones(600))
        lows.append(section["race"]["gap"]["mae"]["difference"]["lower"])
    assert lows[0] < 0.0 < lows[1]


def test_fair_groups_are_found_unfair_no_more_often_than_promised() -> None:
    """Four groups of 30 that are answered alike: the widest of six gaps lies above 0 in about one of 20."""
    rng = np.random.default_rng(2)
    names, found = ["a", "b", "c", "d"], 0
    for seed in range(80):
        errors, drawn = np.abs(rng.normal(0.0, 4.0, (4, 30))), redrawn(120, seed).reshape(-1, 4, 30)
        means = (drawn * errors).sum(axis=2) / drawn.sum(axis=2)
        lower = gap(names, means, with_ratio=True)["difference"]["lower"]
        found += lower > 0.0
    assert found <= 10  # of 80 at 5%: above 10 with a chance below 1%


def test_rates_are_those_of_fairlearn(event_study: Study) -> None:
    rng = np.random.default_rng(3)
    groups = rng.choice(["white", "asian", "black"], 300)
    observed = (rng.random(300) < 0.4) * 1.0
    answered = np.clip(
        0.25 + 0.4 * observed + 0.1 * (groups == "asian") + rng.normal(0, 0.2, 300), 0.01, 0.99
    )
    section = _section(event_study, ASKED, groups.tolist(), observed, answered, np.ones(300))
    gap, asian = section["race"]["gap"], section["race"]["groups"]["asian"]
    given = (observed.astype(int), (answered >= 0.5).astype(int))
    by_race = {"sensitive_features": groups}
    frame = MetricFrame(metrics=selection_rate, y_true=given[0], y_pred=given[1], **by_race)
    parity, odds = (
        demographic_parity_difference(*given, **by_race),
        equalized_odds_difference(*given, **by_race),
    )
    assert gap["selection_rate"]["ratio"]["value"] == pytest.approx(frame.ratio(), abs=1e-6)
    assert gap["demographic_parity"]["difference"]["value"] == pytest.approx(parity, abs=1e-6)
    assert gap["equalized_odds"]["difference"]["value"] == pytest.approx(odds, abs=1e-6)
    mine = groups == "asian"
    true_positives = given[1][mine & (observed > 0.5)].mean()
    assert asian["true_positive_rate"]["value"] == pytest.approx(true_positives, abs=1e-6)
    assert asian["brier"]["value"] == pytest.approx(np.square(answered - observed)[mine].mean(), abs=1e-6)
    assert section["threshold"] == 0.5


def test_small_cells_are_suppressed_and_said_so(event_study: Study) -> None:
    """Of nine black patients nothing is told; of forty asian ones nine had the event: no rates by outcome."""
    groups = ["white"] * 60 + ["asian"] * 40 + ["black"] * 9
    observed = np.array([0.0, 1.0] * 30 + [1.0] * 9 + [0.0] * 31 + [1.0] * 9)
    answered = np.random.default_rng(4).uniform(0.1, 0.9, 109)
    race = _section(event_study, ASKED, groups, observed, answered, np.ones(109))["race"]
    assert race["groups"]["black"] == {"suppressed": "fewer than 10 patients"}
    asian = race["groups"]["asian"]
    assert set(asian["suppressed"]) == {"auc", "true_positive_rate", "false_positive_rate"}
    assert not set(asian["suppressed"]) & (set(asian) - {"suppressed"})
    assert {"brier", "selection_rate", "demographic_parity"} <= {*asian, *race["gap"]}
    assert not {"auc", "true_positive_rate", "equalized_odds"} & set(race["gap"])


def test_no_gap_of_one_group_or_of_patients_whose_group_is_unknown(tiny_study: Study) -> None:
    groups = ["white"] * 20 + ["not_stated"] * 20
    observed = np.full(40, 30.0)
    race = _section(tiny_study, ASKED, groups, observed, observed + 1.0, np.ones(40))["race"]
    assert set(race["groups"]) == {"white", "not_stated"}
    assert race["gap"] == {"suppressed": "fewer than two groups of 10 patients"}


def test_a_patient_held_out_often_weighs_no_more_than_their_answers(tiny_study: Study) -> None:
    """Twice the same folds: the same values and the same intervals, for the same patients were redrawn."""
    groups = ["white", "black"] * 30
    rng = np.random.default_rng(5)
    observed = rng.normal(30.0, 5.0, 60)
    cohort = _patients(groups, observed)
    design = replace(build_design(tiny_study, cohort), observed=observed)
    once = _held(observed + rng.normal(0.0, 3.0, 60), np.ones(60))
    sections = [equity(tiny_study, ASKED, cohort, design, held) for held in (once, once + once)]
    for end in ("value", "lower", "upper"):
        of = [section["race"]["groups"]["black"]["mae"][end] for section in sections]
        assert of[0] == pytest.approx(of[1], abs=1e-6)


def test_ages_are_cut_into_bands_and_groups_come_from_the_cohort(cohort: Cohort) -> None:
    asked = EquityAsked(("age", "site"), bands={"age": (50.0, 65.0)})
    ages, bands = cohort.values("age"), levels_of(asked, cohort, "age")
    assert set(bands) == {"below 50", "50 to below 65", "65 and above"}
    for age, band in zip(ages.tolist(), bands.tolist(), strict=True):
        assert band == ("below 50" if age < 50 else "50 to below 65" if age < 65 else "65 and above")
    assert levels_of(asked, cohort, "site").tolist() == list(cohort.groups["site"])


def test_a_flag_parts_those_who_have_it_from_those_who_have_not(cohort: Cohort) -> None:
    levels, smokes = levels_of(EquityAsked(("smoker",)), cohort, "smoker"), cohort.values("smoker")
    assert {level: set(np.unique(smokes[levels == level])) for level in ("yes", "no")} == {
        "yes": {1.0},
        "no": {0.0},
    }
    assert np.isnan(smokes[levels == "not_recorded"]).all()


def test_a_quantity_without_bands_is_a_fault(tiny_study: Study) -> None:
    bands = "[equity.bands]\nage = [50, 65, 80]\n"
    assert bands in tiny_study.text
    with pytest.raises(StudyError, match=r"equity.bands.age: is missing"):
        read_study(tiny_study.text.replace(bands, ""))


def test_a_gate_may_point_at_a_gap(tiny_study: Study) -> None:
    observed = np.full(40, 30.0)
    answered = observed + np.array([2.0] * 20 + [4.0] * 20)
    section = _section(tiny_study, ASKED, ["white"] * 20 + ["black"] * 20, observed, answered, np.ones(40))
    figure = "equity.race.gap.mae.difference.value"
    gates = (Gate("strict", figure, at_most=1.5), Gate("lenient", figure, at_most=2.5))
    worst = Gate("worst group", "equity.race.groups.*.mae.value", at_most=5.0, minimum_n=10)
    evaluation = Evaluation({"equity": section}, np.empty((0, 2)))
    judged = judge(replace(tiny_study, gates=(*gates, worst)), evaluation)
    assert [(gate.found, gate.passed) for gate in judged] == [(2.0, False), (2.0, True), (4.0, True)]


def test_a_sure_gap_is_told_in_a_sentence_and_an_unsure_one_is_not(tiny_study: Study) -> None:
    study = replace(tiny_study, equity=ASKED)
    observed, groups = np.full(40, 30.0), ["white"] * 20 + ["black"] * 20
    answered = observed + np.array([2.0] * 20 + [4.0] * 20)
    sure = _section(study, ASKED, groups, observed, answered, np.ones(40))
    change = {"value": 0.031, "lower": -0.01, "upper": 0.06}
    cost = {"cost_of_leaving_out": {"race": {"figures": {"mae": {"difference": change}}}}}
    assert equity_remarks(study, sure | cost) == [
        "By race the mean absolute error differs by 2.00 mg/wk (2.00 to 2.00), from white to black.",
        "Leaving race out changes the mean absolute error by +0.03 mg/wk (-0.01 to +0.06).",
    ]
    unsure = observed + np.resize([2.0, 9.0, 4.0, 8.0, 1.0, 6.0, 7.0], 40)
    assert equity_remarks(study, _section(study, ASKED, groups, observed, unsure, np.ones(40))) == []
    nobody = _section(study, ASKED, ["not_stated"] * 40, observed, answered, np.ones(40))
    assert equity_remarks(study, nobody) == [
        "Nobody's race is recorded here, so groups by it are not compared."
    ]


@pytest.mark.parametrize(
    ("feature", "attribute"),
    [
        ("clinical.race.is_black", "race"),
        ("interaction.clinical.race.is_black:clinical.age.value", "race"),
        ("clinical.race.*", "race"),
        ("log2.clinical.age.value", "age"),
        ("clinical.*", "sex"),
    ],
)
def test_features_that_read_an_attribute_are_found(tiny_study: Study, feature: str, attribute: str) -> None:
    study = replace(tiny_study, spec=replace(tiny_study.spec, names=("clinical.weight.value", feature)))
    assert features_that_read(study, attribute) == (feature,)


def test_a_snp_inferred_by_asking_for_race_reads_race(tiny_study: Study) -> None:
    count = "genotype.VKORC1.rs9923231_T_count"
    assert count in features_that_read(tiny_study, "race")
    plain = replace(tiny_study, spec=replace(tiny_study.spec, linked_snps=False))
    assert count not in features_that_read(plain, "race")


def test_a_protected_input_without_a_reason_is_a_fault(tiny_study: Study) -> None:
    head, _, rest = tiny_study.text.partition('race = "')
    silent = head + rest.partition("\n")[2]
    with pytest.raises(StudyError) as told:
        read_study(silent)
    assert [fault.where for fault in told.value.faults] == ["equity.reasons.race"]
    assert "clinical.race.is_asian" in str(told.value)


def test_every_fault_of_the_section_is_told_together(tiny_study: Study) -> None:
    text = tiny_study.text.replace(
        'attributes = ["race", "sex", "age", "site"]', 'attributes = ["race", "protocol"]\nthreshold = 1.0'
    )
    with pytest.raises(StudyError) as told:
        read_study(text)
    where = [fault.where for fault in told.value.faults]
    assert where.count("equity.reasons") == 2  # sex and age have reasons, and are declared no longer
    assert {"equity.attributes", "equity.bands", "equity.threshold"} <= set(where)
    undeclared = [fault.what for fault in told.value.faults if "is protected and read by" in fault.what]
    assert [what.split("'")[1] for what in undeclared] == ["sex", "age"]


def test_a_study_without_race_asks_nothing_of_it(tiny_study: Study, cohort: Cohort) -> None:
    """VKORC1 stays, inferred by asking for race as before, and in the second study no longer inferred."""
    found = without(tiny_study, cohort, "race")
    assert found.features == tuple(f"clinical.race.is_{level}" for level in ("asian", "black", "not_stated"))
    count = "genotype.VKORC1.rs9923231_T_count"
    assert found.uninferred is not None
    for study, readers in ((found.study, {count}), (found.uninferred, set())):
        inputs = build_design(study, cohort).spec.inputs
        assert count in inputs
        assert {name for name, own in inputs.items() if "clinical/race" in own} == readers
    assert without(tiny_study, cohort, "sex").uninferred is None


def _heavier(cohort: Cohort, by: float) -> tuple[Cohort, np.ndarray]:
    """The same patients, of whom men need more for no other reason than that they are men."""
    dose = cohort.outcome("weekly_dose") + by * (cohort.texts("sex") == "male")
    rows = [(i, "weekly_dose", value, 90.0) for i, value in enumerate(dose.tolist())]
    return replace(cohort, outcomes=Outcomes.from_rows(rows)), dose


@pytest.mark.slow
def test_leaving_out_costs_where_the_truth_depends_on_it_and_nothing_where_not(
    tiny_study: Study, cohort: Cohort
) -> None:
    asked = EquityAsked(("sex",), {"sex": "doses differ"}, leave_out=True)
    study = replace(tiny_study, equity=asked, comparators=(), transport=None)
    found = []
    for by in (0.0, 25.0):
        patients, _ = _heavier(cohort, by)
        design: Design = build_design(study, patients)
        splits = protocol_splits(study.protocols[0], patients, kin_groups(patients))
        held = answer_splits(design, study, splits, lambda done: None)
        found.append(cost_of_leaving_out(study, asked, patients, design, held)["sex"])
    assert found[0]["features"] == ["clinical.sex.is_male"]
    free, dear = (own["figures"]["mae"]["difference"] for own in found)
    assert free["lower"] < 0.5
    assert abs(free["value"]) < 0.5
    assert dear["lower"] > 1.0
    assert found[1]["n_splits"] == len(splits)


def test_what_is_protected_and_undeclared_is_told(tiny_study: Study) -> None:
    silent = replace(tiny_study, equity=None)
    (told,) = undeclared_remarks(silent)
    assert told.startswith("The study reads race, sex, age and ")
    unread = replace(silent.spec, names=("clinical.weight.value",), absent=())
    assert undeclared_remarks(replace(silent, spec=unread)) == []
    assert undeclared_remarks(tiny_study) == []
