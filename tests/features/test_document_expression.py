"""The expression of a patient document: every gene once, on a declared scale, checked at once."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.encode import FeatureSpec, encode
from features.errors import CohortError
from features.knowledge.genes import gene_names
from features.readers.document import document_schema, read_documents, to_document
from tests.features import transcriptome
from tests.features.test_expression_studies import HUGO, IMVIGOR, SNYDER, read

NAMES = tuple(f"SYN{i:04d}" for i in range(3_000))
WIDE = FeatureSpec(tuple(f"expression.{gene}.log2_tpm" for gene in NAMES))
SPEC = FeatureSpec(
    ("expression.CD8A.log2_tpm", "expression.GZMB.log2_tpm", "signature.cytolytic_activity.score")
)
VALUES = {"CD8A": 3.1, "GZMB": 1.4}
TPM = "TPM"
LOG2 = "log2(TPM+1)"


def patient(values: object = None, scale: object = LOG2, patient_id: str = "p1") -> dict:
    return {
        "patient_id": patient_id,
        "expression": {"scale": scale, "values": VALUES if values is None else values},
    }


def _faults(*documents: object, spec: FeatureSpec | None = SPEC) -> dict[str, str]:
    with pytest.raises(CohortError) as refused:
        read_documents(documents, spec)
    return {fault.where: f"{fault.what}; {fault.remedy}" for fault in refused.value.faults}


def test_values_are_taken_bit_for_bit() -> None:
    cohort = read_documents([patient({"CD8A": 0.1 + 0.2, "GZMB": 0})], SPEC)
    assert cohort.expression_of("CD8A").tolist() == [0.1 + 0.2]
    assert cohort.expression_of("GZMB").tolist() == [0.0]


def test_tpm_becomes_its_logarithm() -> None:
    cohort = read_documents([patient({"CD8A": 7, "GZMB": 0.0}, TPM)], SPEC)
    assert [cohort.expression_of(gene)[0] for gene in VALUES] == [3.0, 0.0]


def test_patients_may_be_measured_for_different_genes_or_not_at_all() -> None:
    documents = [patient(), patient({"GZMB": 2.0, "PRF1": 4.0}, patient_id="p2"), {"patient_id": "p3"}]
    cohort = read_documents(documents, SPEC)
    np.testing.assert_array_equal(cohort.expression_of("CD8A"), [3.1, math.nan, math.nan])
    np.testing.assert_array_equal(cohort.expression_of("GZMB"), [1.4, 2.0, math.nan])
    assert cohort.has_expression().tolist() == [True, True, False]
    assert read_documents([{"patient_id": "p3"}]).expression is None


def test_the_order_of_genes_does_not_matter() -> None:
    turned = dict(reversed(VALUES.items()))
    assert read_documents([patient(turned)]).fingerprint() == read_documents([patient()]).fingerprint()


def test_other_names_of_a_gene_are_resolved() -> None:
    names = {"ENSG00000141510.18": 1.0, "CTGF": 2.0, "925": 3.0}
    cohort = read_documents([patient(names)], SPEC)
    assert cohort.expression is not None
    assert cohort.expression.genes == ("TP53", "CCN2", "CD8A")


def test_an_ensembl_id_without_a_symbol_is_taken_as_it_is() -> None:
    cohort = read_documents([patient({"ENSG09999999999.2": 1.0})])
    assert cohort.expression_of("ENSG09999999999").tolist() == [1.0]


def test_a_name_that_the_model_reads_needs_no_table() -> None:
    gene_names.cache_clear()
    read_documents([patient(dict.fromkeys(NAMES, 1.0))], WIDE)
    assert gene_names.cache_info().currsize == 0
    assert list(_faults(patient({"SYN0001": 1.0}), spec=None)) == ["/expression/values/SYN0001"]


@pytest.mark.parametrize(
    ("where", "document", "says"),
    [
        ("", {"patient_id": "p", "expression": []}, "an object"),
        ("", {"patient_id": "p", "expression": None}, "an object"),
        ("", {"patient_id": "p", "expression": {"values": VALUES}}, "'scale' is missing"),
        ("/unit", {"patient_id": "p", "expression": patient()["expression"] | {"unit": 1}}, "not known here"),
        ("/scale", patient(scale="counts"), "use TPM or log2(TPM+1)"),
        ("/scale", patient(scale="tpm"), "use TPM or log2(TPM+1)"),
        ("/scale", patient(scale=["TPM"]), "use TPM or log2(TPM+1)"),
        ("/scale", patient(scale=None), "use TPM or log2(TPM+1)"),
        ("/values", patient([3.1, 1.4]), "an object of genes"),
        ("/values", patient({}), "or leave the section out"),
        ("/values", patient("CD8A"), "an object of genes"),
        ("/values/CD8A", patient({"CD8A": None}), "leave the gene out"),
        ("/values/CD8A", patient({"CD8A": "3.1", "GZMB": 1.0}), "finite number"),
        ("/values/CD8A", patient({"CD8A": True, "GZMB": 1.0}), "finite number"),
        ("/values/CD8A", patient({"CD8A": [3.1]}), "finite number"),
        ("/values/CD8A", patient({"CD8A": {"value": 3.1}}), "finite number"),
        ("/values/CD8A", patient({"CD8A": math.nan, "GZMB": 1.0}), "finite number"),
        ("/values/CD8A", patient({"CD8A": math.inf, "GZMB": 1.0}), "finite number"),
        ("/values/CD8A", patient({"CD8A": 10**400, "GZMB": 1.0}), "finite number"),
        ("/values/CD8A", patient({"CD8A": -0.5, "GZMB": 1.0}), "check the scale"),
        ("/values/CD8A", patient({"CD8A": 500.0, "GZMB": 1.0}), "check the scale"),
        ("/values/CD8A", patient({"CD8A": 2e6, "GZMB": 1.0}, TPM), "check the scale"),
        ("/values/CD8A", patient({"CD8A": -1e-9}, TPM), "check the scale"),
        ("/values/nothing of note", patient({"nothing of note": 1.0}), "approved HGNC symbol"),
        ("/values/", patient({"": 1.0}), "approved HGNC symbol"),
        ("/values/a~1b~0c", patient({"a/b~c": 1.0}), "approved HGNC symbol"),
        ("/values/\x00", patient({"\x00": 1.0}), "approved HGNC symbol"),
        ("/values/ENSG00000153563", patient({"CD8A": 1.0, "ENSG00000153563": 2.0}), "one value a gene"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(where: str, document: dict, says: str) -> None:
    faults = _faults(document)
    assert list(faults) == ["/expression" + where]
    assert says in faults["/expression" + where]


def test_faults_of_names_and_values_are_told_together_without_a_value() -> None:
    with pytest.raises(CohortError) as refused:
        read_documents([patient({"CD8A": "Jane-Doe", "GZMB": 77.25, "unheard of": 1.0})], SPEC)
    assert len(refused.value.faults) == 3
    assert "Jane-Doe" not in str(refused.value)
    assert "77.25" not in str(refused.value)


def test_a_pointer_names_the_document_when_there_are_several() -> None:
    assert list(_faults(patient(), patient({"CD8A": "x"}, patient_id="p2"))) == ["/1/expression/values/CD8A"]


def test_too_many_genes_and_long_names_are_refused_quickly() -> None:
    began = time.perf_counter()
    assert list(_faults(patient({f"G{i}": 1.0 for i in range(60_001)}))) == ["/expression/values"]
    assert len(_faults(patient({f"{i:04d}" + "x" * 200: 1.0 for i in range(1_000)}))) == 100
    assert max(map(len, _faults(patient({"x" * 100_000: 1.0})))) < 100
    assert time.perf_counter() - began < 5.0


def test_values_of_another_scale_are_caught_in_many_genes() -> None:
    logs = dict.fromkeys(NAMES, 4.0)
    assert "declare the logarithm" in _faults(patient(logs, TPM), spec=WIDE)["/expression/values"]
    tens = dict.fromkeys(NAMES, 15.0)
    assert "total above" in _faults(patient(tens), spec=WIDE)["/expression/values"]


def test_a_whole_transcriptome_is_judged_as_in_a_file() -> None:
    genes = transcriptome.genes()
    levels = transcriptome.tpm(1, genes)[0]
    shifted = dict(zip(genes, np.roll(levels, 1).tolist(), strict=True))
    assert "names and numbers shifted" in _faults(patient(shifted, TPM))["/expression/values"]
    cohort = read_documents([patient(dict(zip(genes, levels.tolist(), strict=True)), TPM)], SPEC)
    np.testing.assert_array_equal(cohort.expression_of("CD8A"), np.log2(levels[[genes.index("CD8A")]] + 1.0))
    thirds = dict(zip(genes, (levels / 3).tolist(), strict=True))
    assert "a total below 400,000" in _faults(patient(thirds, TPM))["/expression/values"]


def test_logarithms_of_a_cohort_that_lacks_unnamed_genes_are_still_right() -> None:
    genes = transcriptome.genes()
    levels = np.log2(transcriptome.tpm(1, genes)[0] / 4 + 1.0)
    assert len(read_documents([patient(dict(zip(genes, levels.tolist(), strict=True)))], SPEC)) == 1
    tens = dict(zip(genes, (levels / math.log2(10)).tolist(), strict=True))
    assert "a total below 100,000" in _faults(patient(tens))["/expression/values"]


def test_a_patient_alone_is_the_patient_in_a_batch() -> None:
    rng = np.random.default_rng(0)
    documents = [
        patient(dict(zip(NAMES, rng.uniform(0, 9, len(NAMES)).tolist(), strict=True)), patient_id=f"p{i}")
        for i in range(5)
    ]
    batch = encode(read_documents(documents, WIDE), WIDE).values
    alone = [encode(read_documents([document], WIDE), WIDE).values[0] for document in documents]
    assert np.array(alone).tobytes() == batch.tobytes()


_LEVELS = st.dictionaries(st.sampled_from(NAMES[:6]), st.floats(0, 15), max_size=6)


@given(levels=st.lists(_LEVELS, min_size=1, max_size=4))
def test_what_is_written_back_is_read_the_same(levels: list[dict]) -> None:
    documents = [
        patient(own, patient_id=str(i)) if own else {"patient_id": str(i)} for i, own in enumerate(levels)
    ]
    cohort = read_documents(documents, WIDE)
    written = json.loads(json.dumps([to_document(cohort, p) for p in cohort.patient_ids], allow_nan=False))
    assert written == documents
    assert read_documents(written, WIDE).fingerprint() == cohort.fingerprint()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _is_read_or_refused(document: dict) -> bool:
    try:
        table = read_documents([document], WIDE).expression
    except CohortError as error:
        return bool(error.faults) and all(fault.where.startswith("/expression") for fault in error.faults)
    return table is not None and bool(np.isfinite(table.values).all())


@given(
    scale=st.sampled_from((LOG2, TPM)) | _JSON, values=_JSON | st.dictionaries(st.sampled_from(NAMES), _JSON)
)
def test_junk_is_read_or_refused_and_never_a_crash(scale: object, values: object) -> None:
    assert _is_read_or_refused(patient(values, scale))


def test_deep_nesting_is_refused_where_it_begins() -> None:
    deep: object = 0
    for _ in range(5_000):
        deep = {"CD8A": deep}
    assert list(_faults(patient(deep))) == ["/expression/values/CD8A"]


def test_the_schema_lists_each_gene_once() -> None:
    text = json.dumps(document_schema(WIDE))
    shape = document_schema(WIDE)["properties"]["expression"]
    assert tuple(shape["x-rxplain-genes"]) == NAMES
    assert shape["x-rxplain-features"] == ["expression.<GENE>.log2_tpm"]
    assert len(text) < 100_000
    assert text.count(NAMES[-1]) == 1


def test_the_schema_names_scores_and_the_genes_they_need() -> None:
    shape = document_schema(SPEC)["properties"]["expression"]
    assert shape["x-rxplain-features"] == ["expression.<GENE>.log2_tpm", "signature.cytolytic_activity.score"]
    assert set(shape["x-rxplain-genes"]) == {"CD8A", "GZMB", "GZMA", "PRF1"}
    (example,) = document_schema(SPEC)["examples"]
    assert not np.isnan(encode(read_documents([example], SPEC), SPEC).values).any()


def test_a_wide_patient_is_read_faster_than_its_json() -> None:
    values = np.random.default_rng(1).normal(5.0, 1.5, len(NAMES)).clip(0.0).round(4)
    text = json.dumps(patient(dict(zip(NAMES, values.tolist(), strict=True))))
    parsing, reading = [], []
    for _ in range(30):
        began = time.perf_counter()
        document = json.loads(text)
        parsed = time.perf_counter()
        read_documents([document], WIDE)
        parsing.append(parsed - began)
        reading.append(time.perf_counter() - parsed)
    assert min(reading) < min(parsing)


@pytest.mark.slow
@pytest.mark.parametrize("name", [HUGO, SNYDER, IMVIGOR])
def test_real_patients_are_written_back_the_same(name: str) -> None:
    cohort = read(name).cohort()
    written = json.loads(json.dumps([to_document(cohort, p) for p in cohort.patient_ids], allow_nan=False))
    assert read_documents(written).fingerprint() == cohort.fingerprint()
