"""Response models: the laws that must hold for every patient, and what happens without a number."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.encode import encode
from features.errors import FeatureError, IntegrityError
from features.readers.document import read_documents
from features.synthetic import probe_documents, synthetic_cohort
from models.members import LinearMember
from models.response import ResponseModel, mask_name, strata_of
from tests.models.conftest import VKORC1, Trained

COLUMNS = ("margin", "value", "lower", "upper")


def test_every_prediction_checks_itself_and_adds_up(trained: Trained) -> None:
    for prediction in trained.model.explain(trained.cohort):
        explanation = prediction.explanation
        assert prediction.declined == (explanation is None)
        if explanation is not None:
            total = explanation.base + sum(explanation.by("gene").values())
            assert total == pytest.approx(explanation.margin, abs=1e-9)


def test_explaining_changes_no_number(trained: Trained) -> None:
    told, explained = trained.model.predict(trained.cohort), trained.model.explain(trained.cohort)
    assert all(np.array_equal(getattr(told, c), getattr(explained, c), equal_nan=True) for c in COLUMNS)
    assert told.contributions is None
    assert told.notices == explained.notices


@given(st.integers(0, 399))
def test_a_patient_alone_has_the_same_numbers_as_in_a_batch(trained: Trained, i: int) -> None:
    batch = trained.model.explain(trained.cohort.take(trained.cohort.patient_ids[: i + 50 - i % 50]))
    alone = trained.model.explain(trained.cohort.take([trained.cohort.patient_ids[i]]))
    same = [np.array_equal(getattr(alone, c), getattr(batch, c)[i : i + 1], equal_nan=True) for c in COLUMNS]
    assert all(same)
    assert np.array_equal(alone.contributions[0], batch.contributions[i], equal_nan=True)
    assert alone.notices[0] == batch.notices[i]


def test_new_patients_are_covered_about_as_promised(trained: Trained) -> None:
    fresh = synthetic_cohort(1500, seed=70)
    answers, dose = trained.model.predict(fresh, 0.8), fresh.outcome("weekly_dose")
    given_number = np.isfinite(answers.value)
    inside = (dose >= answers.lower) & (dose <= answers.upper)
    assert np.mean(inside[given_number]) == pytest.approx(0.8, abs=0.06)


def test_every_probe_is_answered_or_declined_with_a_reason(trained: Trained) -> None:
    answers = trained.model.explain(read_documents(probe_documents()))
    declined = {p.patient_id: p.declined for p in answers}
    assert declined["probe-nothing"]
    assert not declined["probe-everything"]


def test_a_declined_patient_keeps_no_number_anywhere(trained: Trained) -> None:
    answers = trained.model.explain(read_documents([{"patient_id": "nobody"}]))
    assert answers[0].value is None
    assert all(math.isnan(getattr(answers, column)[0]) for column in COLUMNS)
    assert np.isnan(answers.contributions).all()


def test_stratum_is_the_missing_mask_before_the_race(trained: Trained) -> None:
    strata = strata_of(trained.matrix, trained.cohort, "race", {"missing:VKORC1": VKORC1})
    lacking = np.isnan(trained.matrix.values[:, trained.matrix.names.index(VKORC1[0])])
    races = trained.cohort.texts("race")
    assert strata == [
        "missing:VKORC1" if gone else f"race={race or 'not_recorded'}"
        for gone, race in zip(lacking, races, strict=True)
    ]
    assert mask_name((*VKORC1, "genotype.CYP2C9.*2_count")) == "missing:CYP2C9+VKORC1"


def test_too_high_a_level_is_unbounded_and_says_so(trained: Trained) -> None:
    answers = trained.model.predict(trained.cohort.take(trained.cohort.patient_ids[:1]), 0.9999)
    assert (answers.lower[0], answers.upper[0]) == (-math.inf, math.inf)
    assert "interval_unbounded" in {n.code for n in answers.notices[0]}


def test_a_small_stratum_says_that_its_interval_is_pooled(trained: Trained) -> None:
    model = replace(trained.model, conformal=replace(trained.model.conformal, minimum=10_000))
    answers = model.predict(trained.cohort.take(trained.cohort.patient_ids[:1]))
    assert "interval_pooled" in {n.code for n in answers.notices[0]}


def test_inputs_are_sorted_by_how_they_came(trained: Trained) -> None:
    clinical = {"age": {"value": 60, "unit": "a"}, "race": {"value": "white"}}
    answers = trained.model.predict(read_documents([{"patient_id": "p", "clinical": clinical}]))
    inputs = answers.inputs(0, trained.model.absent)
    assert inputs.used == ("clinical.age.value", "clinical.race.is_asian", "clinical.race.is_black")
    assert set(inputs.unrecorded_as_absent) == set(trained.model.absent)
    named = {*inputs.used, *inputs.imputed, *inputs.unrecorded_as_absent}
    assert named == set(trained.matrix.names)


def test_contributions_that_do_not_add_up_withhold_the_answer(trained: Trained) -> None:
    class Wrong(LinearMember):
        @property
        def base(self) -> float:
            return 0.0

    linear, trees = trained.model.blend.members
    assert isinstance(linear, LinearMember)
    wrong = Wrong(linear.coefficients, linear.intercept, linear.centre, linear.fill)
    model = replace(trained.model, blend=replace(trained.model.blend, members=(wrong, trees)))
    with pytest.raises(IntegrityError, match="do not add up"):
        model.explain(trained.cohort)


def test_a_matrix_of_others_or_of_other_columns_is_refused(trained: Trained) -> None:
    some = trained.cohort.take(trained.cohort.patient_ids[:3])
    with pytest.raises(FeatureError, match="not of this model's features"):
        trained.model.answer(encode(some, trained.model.spec), trained.cohort, 0.9, explain=False)
    fewer = replace(trained.model.spec, names=trained.model.spec.names[::-1])
    with pytest.raises(FeatureError, match="not of this model's features"):
        trained.model.answer(encode(some, fewer), some, 0.9, explain=False)


def test_a_mask_of_unknown_features_is_refused(trained: Trained) -> None:
    parts = {f: getattr(trained.model, f) for f in trained.model.__dataclass_fields__}
    with pytest.raises(FeatureError, match=r"genotype\.X\.y"):
        ResponseModel(**parts | {"masks": {"missing:X": ("genotype.X.y",)}})
