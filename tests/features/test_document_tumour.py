"""The tumour of a patient document: what was read is told from what was found, and nothing is assumed."""

from __future__ import annotations

import copy
import json
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.encode import FeatureSpec, encode
from features.errors import CohortError
from features.panel import KINDS, READINGS
from features.readers.document import document_schema, read_documents, to_document

ASSAY = {
    "name": "FoundationOne",
    "genes": ["TP53", "ERBB2", "KRAS"],
    "size_mb": 1.1,
    "reads": ["mutations", "copy_number", "fusions"],
}
TUMOUR = {
    "assay": ASSAY,
    "variants": [
        {"gene": "TP53", "kind": "missense", "protein_change": "p.R175H", "vaf": 0.31, "copy_number": None},
        {"gene": "ERBB2", "kind": "amplification", "copy_number": 12},
    ],
}
PATIENT = {"patient_id": "p1", "tumour": TUMOUR}
SPEC = FeatureSpec(
    ("tumour.TP53.hotspot", "tumour.KRAS.mutated", "tumour.ERBB2.amplified", "tumour.EGFR.mutated")
)


def _faults(*documents: object) -> dict[str, str]:
    with pytest.raises(CohortError) as refused:
        read_documents(documents)
    return {fault.where: f"{fault.what}; {fault.remedy}" for fault in refused.value.faults}


def _changed(*steps: str | int, to: object) -> dict:
    document = copy.deepcopy(PATIENT)
    place = document["tumour"]
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = to
    return document


def test_findings_and_what_was_read_become_features() -> None:
    values = encode(read_documents([PATIENT]), SPEC).values
    np.testing.assert_array_equal(values, [[1.0, 0.0, 1.0, math.nan]])


def test_a_document_without_a_tumour_was_not_sequenced() -> None:
    cohort = read_documents([{"patient_id": "p0"}, PATIENT])
    assert cohort.is_sequenced("TP53").tolist() == [None, True]
    assert np.isnan(encode(cohort, SPEC).values[0]).all()
    assert read_documents([{"patient_id": "p0"}]).sequenced is None


def test_a_tumour_without_findings_is_wild_type_where_it_was_read() -> None:
    cohort = read_documents([_changed("variants", to=[])])
    np.testing.assert_array_equal(encode(cohort, SPEC).values, [[0.0, 0.0, 0.0, math.nan]])


def test_null_genes_are_a_whole_exome_and_null_megabases_unknown() -> None:
    exome = ASSAY | {"genes": None, "size_mb": None}
    cohort = read_documents([_changed("assay", to=exome)])
    spec = FeatureSpec(("tumour.EGFR.mutated", "tumour.burden.per_mb"))
    np.testing.assert_array_equal(encode(cohort, spec).values, [[0.0, math.nan]])
    assert encode(read_documents([PATIENT]), spec).values[0, 1] == 1 / 1.1


