"""Notices: what stands beside an answer, and when no number is given."""

from __future__ import annotations

from features.encode import encode
from features.readers.document import read_documents
from models.applicability import Applicability
from models.results import Notice
from tests.models.conftest import ABSENT, Trained

TYPICAL = {
    "patient_id": "p",
    "genotypes": [
        {"gene": "CYP2C9", "diplotype": "*1/*3"},
        {"gene": "VKORC1", "rsid": "rs9923231", "alleles": "C/T"},
    ],
    "clinical": {
        "age": {"value": 63, "unit": "a"},
        "height": {"value": 170, "unit": "cm"},
        "weight": {"value": 75, "unit": "kg"},
        "sex": {"value": "female"},
        "race": {"value": "white"},
        "smoker": {"value": False},
    },
    "medications": [{"drug": "amiodarone", "taken": False}, {"drug": "carbamazepine", "taken": False}],
}


def notices(trained: Trained, document: dict) -> dict[str, Notice]:
    cohort = read_documents([document])
    matrix = encode(cohort, trained.model.spec)
    return {n.code: n for n in trained.model.applicability.notices(matrix, cohort, ABSENT)[0]}


def clinical(**changes: object) -> dict:
    kept = {name: v for name, v in (TYPICAL["clinical"] | changes).items() if v is not None}
    return TYPICAL | {"clinical": kept}


def test_a_typical_patient_needs_no_notice(trained: Trained) -> None:
    assert notices(trained, TYPICAL) == {}


def test_missing_what_is_required_declines_and_names_it(trained: Trained) -> None:
    found = notices(trained, clinical(age=None))["required_missing"]
    assert (found.severity, found.feature) == ("decline", "clinical.age.value")


def test_one_of_a_required_group_is_enough(trained: Trained) -> None:
    assert "required_missing" not in notices(trained, clinical(height=None))
    assert "required_missing" in notices(trained, clinical(height=None, weight=None))


def test_beyond_the_training_range_is_a_caution(trained: Trained) -> None:
    found = notices(trained, clinical(weight={"value": 390, "unit": "kg"}))["out_of_range"]
    assert found.severity == "caution"


def test_a_filled_value_is_told_by_feature(trained: Trained) -> None:
    assert notices(trained, clinical(sex=None))["imputed"].feature == "clinical.sex.is_male"


def test_silence_read_as_no_is_told_once_with_all_features(trained: Trained) -> None:
    found = notices(trained, TYPICAL | {"medications": []})["unrecorded_as_absent"]
    assert found.severity == "info"
    assert "medication.amiodarone.taken, medication.cyp_inducer.taken" in found.text


def test_an_allele_never_seen_is_a_caution_that_does_not_repeat_it(trained: Trained) -> None:
    document = TYPICAL | {"genotypes": [{"gene": "CYP2C9", "diplotype": "*1/*13"}, TYPICAL["genotypes"][1]]}
    found = notices(trained, document)["unknown_allele"]
    assert found.severity == "caution"
    assert "*13" not in found.text


def test_a_snp_inferred_from_a_linked_one_is_told(trained: Trained) -> None:
    linked = {"gene": "VKORC1", "rsid": "rs9934438", "alleles": "G/A"}
    found = notices(trained, TYPICAL | {"genotypes": [TYPICAL["genotypes"][0], linked]})
    assert found["linked_snp"].feature == "genotype.VKORC1.rs9923231_T_count"
    assert "linked_snp" not in notices(trained, TYPICAL)


def test_a_category_never_seen_is_a_caution(trained: Trained) -> None:
    assert "unseen_category" in notices(trained, clinical(race={"value": "not_stated"}))


def test_notices_do_not_depend_on_the_company(trained: Trained) -> None:
    domain, some = trained.model.applicability, trained.cohort.take(trained.cohort.patient_ids[:40])
    together = domain.notices(encode(some, trained.model.spec), some, ABSENT)
    for patient, own in zip(some.patient_ids, together, strict=True):
        alone = some.take([patient])
        assert domain.notices(encode(alone, trained.model.spec), alone, ABSENT) == (own,)


def test_the_domain_survives_json(trained: Trained) -> None:
    assert Applicability.from_json(trained.model.applicability.to_json()) == trained.model.applicability
