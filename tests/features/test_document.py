"""The patient document: read strictly, every fault told with its place, and written back the same."""

from __future__ import annotations

import copy
import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.encode import FeatureSpec, catalog, encode
from features.errors import CohortError
from features.knowledge.tables import clinical_variables, drugs, snps
from features.readers.document import document_schema, read_documents, to_document
from features.synthetic import probe_documents, synthetic_cohort
from features.tumour_sample import SAMPLE_VALUES

PATIENT = {
    "patient_id": "p1",
    "genotypes": [
        {"gene": "CYP2C9", "diplotype": "*1/*3"},
        {"gene": "VKORC1", "rsid": "rs9923231", "alleles": "C/T"},
    ],
    "clinical": {
        "age": {"value": 63, "unit": "a"},
        "height": {"value": 170.5, "unit": "cm", "day": -3},
        "sex": {"value": "female"},
        "smoker": {"value": True},
    },
    "medications": [{"drug": "amiodarone", "taken": True, "start_day": -30, "stop_day": None}],
}
SPEC = FeatureSpec(("clinical.age.value", "genotype.CYP2C9.*3_count", "medication.statin.taken"))


def _faults(*documents: object) -> dict[str, str]:
    with pytest.raises(CohortError) as refused:
        read_documents(documents)
    return {fault.where: f"{fault.what}; {fault.remedy}" for fault in refused.value.faults}


def _changed(*steps: str | int, to: object) -> dict:
    document = copy.deepcopy(PATIENT)
    place = document
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = to
    return document


def test_a_document_becomes_a_cohort_of_one() -> None:
    cohort = read_documents([PATIENT])
    assert cohort.patient_ids == ("p1",)
    assert cohort.calls("CYP2C9").tolist() == ["*1/*3"]
    assert cohort.values("age").tolist() == [63.0]
    assert cohort.texts("sex").tolist() == ["female"]
    assert cohort.taking("amiodarone").tolist() == [1.0]


def test_sections_may_be_left_out() -> None:
    assert len(read_documents([{"patient_id": "p"}])) == 1


