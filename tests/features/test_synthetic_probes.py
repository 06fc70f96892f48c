"""Probe patients have all that a specification reads, lack each block in turn, and are always the same."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from features.encode import FeatureSpec, catalog, encode
from features.knowledge.signatures import signatures
from features.knowledge.tables import ClinicalVariable
from features.readers.document import read_documents, to_document
from features.synthetic import probe_documents

NAN = math.nan
VARIABLES = (
    ClinicalVariable("arm", "category", "arm", "", NAN, NAN, ("control", "olaparib", "neratinib"), ""),
    ClinicalVariable("nodes", "flag", "positive nodes", "", NAN, NAN, (), ""),
    ClinicalVariable("egfr_level", "quantity", "EGFR protein", "1", -1e12, 1e12, (), "", "protein", "EGFR"),
    ClinicalVariable("stroma", "quantity", "stroma", "%", 0.0, 100.0, (), ""),
    ClinicalVariable("cells", "quantity", "cells", "1", 0.0, 1e12, (), ""),
)
NAMES = (
    "clinical.age.value", "clinical.arm.is_olaparib", "clinical.nodes.flag", "protein.egfr_level.value",
    "clinical.stroma.value", "clinical.cells.value", "tumour.TP53.hotspot", "tumour.ERBB2.amplified",
    "tumour.PTEN.copy_number", "tumour.PTEN.loh", "tumour.burden.per_mb", "tumour.sample.purity",
    "expression.CD8A.log2_tpm", "signature.cytolytic_activity.score",
    "interaction.clinical.arm.is_olaparib:tumour.TP53.hotspot",
)  # fmt: skip
SPEC = FeatureSpec(NAMES, variables=VARIABLES)
WIDE = FeatureSpec(tuple(f"expression.SYN{i:05d}.log2_tpm" for i in range(3_000)))


def by_name(spec: FeatureSpec | None, seed: int = 0) -> dict[str, np.ndarray]:
    documents = probe_documents(seed, spec)
    cohort = read_documents(documents, spec)
    values = encode(cohort, spec or SPEC).values
    return dict(zip((p.removeprefix("probe-") for p in cohort.patient_ids), values, strict=True))


def test_what_every_version_knows_needs_no_further_probe() -> None:
    assert probe_documents(spec=FeatureSpec(tuple(catalog()))) == probe_documents()
    assert len(probe_documents()) == 14


def test_one_probe_has_everything_that_is_read_and_one_nothing() -> None:
    probes = by_name(SPEC)
    assert not np.isnan(probes["whole"]).any()
    assert np.isnan(probes["nothing"]).all()


def test_each_block_is_lacking_once() -> None:
    probes = by_name(SPEC)
    lacking = {
        "expression": {"expression.CD8A.log2_tpm", "signature.cytolytic_activity.score"},
        "tumour": {name for name in NAMES if name.startswith("tumour.")},
        "protein": {"protein.egfr_level.value"},
        "clinical": {name for name in NAMES if name.startswith("clinical.")},
    }
    for block, names in lacking.items():
        missing = {name for name, x in zip(NAMES, probes[f"without-{block}"], strict=True) if np.isnan(x)}
        assert missing - {NAMES[-1]} == names


def test_probes_are_the_same_each_time_and_few() -> None:
    assert probe_documents(3, SPEC) == probe_documents(3, SPEC) != probe_documents(4, SPEC)
    assert len(probe_documents(spec=SPEC)) <= 21
    assert probe_documents(spec=SPEC)[:14] == probe_documents()


def test_probes_are_written_back_the_same() -> None:
    cohort = read_documents(probe_documents(spec=SPEC), SPEC)
    written = [to_document(cohort, patient, SPEC) for patient in cohort.patient_ids]
    again = read_documents(json.loads(json.dumps(written, allow_nan=False)), SPEC)
    assert again.fingerprint() == cohort.fingerprint()


@pytest.mark.parametrize("seed", range(5))
def test_every_draw_is_a_patient_that_can_be_read(seed: int) -> None:
    probes = by_name(SPEC, seed)
    assert abs(probes["whole"][NAMES.index("protein.egfr_level.value")]) < 10


def test_probes_of_three_thousand_genes_stay_small() -> None:
    documents = probe_documents(spec=WIDE)
    assert len(json.dumps(documents)) < 1_000_000
    probes = by_name(WIDE)
    assert not np.isnan(probes["whole"]).any()
    assert 0.4 < np.isnan(probes["sparse"]).mean() < 0.6


def test_a_score_that_ranks_the_transcriptome_is_given_one() -> None:
    spec = FeatureSpec(tuple(f"signature.{name}.ssgsea" for name in signatures()))
    assert not np.isnan(by_name(spec)["whole"]).any()


@pytest.mark.parametrize(
    "bounds", [(NAN, NAN), (-math.inf, math.inf), (5.0, math.inf), (-1e12, -7.0), (2.0, 2.0)]
)
def test_any_bounds_are_kept(bounds: tuple[float, float]) -> None:
    variable = ClinicalVariable("x", "quantity", "x", "1", *bounds, (), "")
    spec = FeatureSpec(("clinical.x.value",), variables=(variable,))
    assert np.isfinite(by_name(spec)["whole"]).all()


def test_a_tumour_of_burdens_alone_is_probed_too() -> None:
    spec = FeatureSpec(("tumour.burden.n_missense", "tumour.sample.odd_value"))
    probes = by_name(spec)
    assert not np.isnan(probes["whole"]).any()
    assert np.isnan(probes["without-tumour"]).all()
