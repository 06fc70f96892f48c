"""A home with tiny models of synthetic patients, as serving finds it after a promotion."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from features.encode import FeatureSpec, encode
from features.synthetic import synthetic_cohort
from models import bundle
from models.applicability import Applicability
from models.blend import Blend
from models.card import build_card
from models.conformal import ConformalScores
from models.estimators import LinearSettings, TreeSettings, fit_linear, fit_trees
from models.manifest import Manifest, Provenance
from models.model_set import ModelSet
from models.near_patients import Population
from models.nearness import build_neighbourhood
from models.neighbourhood import KEY
from models.outcome import ContinuousOutcome
from models.reference import build_reference
from models.response import ResponseModel, strata_of
from models.shelf import Shelf

STUDY = "tiny"
NAMES = (
    "clinical.age.value",
    "clinical.height.value",
    "clinical.weight.value",
    "clinical.body_surface_area.value",
    "clinical.target_inr.value",
    "clinical.sex.is_male",
    "clinical.race.is_asian",
    "clinical.race.is_black",
    "clinical.race.is_not_stated",
    "clinical.smoker.flag",
    "clinical.diabetes.flag",
    "clinical.heart_failure.flag",
    "clinical.valve_replacement.flag",
    "clinical.indication.dvt_pe",
    "clinical.indication_atrial_fibrillation.flag",
    "genotype.CYP2C9.*2_count",
    "genotype.CYP2C9.*3_count",
    "genotype.CYP2C9.activity_score",
    "genotype.CYP2C9.is_poor_metabolizer",
    "genotype.CYP2C9.is_intermediate_metabolizer",
    "genotype.VKORC1.rs9923231_T_count",
    "medication.amiodarone.taken",
    "medication.cyp_inducer.taken",
    "medication.statin.taken",
    "medication.azole_antifungal.taken",
    "medication.sulfonamide_antibiotic.taken",
    "medication.aspirin.taken",
)
ABSENT = tuple(n for n in NAMES if n.startswith("medication") or n.endswith(("flag", "dvt_pe")))
VKORC1 = ("genotype.VKORC1.rs9923231_T_count",)
MASKS = {"missing:VKORC1": VKORC1}
REQUIRED = (("clinical.age.value",), ("clinical.height.value", "clinical.weight.value"))

PATIENT: dict[str, object] = {
    "patient_id": "patient-7",
    "genotypes": [
        {"gene": "CYP2C9", "diplotype": "*1/*3"},
        {"gene": "VKORC1", "rsid": "rs9923231", "alleles": "C/T"},
    ],
    "clinical": {
        "age": {"value": 63, "unit": "a"},
        "height": {"value": 178.0, "unit": "cm"},
        "weight": {"value": 81.5, "unit": "kg"},
        "sex": {"value": "male"},
        "race": {"value": "white"},
        "smoker": {"value": False},
        "indication_atrial_fibrillation": {"value": True},
    },
    "medications": [{"drug": "amiodarone", "taken": True}, {"drug": "simvastatin", "taken": False}],
}


def _metric(value: float) -> dict[str, float]:
    return {"value": value, "lower": 0.96 * value, "upper": 1.04 * value}


def _figures(mae: float) -> dict[str, object]:
    return {"mae": _metric(mae), "within20": _metric(47.1), "coverage90": _metric(89.8)}


EVALUATION: dict[str, object] = {
    "protocols": {
        "random_80_20": {"model": _figures(5.4), "fixed_35": _figures(11.9)},
        "leave_one_site_out": {"model": _figures(5.7), "fixed_35": _figures(12.0)},
    },
    "subgroups": {
        protocol: {"race": {race: {"model": _figures(mae)} for race, mae in (("white", 5.9), ("asian", 4.1))}}
        for protocol in ("random_80_20", "leave_one_site_out")
    },
    "remarks": ["A specification that recognises the site wins on random splits and loses on unseen sites."],
}


def make_home(home: Path, n_patients: int = 600, n_trees: int = 300) -> str:
    """Train, bundle and promote version 1 of the study; returns the bundle's digest."""
    folder = home / "bundles" / "writing"
    digest = write_bundle(folder, n_patients, n_trees)
    folder.rename(home / "bundles" / digest)
    Shelf(home).write_aliases(STUDY, {"champion": (1, digest)})
    return digest


def write_bundle(folder: Path, n_patients: int, n_trees: int, seed: int = 7) -> str:
    """A bundle of a model of synthetic patients, with residuals in sample."""
    cohort = synthetic_cohort(n_patients, seed=seed)
    spec = FeatureSpec(NAMES)
    matrix = encode(cohort, spec)
    outcome = ContinuousOutcome("warfarin", "weekly_dose", "mg/wk", "root", 1.0, 300.0)
    margin = outcome.to_margin(cohort.outcome("weekly_dose"))
    absent = np.array([name in ABSENT for name in NAMES])
    linear = fit_linear(matrix.values, margin, cohort.groups["site"], LinearSettings(), absent)
    trees = fit_trees(matrix.values, margin, TreeSettings(n_trees=n_trees, min_data_in_leaf=10), absent)
    blend = Blend((linear, trees), (0.6, 0.4))
    residuals = margin - blend.margin(matrix.values)
    strata = np.array(strata_of(matrix, cohort, "race", MASKS))
    scores = {"all": residuals} | {s: residuals[strata == s] for s in sorted(set(strata.tolist()))}
    domain = Applicability.learn(matrix, cohort, REQUIRED, ABSENT)
    model = ResponseModel(outcome, spec, ABSENT, blend, ConformalScores(scores, 40), "race", MASKS, domain)
    models = ModelSet((model,))
    manifest = Manifest.of(models, _provenance(n_patients, seed))
    levels = {name: np.array([t or "not_recorded" for t in cohort.texts(name)]) for name in ("race", "sex")}
    outcomes, in_sample = {"warfarin": "weekly_dose"}, blend.margin(matrix.values)
    near = build_neighbourhood(models, Population.of(models, matrix, cohort, outcomes, levels, in_sample))
    reference = build_reference(matrix, cohort, "weekly_dose", "race") | {KEY: near}
    return bundle.save(models, folder, manifest, reference, build_card(manifest, EVALUATION))


def _provenance(n_patients: int, seed: int) -> Provenance:
    return Provenance(
        study=STUDY,
        study_text='name = "tiny"\n',
        cohort_fingerprint="0" * 64,
        n_patients=n_patients,
        splits_sha256="1" * 64,
        versions={"numpy": np.__version__},
        git_commit="unknown",
        seed=seed,
        created="2026-01-01T00:00:00Z",
        trained_on="Synthetic patients without a source.",
        metrics={},
    )


def copy_home(source: Path, target: Path) -> Path:
    """A home of its own with the same aliases and bundles, and no log."""
    for name in ("aliases", "bundles"):
        shutil.copytree(source / name, target / name)
    return target


def add_challenger(home: Path, version: int = 2, seed: int = 8) -> str:
    """Put another version on the shelf, which waits and answers nobody; its bundle's digest."""
    writing, shelf = home / "bundles" / "writing", Shelf(home)
    digest = write_bundle(writing, n_patients=300, n_trees=10, seed=seed)
    writing.rename(home / "bundles" / digest)
    known = {alias: shelf.entry(STUDY, alias) for alias in shelf.read(STUDY)}
    aliases = {alias: (entry.version, entry.digest) for alias, entry in known.items() if entry}
    shelf.write_aliases(STUDY, {**aliases, "challenger": (version, digest)})
    return digest
