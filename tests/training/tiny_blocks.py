"""Tiny studies of many blocks on synthetic patients: a probability, arms, a panel; and a shelf."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from features.cohort import Clinical, Cohort, Outcomes
from features.encode import encode
from features.synthetic_blocks import Truth, synthetic_blocks
from models import bundle
from models.card import build_card
from models.manifest import Manifest
from models.model_set import ModelSet
from models.reference import build_reference
from models.shelf import Shelf
from tests.models.conftest import EVALUATION, provenance
from training.design import build_design
from training.fit import fit_models
from training.panel import fit_panel
from training.study import Study, read_study

FACTS = 4
PRODUCT = "interaction.clinical.arm.is_tested:expression.SYN00001.log2_tpm"
ARMS = ("control", "tested", "harmful")
BENEFIT = {"control": 0.0, "tested": 1.5, "harmful": -1.5}
MIX = {"expression": 40, "tumour": 8, "clinical": FACTS}
_HEAD = """
name = "{name}"
title = "A made-up study of many blocks"
purpose = "Shows what is promised, on patients whose truth is known."
dataset = "none"
seed = 5
comparators = []
{outcome}
[population]

[spec]
names = [{names}]
least_patients = 10

[model]
strata = "none"
mask_blocks = ["expression", "tumour"]
without = "refitted"
required_any = [["clinical.synthetic_1.value", "clinical.synthetic_2.value"{required}]
inner_folds = 4
group = "none"
minimum = 40

[[protocols]]
name = "folds"
kind = "folds"
splits = 1
folds = 4

[[gates]]
name = "any"
figure = "protocols.folds.model.auc.value"
at_least = 0.0
"""
_OUTCOMES = {
    "binary": '[outcome]\nkind = "binary"\ndrug = "A"\nname = "response"\nevent = "response"\n'
    'better = "higher"\n[ridge]\n',
    "panel": '[outcome]\ndrug = "panel"\nname = "auc"\nlinks = ["identity"]\nlowest = -30.0\nhighest = 30.0\n'
    'better = "lower"\n[panel]\nmin_patients = 60\nfactors = 2\n',
}
_FACT = '\n[[variables]]\nname = "synthetic_{i}"\nkind = "quantity"\nlabel = "synthetic {i}"\n'
_ARM = '\n[[variables]]\nname = "arm"\nkind = "category"\nlabel = "arm"\ncategories = {arms}\n'
_SERVED = ("clinical.*", "expression.*.log2_tpm", "tumour.*.mutated", "tumour.*.amplified")


def tiny_study(kind: str) -> Study:
    """The `binary`, `question` or `panel` study."""
    is_question = kind == "question"
    served = (*_SERVED, *((PRODUCT,) if is_question else ()))
    text = _HEAD.format(
        name=f"tiny-{kind}",
        outcome=_OUTCOMES["panel" if kind == "panel" else "binary"],
        names=", ".join(f'"{name}"' for name in served),
        required='], ["clinical.arm.is_control"]' if is_question else "]",
    )
    options = ", ".join(f'"{arm}"' for arm in ARMS)
    if is_question:
        text += f'\n[question]\nvariable = "arm"\noptions = [{options}]\n' + _ARM.format(arms=f"[{options}]")
    return read_study(text + "".join(_FACT.format(i=i + 1) for i in range(FACTS)))


def tiny_cohort(kind: str, n: int, seed: int = 1, missing: float = 0.1) -> tuple[Cohort, Truth]:
    """Patients of that study; those of a question were dealt arms that help, harm or do nothing."""
    if kind == "panel":
        return synthetic_blocks(n, seed, drugs=5, missing=missing, **MIX)
    cohort, truth = synthetic_blocks(n, seed, outcome="binary", missing=missing, **MIX)
    return (_with_arms(cohort, truth, seed) if kind == "question" else cohort), truth


def fit(study: Study, cohort: Cohort) -> ModelSet:
    """The study's models of these patients."""
    return (fit_panel if study.panel else fit_models)(build_design(study, cohort), cohort, study)


def publish(home: Path, study: Study, cohort: Cohort, models: ModelSet) -> Path:
    """The models as the study's champion under `home`; the bundle's folder."""
    about = replace(provenance(study.name), study_text=study.text)
    manifest = Manifest.of(models, about)
    matrix = encode(cohort, models.spec)
    reference = build_reference(matrix, cohort, study.outcome.name, study.model.strata)
    writing = home / "bundles" / f"writing-{study.name}"
    digest = bundle.save(models, writing, manifest, reference, build_card(manifest, EVALUATION))
    Shelf(home).write_aliases(study.name, {"champion": (1, digest)})
    return writing.rename(home / "bundles" / digest)


def _with_arms(cohort: Cohort, truth: Truth, seed: int) -> Cohort:
    """The same patients in arms; response is drawn anew, from a third of the causes and the arm."""
    rng = np.random.default_rng([seed, 99])
    arms = rng.choice(ARMS, len(cohort))
    rows = [*cohort.clinical.rows, *((i, "arm", np.nan, str(a), 0.0) for i, a in enumerate(arms))]
    matrix = encode(cohort, truth.spec)
    effects = np.array([truth.effects["response"].get(name, 0.0) for name in matrix.names])
    spread = np.nanstd(matrix.values, axis=0)
    z = np.nan_to_num((matrix.values - np.nanmean(matrix.values, axis=0)) / np.where(spread > 0, spread, 1.0))
    margin = z @ effects / 3.0 + np.array([BENEFIT[arm] for arm in arms.tolist()])
    happened = (rng.random(len(cohort)) < 1.0 / (1.0 + np.exp(-2.0 * margin))) * 1.0
    outcomes = [(i, "response", own, 90.0) for i, own in enumerate(happened.tolist())]
    return replace(cohort, clinical=Clinical.from_rows(rows), outcomes=Outcomes.from_rows(outcomes))
