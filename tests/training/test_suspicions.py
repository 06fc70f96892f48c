"""What is planted is flagged with its column, and clean patients raise nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from features.cohort import Clinical, Cohort
from features.errors import CohortError
from features.join import join
from tests.training.tiny_blocks import tiny_cohort, tiny_study
from training.alone import recorded_strengths, strengths
from training.design import build_design
from training.kin import kin_of
from training.study import Study
from training.study_validation import SuspicionsAsked
from training.suspicions import Suspicions, overlaps, suspicions
from training.swapped_units import FACTORS

FACT = "clinical.synthetic_1.value"


def found_in(study: Study, cohort: Cohort) -> Suspicions:
    return suspicions(study, cohort, build_design(study, cohort), kin_of(cohort))


def with_facts(cohort: Cohort, name: str, values: np.ndarray, day: float = 0.0) -> Cohort:
    """The cohort with one clinical fact stated anew; NaN is not recorded."""
    rows = [row for row in cohort.clinical.rows if row[1] != name]
    rows += [(i, name, v, None, day) for i, v in enumerate(values.tolist()) if not np.isnan(v)]
    return replace(cohort, clinical=Clinical.from_rows(rows))


@pytest.mark.parametrize("kind", ["binary", "question", "panel"])
def test_clean_patients_raise_nothing(kind: str) -> None:
    for seed in range(3):
        cohort, _ = tiny_cohort(kind, 150, seed=seed)
        assert found_in(tiny_study(kind), cohort).sentences() == []


def test_clean_patients_of_a_dose_raise_nothing(tiny_study: Study, cohort: Cohort) -> None:
    found = found_in(tiny_study, cohort)
    assert found.sentences() == []
    assert found.document()["n_flagged"] == 0


def test_a_column_that_holds_the_outcome_is_flagged_by_name() -> None:
    cohort, _ = tiny_cohort("binary", 150)
    noise = np.random.default_rng(0).normal(0, 0.2, 150)
    leaky = with_facts(cohort, "synthetic_1", cohort.outcome("response") + noise)
    (found,) = found_in(tiny_study("binary"), leaky).too_good
    assert (found.feature, found.by, found.why) == (FACT, "value", "too_good")
    reasoned = replace(
        tiny_study("binary"), suspicions=SuspicionsAsked(reasons={FACT: "it is measured before"})
    )
    assert found_in(reasoned, leaky).too_good == ()


def test_a_column_recorded_only_of_responders_is_flagged() -> None:
    cohort, _ = tiny_cohort("binary", 150)
    drawn = np.random.default_rng(0).normal(0, 1, 150)
    gappy = with_facts(cohort, "synthetic_1", np.where(cohort.outcome("response") == 1, drawn, np.nan))
    (found,) = found_in(tiny_study("binary"), gappy).too_good
    assert (found.feature, found.by, found.strength) == (FACT, "recorded", 1.0)


def test_a_column_far_beyond_all_others_is_flagged_below_the_bound() -> None:
    cohort, _ = tiny_cohort("binary", 400, missing=0.0)
    rng = np.random.default_rng(4)
    happened = (rng.random(400) < 0.5) * 1.0
    rows = [(i, "response", own, 90.0) for i, own in enumerate(happened.tolist())]
    unrelated = replace(cohort, outcomes=type(cohort.outcomes).from_rows(rows))
    leaky = with_facts(unrelated, "synthetic_1", happened + rng.normal(0, 0.5, 400))
    (found,) = found_in(tiny_study("binary"), leaky).too_good
    assert (found.feature, found.why) == (FACT, "far_beyond")
    assert 0.9 <= found.strength < 0.95


@pytest.mark.parametrize("factor", [2.2046, 1 / 2.54, 10.0, 88.42])
def test_a_unit_swapped_at_one_site_is_flagged_with_the_site(
    tiny_study: Study, cohort: Cohort, factor: float
) -> None:
    site = cohort.groups["site"] == "site-2"
    weight = np.where(site, factor, 1.0) * cohort.values("weight")
    units = {own.feature: own for own in found_in(tiny_study, with_facts(cohort, "weight", weight)).units}
    assert set(units) <= {"clinical.weight.value", "clinical.body_surface_area.value"}
    found = units["clinical.weight.value"]
    assert found.level == "site-2"
    assert found.factor == pytest.approx(factor, rel=1e-6)
    assert found.n == int(site.sum())


def test_sites_of_lighter_patients_are_not_flagged(tiny_study: Study, cohort: Cohort) -> None:
    light = np.where(cohort.groups["site"] == "site-2", 0.7, 1.0) * cohort.values("weight")
    assert found_in(tiny_study, with_facts(cohort, "weight", light)).units == ()
    assert all(abs(np.log(factor)) > 0.5 for factor in FACTORS)


def test_duplicated_patients_are_counted_and_few_are_not(tiny_study: Study, cohort: Cohort) -> None:
    for n, told in ((15, 30), (2, None)):
        again = cohort.take(cohort.patient_ids[:n])
        again = replace(again, patient_ids=tuple(f"again-{i}" for i in range(n)))
        document = found_in(tiny_study, join([cohort, again])).document()
        overlap = document["overlap"]
        assert isinstance(overlap, dict)
        assert overlap["identical"] == {"any": True, "patients": told}
    assert overlaps([], 5, {"elsewhere": 12, "there": 3})["external"] == {
        "elsewhere": {"any": True, "patients": 12},
        "there": {"any": True, "patients": None},
    }


def test_a_feature_known_only_after_the_index_date_is_refused(tiny_study: Study, cohort: Cohort) -> None:
    height = cohort.values("height")
    late = with_facts(cohort, "height", height, day=14.0)
    with pytest.raises(CohortError) as refused:
        build_design(tiny_study, late)
    told = {fault.where: fault.what for fault in refused.value.faults}
    n = int((~np.isnan(height)).sum())
    assert f"{n} of the {n} patients" in told["clinical.height.value"]
    assert set(told) == {"clinical.height.value", "clinical.body_surface_area.value"}
    reasons = dict.fromkeys(told, "height does not change in two weeks")
    allowed = replace(tiny_study, suspicions=SuspicionsAsked(reasons=reasons))
    assert np.isnan(build_design(allowed, late).matrix.values[:, 5]).all()


def test_a_fact_known_late_of_a_few_is_told_and_not_read(tiny_study: Study, cohort: Cohort) -> None:
    rows = [(*row[:4], 7.0 if row[1] == "weight" and row[0] < 20 else row[4]) for row in cohort.clinical.rows]
    found = found_in(tiny_study, replace(cohort, clinical=Clinical.from_rows(rows)))
    assert found.late["clinical.weight.value"] == 20


def test_strengths_are_those_of_sklearn_and_scipy() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(0, 1, (80, 6)).round(1)
    happened, amount = (rng.random(80) < 0.4) * 1.0, rng.normal(0, 1, 80).round(1)
    values[rng.random(values.shape) < 0.2] = np.nan
    whole = rng.normal(0, 1, (80, 3)).round(1)
    areas = strengths(values, happened[:, None], is_binary=True)
    for column, area in zip(values.T, areas, strict=True):
        known = ~np.isnan(column)
        expected = roc_auc_score(happened[known], column[known])
        assert area == pytest.approx(max(expected, 1 - expected))
    for column, rho in zip(whole.T, strengths(whole, amount[:, None], is_binary=False), strict=True):
        assert rho == pytest.approx(abs(spearmanr(column, amount).statistic))
    for column, area in zip(values.T, recorded_strengths(values, amount[:, None]), strict=True):
        expected = roc_auc_score(~np.isnan(column), amount)
        assert area == pytest.approx(max(expected, 1 - expected))