@pytest.mark.parametrize(
    ("where", "document", "says"),
    [
        ("", PATIENT | {"tumour": None}, "an object"),
        ("", PATIENT | {"tumour": []}, "an object"),
        ("", PATIENT | {"tumour": {"assay": ASSAY}}, "'variants' is missing"),
        ("", PATIENT | {"tumour": {"variants": []}}, "'assay' is missing"),
        ("/wild_type", _changed("wild_type", to=True), "not known here"),
        ("/assay", _changed("assay", to="FoundationOne"), "an object"),
        ("/assay/name", _changed("assay", "name", to=7), "printable text"),
        ("/assay/name", _changed("assay", "name", to=" "), "printable text"),
        ("/assay/genes", _changed("assay", "genes", to="TP53"), "or send null for a whole exome"),
        ("/assay/genes", _changed("assay", "genes", to=[]), "or send null for a whole exome"),
        ("/assay/genes", _changed("assay", "genes", to={"TP53": 1}), "a list of genes"),
        ("/assay/genes/3", _changed("assay", "genes", to=["TP53", "ERBB2", "KRAS", "TP53"]), "once"),
        (
            "/assay/genes/3",
            _changed("assay", "genes", to=["TP53", "ERBB2", "KRAS", ["A"]]),
            "not a gene symbol",
        ),
        (
            "/assay/genes/3",
            _changed("assay", "genes", to=["TP53", "ERBB2", "KRAS", "A\n"]),
            "not a gene symbol",
        ),
        (
            "/assay/genes/3",
            _changed("assay", "genes", to=["TP53", "ERBB2", "KRAS", " A"]),
            "not a gene symbol",
        ),
        ("/assay/size_mb", _changed("assay", "size_mb", to=0), "a number above 0"),
        ("/assay/size_mb", _changed("assay", "size_mb", to=True), "a number above 0"),
        ("/assay/size_mb", _changed("assay", "size_mb", to=math.nan), "a number above 0"),
        ("/assay/size_mb", _changed("assay", "size_mb", to=10**400), "a number above 0"),
        ("/assay/reads", _changed("assay", "reads", to=[]), "list some of mutations"),
        ("/assay/reads", _changed("assay", "reads", to="mutations"), "list some of mutations"),
        ("/assay/reads", _changed("assay", "reads", to=["tea leaves"]), "list some of mutations"),
        ("/assay/reads", _changed("assay", "reads", to=[["mutations"]]), "list some of mutations"),
        ("/variants", _changed("variants", to=None), "send [] where nothing was found"),
        ("/variants", _changed("variants", to={}), "a list"),
        ("/variants/1", _changed("variants", 1, to="ERBB2"), "an object"),
        ("/variants/1", _changed("variants", 1, to={"gene": "ERBB2"}), "'kind' is missing"),
        ("/variants/1/depth", _changed("variants", 1, "depth", to=100), "not known here"),
        ("/variants/1/gene", _changed("variants", 1, "gene", to={}), "not a gene symbol"),
        ("/variants/1/kind", _changed("variants", 1, "kind", to="odd"), "use one of amplification"),
        ("/variants/1/kind", _changed("variants", 1, "kind", to=["missense"]), "use one of amplification"),
        ("/variants/0/protein_change", _changed("variants", 0, "protein_change", to=175), "HGVS"),
        ("/variants/0/protein_change", _changed("variants", 0, "protein_change", to=""), "HGVS"),
        ("/variants/0/vaf", _changed("variants", 0, "vaf", to=31), "from 0 to 1"),
        ("/variants/0/vaf", _changed("variants", 0, "vaf", to="0.31"), "from 0 to 1"),
        ("/variants/0/vaf", _changed("variants", 0, "vaf", to=math.inf), "from 0 to 1"),
        ("/variants/1/copy_number", _changed("variants", 1, "copy_number", to=-1), "0 or more"),
        ("/variants/1/copy_number", _changed("variants", 1, "copy_number", to=True), "0 or more"),
        ("/variants/1", _changed("variants", 1, "gene", to="EGFR"), "does not read"),
        ("/variants/1", _changed("assay", "reads", to=["mutations"]), "does not read"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(where: str, document: dict, says: str) -> None:
    faults = _faults(document)
    assert list(faults) == ["/tumour" + where]
    assert says in faults["/tumour" + where]


def test_faults_of_assay_and_variants_are_told_together_without_a_value() -> None:
    variants = [{"gene": "TP53", "kind": "SECRET", "vaf": 31}, {"gene": "SECRET", "kind": "missense"}]
    document = PATIENT | {"tumour": {"assay": ASSAY | {"size_mb": "SECRET"}, "variants": variants}}
    with pytest.raises(CohortError) as refused:
        read_documents([document])
    found = {fault.where for fault in refused.value.faults}
    assert found == {"/tumour/assay/size_mb", "/tumour/variants/0/kind", "/tumour/variants/0/vaf"}
    assert "SECRET" not in str(refused.value)


def test_one_name_means_one_assay() -> None:
    other = PATIENT | {"patient_id": "p2"}
    assert len(read_documents([PATIENT, other]).panels) == 1
    narrower = _changed("assay", "genes", to=["TP53", "ERBB2"]) | {"patient_id": "p2"}
    assert list(_faults(PATIENT, narrower)) == ["/1/tumour/assay"]


def test_a_huge_list_of_junk_is_refused_quickly() -> None:
    began = time.perf_counter()
    faults = _faults(_changed("variants", to=[{"gene": "TP53", "kind": "odd"}] * 100_000))
    assert len(faults) == 100
    assert list(_faults(_changed("assay", "genes", to=[f"G{i}" for i in range(60_001)]))) == [
        "/tumour/assay/genes"
    ]
    assert time.perf_counter() - began < 5.0


def test_two_of_the_same_finding_are_two() -> None:
    twice = _changed("variants", to=[{"gene": "TP53", "kind": "missense"}] * 2)
    assert encode(read_documents([twice]), FeatureSpec(("tumour.TP53.n_mutations",))).values[0, 0] == 2.0


_KIND = st.sampled_from(sorted(KINDS))
_AMOUNT = st.none() | st.floats(0, 1)
_FINDING = st.fixed_dictionaries(
    {"gene": st.sampled_from(ASSAY["genes"]), "kind": _KIND},
    optional={"protein_change": st.none() | st.just("p.V600E"), "vaf": _AMOUNT, "copy_number": _AMOUNT},
)


@given(
    findings=st.lists(st.lists(_FINDING, max_size=4) | st.none(), min_size=1, max_size=4),
    genes=st.none() | st.just(ASSAY["genes"]),
    size=st.none() | st.floats(0.1, 50),
)
def test_what_is_written_back_is_read_the_same(
    findings: list, genes: list | None, size: float | None
) -> None:
    assay = {"name": "any", "genes": genes, "size_mb": size, "reads": list(READINGS)}
    documents = [
        {"patient_id": f"p{i}"} | ({} if own is None else {"tumour": {"assay": assay, "variants": own}})
        for i, own in enumerate(findings)
    ]
    cohort = read_documents(documents)
    written = json.loads(json.dumps([to_document(cohort, p) for p in cohort.patient_ids], allow_nan=False))
    assert read_documents(written).fingerprint() == cohort.fingerprint()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_PLACES = (
    ("assay",), ("variants",), ("variants", 0), *(("assay", name) for name in ASSAY),
    *(("variants", 0, name) for name in TUMOUR["variants"][0]),
)  # fmt: skip


def _is_read_or_refused(document: dict) -> bool:
    try:
        return len(read_documents([document])) == 1
    except CohortError as error:
        return bool(error.faults) and all(fault.where.startswith("/tumour") for fault in error.faults)


@given(junk=_JSON, place=st.sampled_from(_PLACES))
def test_junk_is_read_or_refused_and_never_a_crash(junk: object, place: tuple) -> None:
    assert _is_read_or_refused(_changed(*place, to=junk))


def test_deep_nesting_is_refused_where_it_begins() -> None:
    deep: object = 0
    for _ in range(5_000):
        deep = [deep]
    assert list(_faults(_changed("variants", to=deep))) == ["/tumour/variants/0"]
    assert list(_faults(_changed("assay", "genes", to=deep))) == ["/tumour/assay/genes/0"]


def test_the_schema_tells_what_is_read_of_the_tumour() -> None:
    shape = document_schema(SPEC)["properties"]["tumour"]
    assert shape["x-rxplain-features"] == list(SPEC.names)
    assert set(shape["properties"]["variants"]["items"]["properties"]["kind"]["enum"]) == KINDS
    assert (
        "x-rxplain-features"
        not in document_schema(FeatureSpec(("clinical.age.value",)))["properties"]["tumour"]
    )


def test_the_schemas_example_leaves_nothing_of_the_tumour_missing() -> None:
    spec = FeatureSpec(
        (
            *SPEC.names,
            "tumour.TP53.copy_number",
            "tumour.TP53.loh",
            "tumour.burden.per_mb",
            "tumour.sample.purity",
        )
    )
    (example,) = document_schema(spec)["examples"]
    assert not np.isnan(encode(read_documents([example]), spec).values).any()
