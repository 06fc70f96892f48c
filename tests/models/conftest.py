"""One tiny model a session, of synthetic patients whose truth is known, and its bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from features.cohort import Cohort
from features.encode import FeatureSpec, encode
from features.matrix import FeatureMatrix
from features.synthetic import synthetic_cohort
from models import bundle
from models.applicability import Applicability
from models.blend import Blend
from models.card import build_card
from models.conformal import ConformalScores
from models.estimators import LinearSettings, TreeSettings, fit_linear, fit_trees
from models.manifest import Manifest, Provenance
from models.model_set import ModelSet
from models.outcome import ContinuousOutcome
from models.reference import build_reference
from models.response import ResponseModel, strata_of

NAMES = (
    "clinical.age.value",
    "clinical.height.value",
    "clinical.weight.value",
    "clinical.body_surface_area.value",
    "clinical.sex.is_male",
    "clinical.race.is_asian",
    "clinical.race.is_black",
    "clinical.smoker.flag",
    "genotype.CYP2C9.*2_count",
    "genotype.CYP2C9.*3_count",
    "genotype.CYP2C9.activity_score",
    "genotype.VKORC1.rs9923231_T_count",
    "medication.amiodarone.taken",
    "medication.cyp_inducer.taken",
)
ABSENT = tuple(name for name in NAMES if name.startswith("medication") or name.endswith("flag"))
VKORC1 = ("genotype.VKORC1.rs9923231_T_count",)
REQUIRED = (("clinical.age.value",), ("clinical.height.value", "clinical.weight.value"))


@dataclass(frozen=True)
class Trained:
    """A cohort, its matrix, and the model learned of them."""

    cohort: Cohort
    matrix: FeatureMatrix
    model: ResponseModel

    @property
    def models(self) -> ModelSet:
        """The model as a bundle carries it."""
        return ModelSet((self.model,))

    @property
    def absent_mask(self) -> np.ndarray:
        """Which columns read silence as no."""
        return np.array([name in ABSENT for name in NAMES])


def train(cohort: Cohort, n_trees: int = 40) -> Trained:
    """A model of the cohort, with residuals in sample: quick, and good enough to test the machinery."""
    spec = FeatureSpec(NAMES)
    matrix = encode(cohort, spec)
    outcome = ContinuousOutcome("warfarin", "weekly_dose", "mg/wk", "root", 1.0, 300.0)
    margin = outcome.to_margin(cohort.outcome("weekly_dose"))
    absent = np.array([name in ABSENT for name in NAMES])
    linear = fit_linear(matrix.values, margin, cohort.groups["site"], LinearSettings(), absent)
    trees = fit_trees(matrix.values, margin, TreeSettings(n_trees=n_trees, min_data_in_leaf=10), absent)
    blend = Blend((linear, trees), (0.6, 0.4))
    residuals = margin - blend.margin(matrix.values)
    strata = np.array(strata_of(matrix, cohort, "race", {"missing:VKORC1": VKORC1}))
    scores = {"all": residuals} | {s: residuals[strata == s] for s in sorted(set(strata.tolist()))}
    domain = Applicability.learn(matrix, cohort, REQUIRED, ABSENT)
    parts = (blend, ConformalScores(scores, 40), "race", {"missing:VKORC1": VKORC1}, domain)
    return Trained(cohort, matrix, ResponseModel(outcome, spec, ABSENT, *parts))


def provenance(study: str = "tiny", created: str = "2026-01-01T00:00:00Z") -> Provenance:
    """What a training run would say of itself."""
    return Provenance(
        study=study,
        study_text='name = "tiny"\n',
        cohort_fingerprint="0" * 64,
        n_patients=600,
        splits_sha256="1" * 64,
        versions={"numpy": np.__version__},
        git_commit="unknown",
        seed=7,
        created=created,
        trained_on="600 synthetic patients.",
        metrics={"mae": 5.5},
    )


EVALUATION: Mapping[str, object] = {
    "protocols": {
        "random_80_20": {"model": {"mae": {"value": 5.5, "lower": 5.0, "upper": 6.0}, "coverage90": 90.1}}
    },
    "subgroups": {
        "random_80_20": {
            "race": {
                "white": {"n": 300, "model": {"mae": {"value": 5.25}}},
                "few": {"n": 9, "model": {"mae": 1.0}},
            }
        }
    },
    "remarks": ["A specification that recognises the site wins here and loses elsewhere."],
}


def write(trained: Trained, folder: Path, about: Provenance | None = None) -> str:
    """Bundle a trained model and return the digest."""
    manifest = Manifest.of(trained.models, about or provenance())
    reference = build_reference(trained.matrix, trained.cohort, "weekly_dose", "race")
    return bundle.save(trained.models, folder, manifest, reference, build_card(manifest, EVALUATION))


@pytest.fixture(scope="session")
def trained() -> Trained:
    """A model of 600 synthetic patients."""
    return train(synthetic_cohort(600, seed=7))


@pytest.fixture(scope="session")
def written(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That model's bundle; not to be altered, copy it first."""
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    write(trained, folder)
    return folder


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Matrices are solved on one thread, as training does it; on more, small ones wait for each other."""
    with threadpool_limits(1):
        yield
