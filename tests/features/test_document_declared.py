"""Clinical facts that a study declares, and values of a tumour's sample, in a patient document."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.encode import FeatureSpec, encode
from features.errors import CohortError
from features.knowledge.tables import ClinicalVariable
from features.readers.document import document_schema, read_documents, to_document
from features.tumour_sample import SAMPLE_VALUES

NAN = math.nan
LDH = ClinicalVariable("ldh", "quantity", "lactate dehydrogenase", "U/L", 10.0, 9e4, (), "")
SPAN = ClinicalVariable("span", "quantity", "arm span", "cm", 30.0, 250.0, (), "")
STAT1 = ClinicalVariable("stat1", "quantity", "STAT1 protein", "1", -1e12, 1e12, (), "", "protein", "STAT1")
ARM = ClinicalVariable("arm", "category", "arm", "", NAN, NAN, ("control", "pembrolizumab"), "")
METASTASES = ClinicalVariable("liver_metastases", "flag", "liver metastases", "", NAN, NAN, (), "")
SPEC = FeatureSpec(
    (
        "clinical.ldh.value",
        "clinical.span.value",
        "protein.stat1.value",
        "clinical.arm.is_pembrolizumab",
        "clinical.liver_metastases.flag",
        "clinical.age.value",
        "tumour.sample.purity",
        "tumour.sample.signature_3",
        "interaction.clinical.arm.is_pembrolizumab:protein.stat1.value",
    ),
    variables=(LDH, SPAN, STAT1, ARM, METASTASES),
)
CLINICAL = {
    "ldh": {"value": 310, "unit": "U/L"},
    "span": {"value": 1.7, "unit": "m", "day": -2},
    "stat1": {"value": -0.4, "unit": "1"},
    "arm": {"value": "pembrolizumab"},
    "liver_metastases": {"value": True},
    "age": {"value": 63, "unit": "a"},
    "tumour_purity": {"value": 0.6, "unit": "1"},
    "tumour_signature_3": {"value": 12.5, "unit": "1"},
}


def patient(**facts: object) -> dict:
    return {"patient_id": "p1", "clinical": CLINICAL | facts}


def _faults(document: object, spec: FeatureSpec | None = SPEC) -> dict[str, str]:
    with pytest.raises(CohortError) as refused:
        read_documents([document], spec)
    return {fault.where: f"{fault.what}; {fault.remedy}" for fault in refused.value.faults}


def test_declared_facts_are_read_with_the_specification() -> None:
    values = encode(read_documents([patient()], SPEC), SPEC).values
    np.testing.assert_array_equal(values, [[310.0, 170.0, -0.4, 1.0, 1.0, 63.0, 0.6, 12.5, -0.4]])


def test_they_are_unknown_without_it() -> None:
    unknown = {f"/clinical/{name}" for name in CLINICAL} - {"/clinical/age", "/clinical/tumour_purity"}
    assert set(_faults(patient(), spec=None)) == unknown


def test_listed_values_of_the_sample_are_known_to_every_model() -> None:
    facts = {f"tumour_{name}": {"value": 0.5, "unit": unit} for name, (unit, _, _) in SAMPLE_VALUES.items()}
    cohort = read_documents([{"patient_id": "p", "clinical": facts}])
    assert all(cohort.values(name).tolist() == [0.5] for name in facts)


@pytest.mark.parametrize(
    ("where", "fact", "says"),
    [
        ("/ldh/unit", {"ldh": {"value": 5.0, "unit": "ukat/L"}}, "use 'U/L'"),
        ("/ldh/unit", {"ldh": {"value": 5.0, "unit": 7}}, "UCUM"),
        ("/ldh/value", {"ldh": {"value": 1e6, "unit": "U/L"}}, "outside 10 to 90000 U/L"),
        ("/ldh/value", {"ldh": {"value": "310", "unit": "U/L"}}, "finite number"),
        ("/ldh", {"ldh": {"value": 310}}, "'unit' is missing"),
        ("/span/unit", {"span": {"value": 1.7, "unit": "km"}}, "'cm' or 'm'"),
        ("/stat1/unit", {"stat1": {"value": 1, "unit": "{INR}"}}, "use '1'"),
        ("/stat1/value", {"stat1": {"value": math.inf, "unit": "1"}}, "finite number"),
        ("/arm/value", {"arm": {"value": "placebo"}}, "control, pembrolizumab"),
        ("/arm/value", {"arm": {"value": ["control"]}}, "control, pembrolizumab"),
        ("/liver_metastases/value", {"liver_metastases": {"value": 1}}, "true or false"),
        ("/liver_metastases/day", {"liver_metastases": {"value": True, "day": 3}}, "0 or before"),
        ("/tumour_purity/value", {"tumour_purity": {"value": 60, "unit": "1"}}, "outside 0 to 1"),
        ("/tumour_purity/unit", {"tumour_purity": {"value": 60, "unit": "%"}}, "use '1'"),
        ("/tumour_mood", {"tumour_mood": {"value": 1, "unit": "1"}}, "not known here"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(where: str, fact: dict, says: str) -> None:
    faults = _faults(patient(**fact))
    assert list(faults) == ["/clinical" + where]
    assert says in faults["/clinical" + where]


def test_a_study_of_very_many_variables_keeps_its_messages_short() -> None:
    many = tuple(ClinicalVariable(f"v{i}", "flag", "v", "", NAN, NAN, (), "") for i in range(2_000))
    spec = FeatureSpec(("clinical.v0.flag",), variables=many)
    (told,) = _faults({"patient_id": "p", "clinical": {"odd": {"value": 1}}}, spec).values()
    assert len(told) < 2_000
    assert "more" in told


@given(
    ldh=st.floats(10, 9e4),
    stat1=st.floats(-1e12, 1e12),
    arm=st.sampled_from(ARM.categories),
    flag=st.booleans(),
)
def test_what_is_written_back_is_read_the_same(ldh: float, stat1: float, arm: str, flag: bool) -> None:
    facts = {"ldh": {"value": ldh, "unit": "U/L"}, "stat1": {"value": stat1, "unit": "1"}}
    cohort = read_documents([patient(**facts, arm={"value": arm}, liver_metastases={"value": flag})], SPEC)
    written = json.loads(json.dumps(to_document(cohort, "p1", SPEC), allow_nan=False))
    assert read_documents([written], SPEC).fingerprint() == cohort.fingerprint()


def test_without_the_specification_only_what_every_model_knows_is_written() -> None:
    written = to_document(read_documents([patient()], SPEC), "p1")
    assert set(written["clinical"]) == {"age", "tumour_purity"}
    assert len(read_documents([written])) == 1


def test_the_schema_describes_declared_variables_and_what_reads_them() -> None:
    clinical = document_schema(SPEC)["properties"]["clinical"]["properties"]
    assert clinical["ldh"]["properties"]["unit"]["enum"] == ["U/L"]
    assert clinical["span"]["properties"]["unit"]["enum"] == ["cm", "m", "[in_i]"]
    assert clinical["stat1"]["properties"]["value"]["description"] == "any number in 1"
    assert clinical["stat1"]["x-rxplain-features"] == ["protein.stat1.value", SPEC.names[-1]]
    assert clinical["arm"]["properties"]["value"] == {"enum": ["control", "pembrolizumab"]}
    assert clinical["tumour_signature_3"]["x-rxplain-features"] == ["tumour.sample.signature_3"]


def test_the_schemas_example_is_read_and_leaves_nothing_missing() -> None:
    (example,) = document_schema(SPEC)["examples"]
    assert not np.isnan(encode(read_documents([example], SPEC), SPEC).values).any()
    assert set(example["clinical"]) == set(CLINICAL)
