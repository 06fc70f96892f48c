"""A home whose champion was fitted on synthetic patients: a ridge on any features, and trees if asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from features.cohort import Cohort
from features.encode import encode
from features.synthetic_blocks import Truth
from models import bundle
from models.applicability import Applicability
from models.blend import Blend
from models.block_ridge import fit_block_ridge, learned_settings
from models.card import build_card
from models.conformal import ConformalScores
from models.estimators import TreeSettings, fit_trees
from models.manifest import Manifest, Provenance
from models.model_set import ModelSet
from models.outcome import ContinuousOutcome
from models.reference import build_reference
from models.response import ResponseModel
from models.shelf import Shelf
from training.study import load_study

STUDY = "synthetic"
_STRATA = "sex"
_LAYOUT = "urothelial-atezolizumab"  # a study's text must travel along; synthetic folders do not read it
_MINIMUM = 40


def make_home(home: Path, cohort: Cohort, truth: Truth, trees: TreeSettings | None = None) -> str:
    """Fit, bundle and promote version 1 of the study; its digest. Intervals rest on residuals in sample.

    With `trees` half the answer is theirs. A cohort with the outcomes of several drugs gives a panel.
    """
    outcomes = [(name.rpartition(":")[2], name) for name in dict.fromkeys(cohort.outcomes.name)]
    models = ModelSet(tuple(_fitted(cohort, truth, trees, drug, name) for drug, name in outcomes))
    manifest = Manifest.of(models, _provenance(cohort))
    reference = build_reference(encode(cohort, truth.spec), cohort, outcomes[0][1], _STRATA)
    card = build_card(manifest, {"protocols": {}, "subgroups": {}, "remarks": []})
    writing = home / "bundles" / "writing"
    digest = bundle.save(models, writing, manifest, reference, card)
    writing.rename(home / "bundles" / digest)
    Shelf(home).write_aliases(STUDY, {"champion": (1, digest)})
    return digest


def _fitted(cohort: Cohort, truth: Truth, trees: TreeSettings | None, drug: str, name: str) -> ResponseModel:
    spec = truth.spec
    matrix = encode(cohort, spec)
    outcome = ContinuousOutcome(drug, name.partition(":")[0], "1", "identity", -1e6, 1e6)
    margin = outcome.to_margin(cohort.outcome(name))
    blocks = [feature.block for feature in spec.features]
    absent = np.zeros(len(blocks), dtype=bool)
    settings = learned_settings(matrix.values, margin, blocks, False, absent)
    member = fit_block_ridge(matrix.values, margin, blocks, settings, absent)
    blend = Blend((member,), (1.0,))
    if trees is not None:
        blend = Blend((member, fit_trees(matrix.values, margin, trees, absent)), (0.5, 0.5))
    scores = ConformalScores({"all": margin - blend.margin(matrix.values)}, _MINIMUM)
    domain = Applicability.learn(matrix, cohort, (), ())
    return ResponseModel(outcome, spec, (), blend, scores, _STRATA, {}, domain)


def _provenance(cohort: Cohort) -> Provenance:
    return Provenance(
        study=STUDY,
        study_text=load_study(_LAYOUT).text,
        cohort_fingerprint=cohort.fingerprint(),
        n_patients=len(cohort),
        splits_sha256="0" * 64,
        versions={"numpy": np.__version__},
        git_commit="unknown",
        seed=0,
        created="2026-01-01T00:00:00Z",
        trained_on="Synthetic patients.",
    )
