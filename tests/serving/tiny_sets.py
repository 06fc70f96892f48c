"""A home with bundles of each kind that serving answers with: probabilities, a panel, treatments, many genes.

The models are not fitted: their coefficients are drawn, and their patients are drawn to follow them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from features.cohort import Clinical, Cohort, Expression, Outcomes
from features.encode import FeatureSpec, encode
from features.knowledge.tables import ClinicalVariable
from features.matrix import FeatureMatrix
from models import bundle
from models.applicability import Applicability
from models.blend import Blend
from models.calibration import Calibrated, CalibrationBand
from models.card import build_card
from models.conformal import ConformalScores
from models.manifest import Manifest, Provenance
from models.members import LinearMember
from models.model_set import ModelSet, Question
from models.near_patients import Population
from models.nearness import build_neighbourhood
from models.neighbourhood import KEY
from models.outcome import BinaryOutcome, ContinuousOutcome, Outcome
from models.reference import build_reference
from models.response import ResponseModel
from models.shelf import Shelf

BINARY, PANEL, QUESTION, WIDE = "tiny-binary", "tiny-panel", "tiny-arms", "tiny-wide"
GENES = ("CD8A", "GZMB", "IFNG", "CXCL9", "TGFB1", "MKI67", "ESR1", "ERBB2")
DRUGS = ("Trametinib", "Venetoclax", "Sorafenib", "Dasatinib", "Quizartinib", "Panobinostat")
ARMS = ("control", "pembrolizumab", "veliparib", "neratinib")
EVENT = "complete or partial response"
ARM = ClinicalVariable("arm", "category", "treatment arm", "1", -1e12, 1e12, ARMS, "")
SUBTYPE = ClinicalVariable(
    "subtype", "category", "subtype", "1", -1e12, 1e12, ("hr_negative", "hr_positive"), ""
)
AGE = "clinical.age.value"
SEED = 11


def patient(genes: Sequence[str] = GENES, arm: str | None = None, seed: int = 3) -> dict:
    """One patient document with the genes measured, and a treatment if one is named."""
    rng = np.random.default_rng(seed)
    levels = np.minimum(rng.gamma(2.0, 1.7, len(genes)), 19.0).tolist()
    clinical: dict[str, dict] = {"age": {"value": 58, "unit": "a"}}
    if arm is not None:
        clinical |= {"arm": {"value": arm}, "subtype": {"value": "hr_negative"}}
    values = dict(zip(genes, levels, strict=True))
    expression = {"scale": "log2(TPM+1)", "values": values}
    return {"patient_id": "patient-9", "clinical": clinical, "expression": expression}


def gene_names(n: int) -> tuple[str, ...]:
    """Names for many genes."""
    return tuple(f"GENE{i + 1}" for i in range(n))


def make_homes(home: Path) -> None:
    """One bundle of each kind, promoted as version 1 of its study."""
    for draft in (binary_draft(), panel_draft(), question_draft()):
        publish(home, draft)


@dataclass
class Draft:
    """A study's patients and the coefficients (features,) of each of its models."""

    study: str
    spec: FeatureSpec
    outcomes: tuple[Outcome, ...]
    cohort: Cohort
    question: Question | None = None
    strata: str = "sex"
    probes: list[dict] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """The features."""
        return self.spec.names

    @property
    def drug(self) -> str:
        """The first drug, or the only one."""
        return self.outcomes[0].drug

    @cached_property
    def expressed(self) -> tuple[str, ...]:
        """The features that are missing where no expression was measured."""
        return tuple(name for name in self.names if name.startswith("expression."))


def binary_draft(n: int = 240) -> Draft:
    """Response to a checkpoint inhibitor, from age and a few genes."""
    spec = FeatureSpec((AGE, *(f"expression.{gene}.log2_tpm" for gene in GENES)))
    outcome = BinaryOutcome("atezolizumab", "response", EVENT)
    return Draft(BINARY, spec, (outcome,), _cohort(n, GENES), probes=_probes(GENES))


def panel_draft(n: int = 200, drugs: Sequence[str] = DRUGS, genes: Sequence[str] = GENES) -> Draft:
    """Ex vivo sensitivity to each drug; a low area under the curve is good."""
    spec = FeatureSpec((AGE, *(f"expression.{gene}.log2_tpm" for gene in genes)))
    outcomes = tuple(ContinuousOutcome(d, "auc", "1", "identity", 0.0, 300.0, "lower") for d in drugs)
    return Draft(PANEL, spec, outcomes, _cohort(n, genes), probes=_probes(genes))