@pytest.mark.parametrize(
    ("where", "document", "says"),
    [
        ("", [], "an object is needed"),
        ("", None, "an object is needed"),
        ("", {"clinical": {}}, "'patient_id' is missing"),
        ("/patient_id", _changed("patient_id", to=7), "printable text"),
        ("/patient_id", _changed("patient_id", to=""), "printable text"),
        ("/patient_id", _changed("patient_id", to="a\nb"), "printable text"),
        ("/dose", _changed("dose", to=35), "not known here"),
        ("/genotypes", _changed("genotypes", to={}), "a list"),
        ("/genotypes/0", _changed("genotypes", 0, to="*1/*3"), "an object"),
        ("/genotypes/0/phased", _changed("genotypes", 0, "phased", to=True), "not known here"),
        ("/genotypes/0/gene", _changed("genotypes", 0, "gene", to="BRCA1"), "use one of CYP2C9"),
        ("/genotypes/0/gene", _changed("genotypes", 0, "gene", to=["CYP2C9"]), "use one of CYP2C9"),
        ("/genotypes/0/diplotype", _changed("genotypes", 0, "diplotype", to="CT"), "'*1/*3'"),
        ("/genotypes/0/diplotype", _changed("genotypes", 0, "diplotype", to=13), "'*1/*3'"),
        ("/genotypes/1/rsid", _changed("genotypes", 1, "rsid", to="rs1"), "rs9923231"),
        ("/genotypes/1/gene", _changed("genotypes", 1, "gene", to="CYP2C9"), "use VKORC1"),
        (
            "/genotypes/1/alleles",
            _changed("genotypes", 1, "alleles", to="A/G"),
            "forward-strand (GRCh38) alleles, C/T",
        ),
        ("/genotypes/1/alleles", _changed("genotypes", 1, "alleles", to="C"), "not two alleles"),
        ("/genotypes/1/alleles", _changed("genotypes", 1, "alleles", to=None), "not two alleles"),
        ("/clinical", _changed("clinical", to=[]), "an object"),
        ("/clinical/creatinine", _changed("clinical", "creatinine", to={"value": 1}), "not known here"),
        ("/clinical/age", _changed("clinical", "age", to=63), "an object"),
        ("/clinical/age", _changed("clinical", "age", to={"value": 63}), "'unit' is missing"),
        ("/clinical/age/value", _changed("clinical", "age", "value", to=True), "finite number"),
        ("/clinical/age/value", _changed("clinical", "age", "value", to="63"), "finite number"),
        ("/clinical/age/value", _changed("clinical", "age", "value", to=float("nan")), "finite number"),
        ("/clinical/age/value", _changed("clinical", "age", "value", to=float("inf")), "finite number"),
        ("/clinical/age/value", _changed("clinical", "age", "value", to=10**400), "finite number"),
        ("/clinical/age/value", _changed("clinical", "age", "value", to=163), "not plausible"),
        ("/clinical/age/unit", _changed("clinical", "age", "unit", to="years"), "use 'a' or 'mo'"),
        ("/clinical/age/unit", _changed("clinical", "age", "unit", to=["a"]), "UCUM"),
        ("/clinical/age/day", _changed("clinical", "age", "day", to=1), "0 or before"),
        ("/clinical/age/day", _changed("clinical", "age", "day", to=False), "0 or before"),
        ("/clinical/sex/unit", _changed("clinical", "sex", "unit", to="1"), "not known here"),
        ("/clinical/sex/value", _changed("clinical", "sex", "value", to="F"), "male, female"),
        ("/clinical/smoker/value", _changed("clinical", "smoker", "value", to=1), "true or false"),
        ("/medications", _changed("medications", to="none"), "a list"),
        ("/medications/0/drug", _changed("medications", 0, "drug", to="Amiodarone"), "not known here"),
        ("/medications/0/taken", _changed("medications", 0, "taken", to="yes"), "true or false"),
        ("/medications/0/dose", _changed("medications", 0, "dose", to=1), "not known here"),
        ("/medications/0/start_day", _changed("medications", 0, "start_day", to="x"), "not a day"),
        ("/medications/0/stop_day", _changed("medications", 0, "stop_day", to=-31), "before 'start_day'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(where: str, document: object, says: str) -> None:
    faults = _faults(document)
    assert list(faults) == [where]
    assert says in faults[where]


def test_all_faults_are_told_together() -> None:
    document = _changed("clinical", "age", "unit", to="years") | {
        "extra": 1,
        "genotypes": [{}],
        "medications": 0,
    }
    assert set(_faults(document)) == {"/extra", "/genotypes/0", "/clinical/age/unit", "/medications"}


def test_pointers_escape_and_cut_off_names() -> None:
    assert list(_faults(PATIENT | {"a/b~c": 1})) == ["/a~1b~0c"]
    assert len(next(iter(_faults(PATIENT | {"x" * 10_000: 1})))) < 100


def test_pointers_name_the_document_when_there_are_several() -> None:
    second = _changed("clinical", "age", "unit", to="years") | {"patient_id": "p2"}
    assert list(_faults(PATIENT, second)) == ["/1/clinical/age/unit"]
    assert list(_faults(PATIENT, PATIENT)) == ["/1/patient_id"]


def test_a_thousand_faults_are_counted_and_a_hundred_told() -> None:
    with pytest.raises(CohortError, match=r"1000 faults.*900 are left out") as refused:
        read_documents([{"patient_id": "p", "medications": [0] * 1000}])
    assert len(refused.value.faults) == 100


def test_a_second_call_at_a_locus_is_refused() -> None:
    twice = PATIENT | {"genotypes": PATIENT["genotypes"] * 2}
    assert list(_faults(twice)) == ["/genotypes/2", "/genotypes/3"]


def test_faults_never_repeat_a_value() -> None:
    secret = "Jane-Doe-1951"
    clinical = ("clinical", "age"), ("clinical", "age", "unit"), ("clinical", "sex", "value")
    others = ("genotypes", 0, "diplotype"), ("genotypes", 1, "alleles"), ("medications", 0, "drug")
    for path in (*clinical, *others):
        with pytest.raises(CohortError) as refused:
            read_documents([_changed(*path, to=secret)])
        assert secret not in str(refused.value)


def test_the_order_of_alleles_does_not_matter() -> None:
    turned = [
        {"gene": "CYP2C9", "diplotype": "*3/*1"},
        {"gene": "VKORC1", "rsid": "rs9923231", "alleles": "T/C"},
    ]
    cohort = read_documents([PATIENT | {"genotypes": turned}])
    assert cohort.fingerprint() == read_documents([PATIENT]).fingerprint()


def test_an_unheard_of_star_allele_is_a_doubt_and_not_an_error() -> None:
    assert (
        read_documents([_changed("genotypes", 0, "diplotype", to="*1/*999")]).calls("CYP2C9")[0] == "*1/*999"
    )


def test_units_are_converted_at_the_door() -> None:
    cohort = read_documents([_changed("clinical", "height", to={"value": 70, "unit": "[in_i]"})])
    assert cohort.values("height")[0] == pytest.approx(177.8)


def test_probes_are_read_and_written_back_the_same() -> None:
    cohort = read_documents(probe_documents())
    written = [to_document(cohort, patient) for patient in cohort.patient_ids]
    assert (
        read_documents(json.loads(json.dumps(written, allow_nan=False))).fingerprint() == cohort.fingerprint()
    )


def test_a_stranger_is_not_written() -> None:
    with pytest.raises(CohortError, match="not in the cohort"):
        to_document(read_documents([PATIENT]), "p2")


@given(seed=st.integers(0, 2**16), missing=st.floats(0.0, 1.0))
def test_documents_encode_as_the_cohort_they_were_written_from(seed: int, missing: float) -> None:
    cohort, spec = synthetic_cohort(5, seed, missing=missing), FeatureSpec(tuple(catalog()))
    documents = json.loads(json.dumps([to_document(cohort, patient) for patient in cohort.patient_ids]))
    again = read_documents(documents)
    assert encode(again, spec).values.tobytes() == encode(cohort, spec).values.tobytes()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _is_read_or_refused(document: object) -> bool:
    """One patient whose facts are all finite, or an error that names where the faults lie."""
    try:
        cohort = read_documents([document])
    except CohortError as error:
        return bool(error.faults) and all(fault.what for fault in error.faults)
    known = [row[2] for row in cohort.clinical.rows if row[3] is None]
    return len(cohort) == 1 and all(map(math.isfinite, known))


@given(junk=_JSON, section=st.sampled_from([None, "patient_id", "genotypes", "clinical", "medications"]))
def test_junk_is_refused_and_never_a_crash(junk: object, section: str | None) -> None:
    document = junk if section is None else PATIENT | {section: junk}
    assert _is_read_or_refused(document)


@given(junk=_JSON, data=st.data())
def test_junk_in_any_field_is_refused_and_never_a_crash(junk: object, data: st.DataObject) -> None:
    document = copy.deepcopy(PATIENT)
    section = data.draw(st.sampled_from(["genotypes", "clinical", "medications"]))
    entries = document[section]
    key = data.draw(
        st.sampled_from(sorted(entries) if isinstance(entries, dict) else list(range(len(entries))))
    )
    entries[key][data.draw(st.sampled_from(sorted(entries[key])))] = junk
    assert _is_read_or_refused(document)


def test_the_schema_names_everything_the_reader_knows() -> None:
    schema = document_schema(SPEC)
    properties = schema["properties"]
    sample = {f"tumour_{name}" for name in SAMPLE_VALUES}
    assert set(properties["clinical"]["properties"]) == set(clinical_variables()) | sample
    assert set(properties["medications"]["items"]["properties"]["drug"]["enum"]) == drugs()
    loci = [shape["properties"] for shape in properties["genotypes"]["items"]["oneOf"]]
    assert {shape["rsid"]["const"] for shape in loci if "rsid" in shape} == set(snps())
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema


def test_the_schema_marks_what_the_specification_reads() -> None:
    clinical = document_schema(SPEC)["properties"]["clinical"]["properties"]
    marked = {name for name, shape in clinical.items() if "x-rxplain-features" in shape}
    assert marked == {"age"}
    assert "statin" in document_schema(SPEC)["properties"]["medications"]["description"]


def test_the_schemas_example_is_read_and_leaves_nothing_missing() -> None:
    for spec in (SPEC, FeatureSpec(tuple(catalog()))):
        (example,) = document_schema(spec)["examples"]
        values = encode(read_documents([example]), spec).values
        assert not (values != values).any()


def test_the_schemas_pattern_and_the_reader_agree_on_diplotypes() -> None:
    pattern = document_schema(SPEC)["properties"]["genotypes"]["items"]["oneOf"][0]["properties"]["diplotype"]
    for text, good in (
        ("*1/*3", True),
        ("*1A/*3", True),
        ("*1", False),
        ("1/3", False),
        ("*1/*12345", False),
    ):
        assert bool(re.search(pattern["pattern"], text)) is good
        document = _changed("genotypes", 0, "diplotype", to=text)
        if good:
            assert len(read_documents([document])) == 1
        else:
            assert list(_faults(document)) == ["/genotypes/0/diplotype"]
