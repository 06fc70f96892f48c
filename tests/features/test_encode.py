"""Encoding is a pure function of each patient, and a specification says what it cannot be."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.cohort import Clinical, Cohort, Genotypes, Medications
from features.encode import FeatureSpec, catalog, encode
from features.errors import FeatureError
from features.matrix import FeatureMatrix
from features.readers.document import read_documents
from features.synthetic import INTERCEPT, NOISE_SD, TRUTH, probe_documents, synthetic_cohort

EVERYTHING = FeatureSpec(tuple(catalog()))


def _bits(matrix: FeatureMatrix) -> bytes:
    return matrix.values.tobytes()


@given(seed=st.integers(0, 2**16), missing=st.floats(0.0, 1.0))
def test_one_patient_alone_is_the_same_in_a_batch(seed: int, missing: float) -> None:
    cohort = synthetic_cohort(8, seed, missing=missing)
    batch = encode(cohort, EVERYTHING)
    for i, patient in enumerate(cohort.patient_ids):
        assert encode(cohort.take([patient]), EVERYTHING).values.tobytes() == batch.values[i].tobytes()


@given(seed=st.integers(0, 2**16), order=st.permutations(range(6)))
def test_the_order_of_patients_does_not_matter(seed: int, order: list[int]) -> None:
    cohort = synthetic_cohort(6, seed)
    turned = cohort.take([cohort.patient_ids[i] for i in order])
    assert _bits(encode(turned, EVERYTHING)) == _bits(encode(cohort, EVERYTHING).rows(order))


@given(seed=st.integers(0, 2**16), data=st.data())
def test_the_order_of_facts_does_not_matter(seed: int, data: st.DataObject) -> None:
    cohort = synthetic_cohort(3, seed)
    tables = []
    for table in (cohort.genotypes, cohort.clinical, cohort.medications):
        order = np.array(data.draw(st.permutations(range(len(table)))), dtype=np.int64)
        tables.append(table.select(order, table.patient[order]))
    shuffled = Cohort(cohort.patient_ids, *tables)
    assert _bits(encode(shuffled, EVERYTHING)) == _bits(encode(cohort, EVERYTHING))


def test_columns_stand_in_the_order_asked_for() -> None:
    cohort, names = synthetic_cohort(20, seed=0), EVERYTHING.names[::-1]
    matrix = encode(cohort, FeatureSpec(names))
    assert matrix.names == names
    np.testing.assert_array_equal(matrix.values, encode(cohort, EVERYTHING).values[:, ::-1])
    assert matrix.values.flags.c_contiguous


def test_a_patient_of_whom_nothing_is_known_is_all_missing_but_race() -> None:
    row = encode(Cohort(("p",)), EVERYTHING).values[0]
    known = {name: value for name, value in zip(EVERYTHING.names, row, strict=True) if not np.isnan(value)}
    races = {f"clinical.race.is_{race}": 0.0 for race in ("white", "asian", "black")}
    assert known == races | {"clinical.race.is_not_stated": 1.0}


def test_nobody_is_encoded_as_nothing() -> None:
    assert encode(Cohort(()), EVERYTHING).values.shape == (0, len(EVERYTHING.names))


def test_what_comes_after_the_index_date_is_never_seen() -> None:
    future = Cohort(
        ("p",),
        clinical=Clinical.from_rows([(0, "age", 60.0, None, 1.0), (0, "sex", np.nan, "male", 2.0)]),
    )
    assert _bits(encode(future, EVERYTHING)) == _bits(encode(Cohort(("p",)), EVERYTHING))


def test_numbers_agree_with_a_table_worked_by_hand() -> None:
    cohort = Cohort(
        ("a", "b"),
        Genotypes.from_rows([(0, "CYP2C9", "*2/*3"), (0, "rs9923231", "C/T"), (1, "CYP2C9", "*1/*999")]),
        Clinical.from_rows([(0, "age", 60.0, None, 0.0), (1, "smoker", 0.0, None, 0.0)]),
        Medications.from_rows([(1, "erythromycin", True, np.nan, np.nan)]),
    )
    expected = {
        "genotype.CYP2C9.*2_count": (1.0, 0.0),
        "genotype.CYP2C9.activity_score": (0.5, np.nan),
        "genotype.CYP2C9.is_poor_metabolizer": (1.0, np.nan),
        "genotype.CYP2C9.is_intermediate_metabolizer": (0.0, np.nan),
        "genotype.VKORC1.rs9923231_T_count": (1.0, np.nan),
        "clinical.age.value": (60.0, np.nan),
        "clinical.smoker.flag": (np.nan, 0.0),
        "medication.macrolide_antibiotic.taken": (np.nan, 1.0),
    }
    found = encode(cohort, FeatureSpec(tuple(expected))).values
    np.testing.assert_array_equal(found, np.array(list(expected.values())).T)


def test_every_feature_knows_its_lineage() -> None:
    for feature in EVERYTHING.features:
        block, subject, _ = feature.name.split(".", 2)
        assert feature.block == block
        assert feature.gene == (subject if block == "genotype" else None)
        assert feature.unit
        assert feature.label
        assert EVERYTHING.inputs[feature.name]


def test_unknown_and_repeated_features_are_told_together() -> None:
    with pytest.raises(FeatureError) as refused:
        FeatureSpec(("clinical.age.valeu", "genotype.CYP2D6.x", "clinical.age.value", "clinical.age.value"))
    assert [fault.where for fault in refused.value.faults] == [
        "clinical.age.valeu",
        "genotype.CYP2D6.x",
        "clinical.age.value",
    ]
    assert "clinical.age.value" in refused.value.faults[0].remedy


def test_a_specification_names_something() -> None:
    with pytest.raises(FeatureError, match="no feature"):
        FeatureSpec(())


@pytest.mark.parametrize("linked_snps", [True, False])
def test_a_specification_survives_json(linked_snps: bool) -> None:
    spec = FeatureSpec(("clinical.age.value", "genotype.VKORC1.rs9923231_T_count"), linked_snps)
    assert FeatureSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"names": ["clinical.age.value"]},
        {"names": "clinical.age.value", "linked_snps": True},
        {"names": [1], "linked_snps": True},
        {"names": ["clinical.age.value"], "linked_snps": 1},
        {"names": ["clinical.age.value"], "linked_snps": True, "code": "x"},
    ],
)
def test_anything_else_in_a_specifications_json_is_refused(document: object) -> None:
    with pytest.raises(FeatureError):
        FeatureSpec.from_json(document)


def test_a_regression_finds_the_truth_of_a_synthetic_cohort() -> None:
    cohort = synthetic_cohort(6000, seed=11, missing=0.0)
    values = encode(cohort, FeatureSpec(tuple(TRUTH))).values
    root = np.sqrt(cohort.outcome("weekly_dose"))
    design = np.column_stack([np.ones(len(cohort)), values])
    slopes, *_ = np.linalg.lstsq(design, root, rcond=None)
    np.testing.assert_allclose(slopes[1:] / list(TRUTH.values()), 1.0, atol=0.3)
    residual = root - INTERCEPT - values @ list(TRUTH.values())
    assert np.std(residual) == pytest.approx(NOISE_SD, abs=0.05)


def test_synthetic_patients_are_the_seeds_alone() -> None:
    first, again, other = synthetic_cohort(50, 5), synthetic_cohort(50, 5), synthetic_cohort(50, 6)
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()
    assert set(first.groups["site"]) <= {f"site-{k}" for k in range(1, 6)}


def test_missing_is_a_share_of_the_facts() -> None:
    cohort = synthetic_cohort(2000, seed=2, missing=0.25)
    assert np.isnan(cohort.values("age")).mean() == pytest.approx(0.25, abs=0.04)
    assert not np.isnan(cohort.outcome("weekly_dose")).any()


def test_probes_reach_every_corner() -> None:
    matrix = encode(read_documents(probe_documents()), EVERYTHING)
    assert len(matrix) >= 12
    assert np.isnan(matrix.values).all(axis=1).sum() == 0
    by_column = zip(EVERYTHING.names, matrix.values.T, strict=True)
    never_seen = [name for name, column in by_column if np.isnan(column).all()]
    assert never_seen == []
    assert np.isnan(matrix.values[:, EVERYTHING.names.index("genotype.CYP2C9.activity_score")]).any()
    assert probe_documents() == probe_documents(0) != probe_documents(1)