def question_draft(n: int = 240) -> Draft:
    """Complete response under each of several arms; the arm is an input."""
    arms = tuple(f"clinical.arm.is_{arm}" for arm in ARMS[1:])
    product = "interaction.clinical.arm.is_pembrolizumab:expression.CD8A.log2_tpm"
    genes = tuple(f"expression.{gene}.log2_tpm" for gene in GENES[:4])
    names = (AGE, "clinical.subtype.is_hr_positive", *arms, *genes, product)
    outcome = BinaryOutcome("neoadjuvant therapy", "pcr", "pathological complete response")
    cohort = _cohort(n, GENES[:4], {"arm": ARMS, "subtype": SUBTYPE.categories})
    question = Question("arm", ARMS)
    spec = FeatureSpec(names, variables=(ARM, SUBTYPE))
    return Draft(QUESTION, spec, (outcome,), cohort, question, "subtype", probes=_probes(GENES[:4], ARMS[1]))


def wide_draft(n_genes: int = 3000, n: int = 60) -> Draft:
    """A probability from thousands of genes."""
    genes = gene_names(n_genes)
    spec = FeatureSpec((AGE, *(f"expression.{gene}.log2_tpm" for gene in genes)))
    outcome = BinaryOutcome("atezolizumab", "response", EVENT)
    return Draft(WIDE, spec, (outcome,), _cohort(n, genes), probes=_probes(genes))


def publish(home: Path, draft: Draft, version: int = 1) -> str:
    """Write the draft's bundle onto the shelf and make it the study's champion; returns its digest."""
    models = _models(draft)
    manifest = Manifest.of(models, _provenance(draft))
    matrix = encode(draft.cohort, draft.spec)
    reference = build_reference(matrix, draft.cohort, draft.outcomes[0].name, draft.strata)
    if len(draft.names) < 1000 and len(draft.outcomes) < 20:
        reference |= {KEY: build_neighbourhood(models, population(draft, models, matrix))}
    writing = home / "bundles" / f"writing-{draft.study}"
    card = build_card(manifest, _evaluation(draft))
    digest = bundle.save(models, writing, manifest, reference, card, draft.probes)
    writing.rename(home / "bundles" / digest)
    Shelf(home).write_aliases(draft.study, {"champion": (version, digest)})
    return digest


def population(draft: Draft, models: ModelSet, matrix: FeatureMatrix) -> Population:
    """The draft's patients; of a panel their outcomes are drawn, and each drug is measured of most."""
    levels = {"age": np.where(draft.cohort.values("age") < 50.0, "below 50", "50 and above").astype(object)}
    if len(draft.outcomes) == 1:
        return Population.of(models, matrix, draft.cohort, {draft.drug: draft.outcomes[0].name}, levels)
    rng = np.random.default_rng([SEED, 5])
    margins = {m.outcome.drug: m.blend.margin(matrix.values) for m in models.models}
    drawn = {
        drug: np.where(rng.random(len(own)) < 0.8, own + rng.normal(0.0, 22.0, len(own)), np.nan)
        for drug, own in margins.items()
    }
    return Population(matrix, draft.cohort, drawn, levels)


def _models(draft: Draft) -> ModelSet:
    matrix = encode(draft.cohort, draft.spec)
    rng = np.random.default_rng([SEED, len(draft.names)])
    required = () if draft.expressed else ((AGE,),)
    domain = Applicability.learn(matrix, draft.cohort, required, ())
    models = tuple(_model(draft, outcome, matrix, domain, rng) for outcome in draft.outcomes)
    size = len(draft.names) if draft.question else len(draft.outcomes)
    noise = rng.normal(0.0, 1.0, (size, size + 4))
    scale = 0.002 if draft.question else 40.0
    return ModelSet(models, draft.question, scale * noise @ noise.T / size)


