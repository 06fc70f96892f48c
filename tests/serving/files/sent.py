"""The patient of the tiny studies as a VCF, a MAF, a panel's calls or a FHIR bundle, and forms of them."""

from __future__ import annotations

import json
import struct
import zlib

import httpx
import numpy as np

from features.cohort import Cohort, Panel, Variants
from features.encode import FeatureSpec
from features.knowledge.codes import drug_of_rxnorm
from features.readers.bgzf import END_BLOCK
from features.readers.vcf_header import LENGTHS
from models.outcome import BinaryOutcome
from tests.serving.client import Client
from tests.serving.tiny_sets import AGE, EVENT, GENES, Draft, _cohort, patient

TUMOUR = "tiny-tumour"
INDEX, BEFORE = "2021-06-15", "2021-06-12"
RECORDS = (
    "chr10\t94981296\trs1057910\tA\tC\t.\tPASS\t.\tGT\t0/1\n"
    "chr16\t31096368\trs9923231\tC\tT\t.\tPASS\t.\tGT\t0/1\n"
)
MAF = (
    "Hugo_Symbol\tVariant_Classification\tTumor_Sample_Barcode\tMutation_Status\tHGVSp_Short\tt_alt_count\t"
    "t_ref_count\nTP53\tMissense_Mutation\tS-1\tSOMATIC\tp.R175H\t31\t69\n"
    "BRAF\tMissense_Mutation\tS-1\tSOMATIC\tp.V600E\t30\t70\n"
)
CALLS = (
    'patient_id,gene,call\ns1,TP53,"c.524G>A_p.R175H(0.31,100)"\ns1,BRAF,"c.1799T>A_p.V600E(0.3,100)"\n'
    's1,ERBB2,"amplification(9, exons 5 of 5)"\n'
)
ASSAY = {
    "name": "panel", "genes": ["BRAF", "ERBB2", "TP53"], "size_mb": 1.2,
    "reads": ["mutations", "copy_number"],
}  # fmt: skip
VARIANTS = [
    {"gene": "TP53", "kind": "missense", "protein_change": "p.R175H", "vaf": 0.31},
    {"gene": "BRAF", "kind": "missense", "protein_change": "p.V600E", "vaf": 0.3},
]
AMPLIFIED = {"gene": "ERBB2", "kind": "amplification", "copy_number": 9.0}


def vcf(records: str = RECORDS, samples: str = "any-name", build: int = 1) -> bytes:
    """A VCF of GRCh38 (build 1) or GRCh37 (build 0)."""
    contigs = "".join(f"##contig=<ID=chr{n},length={ends[build]}>\n" for n, ends in LENGTHS.items())
    columns = f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{samples}\n"
    form = '##FILTER=<ID=PASS,Description="p">\n##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    return f"##fileformat=VCFv4.2\n{form}{contigs}{columns}{records}".encode()


def bgzip(text: bytes) -> bytes:
    """The same as BGZF."""
    return b"".join(block(text[i : i + 60_000]) for i in range(0, len(text), 60_000)) + END_BLOCK


def block(text: bytes) -> bytes:
    """One block of BGZF."""
    worker = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = worker.compress(text) + worker.flush()
    head = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff\x06\x00BC\x02\x00" + struct.pack("<H", len(packed) + 25)
    return head + packed + struct.pack("<2I", zlib.crc32(text), len(text))


def bundle(patient_id: str = "patient-7") -> dict:
    """The tiny study's patient as a FHIR bundle, everything known three days before the index."""
    me = {"reference": f"Patient/{patient_id}"}
    race = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3"}
    us_core = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
    person = {
        "resourceType": "Patient", "id": patient_id, "gender": "male",
        "extension": [{"url": us_core, "extension": [{"url": "ombCategory", "valueCoding": race}]}],
    }  # fmt: skip
    measured = [("30525-0", 63, "a"), ("8302-2", 178.0, "cm"), ("29463-7", 81.5, "kg")]
    told = [
        _observation(
            me,
            code,
            valueQuantity={"value": v, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
        )
        for code, v, unit in measured
    ]
    told.append(_observation(me, "72166-2", valueCodeableConcept={"coding": [{"code": "8517006"}]}))
    told += [
        _observation(me, "84413-4", valueCodeableConcept={"text": call})
        for call in ("CYP2C9 *1/*3", "VKORC1 rs9923231 C/T")
    ]
    flutter = {"coding": [{"system": "http://snomed.info/sct", "code": "49436004"}]}
    told.append({"resourceType": "Condition", "subject": me, "code": flutter, "recordedDate": BEFORE})
    codes = {drug: code for code, drug in drug_of_rxnorm().items()}
    for drug, status in (("amiodarone", "active"), ("simvastatin", "not-taken")):
        concept = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": codes[drug]}]}
        told.append(
            {"resourceType": "MedicationStatement", "status": status, "subject": me, "dateAsserted": BEFORE,
             "medicationCodeableConcept": concept}
        )  # fmt: skip
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": r} for r in (person, *told)],
    }


def _observation(me: dict, code: str, **value: object) -> dict:
    coded = {"coding": [{"system": "http://loinc.org", "code": code}]}
    return {
        "resourceType": "Observation", "status": "final", "subject": me, "code": coded,
        "effectiveDateTime": BEFORE, **value,
    }  # fmt: skip


def tumour_draft(n: int = 240) -> Draft:
    """A probability from a few genes' expression and findings."""
    found = ("tumour.TP53.mutated", "tumour.BRAF.hotspot", "tumour.ERBB2.amplified")
    spec = FeatureSpec((AGE, *(f"expression.{gene}.log2_tpm" for gene in GENES), *found))
    rng = np.random.default_rng(5)
    rows = [(i, "TP53", "missense", "p.R175H", 0.3, float("nan")) for i in range(n) if rng.random() < 0.5]
    rows += [(i, "BRAF", "missense", "p.V600E", 0.3, float("nan")) for i in range(n) if rng.random() < 0.3]
    rows += [(i, "ERBB2", "amplification", None, float("nan"), 9.0) for i in range(n) if rng.random() < 0.3]
    plain = _cohort(n, GENES)
    panel = Panel("panel", frozenset(ASSAY["genes"]), 1.2, frozenset(ASSAY["reads"]))
    cohort = Cohort(
        plain.patient_ids, clinical=plain.clinical, outcomes=plain.outcomes, expression=plain.expression,
        variants=Variants.from_rows(rows), sequenced=np.full(n, "panel", dtype=object),
        panels={"panel": panel},
    )  # fmt: skip
    outcome = BinaryOutcome("atezolizumab", "response", EVENT)
    probes = [patient(), {"patient_id": "bare", "clinical": {"age": {"value": 50, "unit": "a"}}}]
    return Draft(TUMOUR, spec, (outcome,), cohort, probes=probes)


def form(client: Client, request: object, path: str = "/v1/predict", **parts: bytes | str) -> httpx.Response:
    """A form of a request and files (bytes) and options (text)."""
    files: dict = {name: (f"{name}.dat", one) for name, one in parts.items() if isinstance(one, bytes)}
    files["request"] = (None, json.dumps(request), "application/json")
    options = {name: one for name, one in parts.items() if isinstance(one, str)}
    return client.request("POST", path, files=files, data=options)