def _model(
    draft: Draft, outcome: Outcome, matrix: FeatureMatrix, domain: Applicability, rng: np.random.Generator
) -> ResponseModel:
    is_binary = isinstance(outcome, BinaryOutcome)
    spread = (1.2 if is_binary else 25.0) / np.sqrt(len(draft.names))
    slopes = rng.laplace(0.0, spread, len(draft.names)) / np.array([12.0, *[2.4] * (len(draft.names) - 1)])
    middle = -0.6 if is_binary else float(rng.normal(150.0, 40.0))
    gone = np.isin(draft.names, draft.expressed)
    blend = Blend((_member(matrix, slopes, middle),), (1.0,))
    without = Blend((_member(matrix, np.where(gone, 0.0, slopes), middle),), (1.0,))
    mask = "missing:expression"
    observed = _observed(blend.margin(matrix.values), is_binary, rng)
    masks, reduced = {mask: draft.expressed}, {mask: without}
    if is_binary:
        whole, part = (
            Calibrated.of(b.margin(matrix.values), observed, u) for b, u in ((blend, 0.02), (without, 0.5))
        )
        band = CalibrationBand({"all": whole, mask: part}, 20)
        return ResponseModel(outcome, draft.spec, (), blend, band, draft.strata, masks, domain, reduced)
    residuals = observed - blend.margin(matrix.values)
    scores = ConformalScores({"all": residuals, mask: 1.6 * residuals}, 20)
    return ResponseModel(outcome, draft.spec, (), blend, scores, draft.strata, masks, domain, reduced)


def _member(matrix: FeatureMatrix, slopes: np.ndarray, middle: float) -> LinearMember:
    centre = np.nan_to_num(np.nanmean(matrix.values, axis=0))
    return LinearMember(slopes, middle - float((slopes * centre).sum()), centre, centre.copy())


def _observed(margin: np.ndarray, is_binary: bool, rng: np.random.Generator) -> np.ndarray:
    if is_binary:
        return (rng.random(len(margin)) < 1.0 / (1.0 + np.exp(-margin))).astype(np.float64)
    return margin + rng.normal(0.0, 22.0, len(margin))


def _cohort(n: int, genes: Sequence[str], texts: dict[str, tuple[str, ...]] | None = None) -> Cohort:
    """Patients with ages, genes and texts; the outcome of all is drawn, one in three with the event."""
    rng = np.random.default_rng([SEED, n, len(genes)])
    rows: list[tuple] = [(i, "age", float(rng.integers(25, 85)), None, 0.0) for i in range(n)]
    for name, choices in (texts or {}).items():
        rows += [(i, name, np.nan, str(rng.choice(choices)), 0.0) for i in range(n)]
    levels = rng.gamma(2.0, 1.7, (n, len(genes)))
    happened = (rng.random(n) < 0.34).astype(np.float64).tolist()
    outcomes = [(i, name, happened[i], 90.0) for i in range(n) for name in ("response", "pcr")]
    return Cohort(
        tuple(f"s{i}" for i in range(n)),
        clinical=Clinical.from_rows(rows),
        outcomes=Outcomes.from_rows(outcomes),
        expression=Expression(np.arange(n), tuple(genes), levels),
    )


def _probes(genes: Sequence[str], arm: str | None = None) -> list[dict]:
    whole = patient(genes, arm)
    bare = {key: value for key, value in whole.items() if key != "expression"}
    return [whole, bare | {"patient_id": "probe-without-expression"}]


def _evaluation(draft: Draft) -> dict[str, object]:
    is_binary = isinstance(draft.outcomes[0], BinaryOutcome)
    leading = {"auc": 0.78, "brier": 0.19, "slope": 0.97} if is_binary else {"spearman": 0.41, "mae": 31.2}
    figures = {n: {"value": v, "lower": 0.94 * v, "upper": 1.05 * v} for n, v in leading.items()}
    figures["coverage90"] = {"value": 90.4, "lower": 87.0, "upper": 93.1}
    group = {"hr_negative": {"n": 80, "model": figures}} if draft.question else {}
    subgroups = {"cv": {"subtype": group}} if group else {}
    return {"protocols": {"cv": {"model": figures}}, "subgroups": subgroups, "remarks": []}


def _provenance(draft: Draft) -> Provenance:
    return Provenance(
        study=draft.study,
        study_text=f'name = "{draft.study}"\n',
        cohort_fingerprint="0" * 64,
        n_patients=len(draft.cohort),
        splits_sha256="1" * 64,
        versions={"numpy": np.__version__},
        git_commit="unknown",
        seed=SEED,
        created="2026-01-01T00:00:00Z",
        trained_on="Drawn patients without a source.",
    )
