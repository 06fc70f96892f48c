"""Synthetic patients: cohorts whose dose has a known truth, and probes that reach every corner.

The truth of a cohort, in root(mg/week), is

    5.0 - 0.025 age + 0.009 height + 0.012 weight - 0.85 T - 0.45 star2 - 0.95 star3
        + 1.10 inducer - 0.55 amiodarone + site + noise

with age in years, height in cm, weight in kg, T the count of VKORC1 rs9923231 T, star2 and star3 the
counts of CYP2C9 *2 and *3, site ~ N(0, 0.1) for each site and noise ~ N(0, 0.7) for each patient. The
dose is its square, from a root of at least 1. Nothing else matters, whatever else is recorded; what
is left out as missing is left out after the dose was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from features.cohort import Clinical, Cohort, Genotypes, Medications, Numbers, Outcomes
from features.encode import FeatureSpec
from features.knowledge.tables import (
    alleles,
    clinical_variables,
    interaction_classes,
    snps,
    star_allele_genes,
)
from features.synthetic_probes import block_probes

TRUTH: Mapping[str, float] = MappingProxyType(
    {
        "clinical.age.value": -0.025,
        "clinical.height.value": 0.009,
        "clinical.weight.value": 0.012,
        "genotype.VKORC1.rs9923231_T_count": -0.85,
        "genotype.CYP2C9.*2_count": -0.45,
        "genotype.CYP2C9.*3_count": -0.95,
        "medication.cyp_inducer.taken": 1.10,
        "medication.amiodarone.taken": -0.55,
    }
)
"""Slope of each feature in root(mg/week)."""

INTERCEPT = 5.0
SITE_SD = 0.1
NOISE_SD = 0.7

Facts = Mapping[str, NDArray]

_RACES = ("white", "asian", "black")
_T_FREQUENCY = np.array([0.39, 0.90, 0.11])
_STAR_ALLELES = ("*1", "*2", "*3")
_STAR_FREQUENCIES = ((0.79, 0.13, 0.08), (0.96, 0.0, 0.04), (0.96, 0.03, 0.01))
_DRUGS = {"amiodarone": 0.06, "carbamazepine": 0.03, "simvastatin": 0.25, "aspirin": 0.3}
_FLAGS = {"smoker": 0.15, "diabetes": 0.2, "indication_dvt": 0.2, "indication_atrial_fibrillation": 0.5}


def synthetic_cohort(n: int, seed: int, sites: int = 5, missing: float = 0.1) -> Cohort:
    """`n` warfarin-like patients; each fact is missing with probability `missing`, independently.

    Outcome `weekly_dose` in mg/week; group `site`. The truth stands in this file's docstring.
    """
    rng = np.random.default_rng(seed)
    facts = _draw(rng, n)
    site = rng.integers(0, sites, n)
    root = _expected_root(facts) + rng.normal(0, SITE_SD, sites)[site] + rng.normal(0, NOISE_SD, n)
    dose = np.square(np.maximum(root, 1.0))
    return Cohort(
        tuple(f"synthetic-{i + 1}" for i in range(n)),
        Genotypes.from_rows(_genotype_rows(rng, facts, missing)),
        Clinical.from_rows(_clinical_rows(rng, facts, missing)),
        Medications.from_rows(_medication_rows(rng, facts, missing)),
        Outcomes.from_rows([(i, "weekly_dose", value, 90.0) for i, value in enumerate(dose.tolist())]),
        {"site": np.array([f"site-{k + 1}" for k in site.tolist()], dtype=object)},
    )


def _draw(rng: np.random.Generator, n: int) -> Facts:
    race = rng.choice(3, n, p=[0.6, 0.27, 0.13])
    male = rng.random(n) < 0.57
    t_count = rng.binomial(2, _T_FREQUENCY[race])
    stars = np.array([rng.choice(3, 2, p=_STAR_FREQUENCIES[r]) for r in race]).reshape(n, 2)
    height = rng.normal(162.0, 7.0, n) + 13.0 * male
    weight = np.clip(rng.normal(24.0, 4.5, n) * (height / 100.0) ** 2, 35.0, 220.0)
    facts = {
        "age": np.clip(rng.normal(63.0, 14.0, n), 18.0, 97.0).round(),
        "height": height.round(1),
        "weight": weight.round(1),
        "target_inr": rng.choice([2.5, 3.0], n, p=[0.85, 0.15]),
        "sex": np.where(male, "male", "female").astype(object),
        "race": np.array(_RACES, dtype=object)[race],
        "rs9923231": t_count,
        "stars": np.sort(stars, axis=1),
    }
    chances = _DRUGS | _FLAGS
    return facts | {name: (rng.random(n) < chance).astype(np.float64) for name, chance in chances.items()}


def _expected_root(facts: Facts) -> Numbers:
    values = {
        "clinical.age.value": facts["age"],
        "clinical.height.value": facts["height"],
        "clinical.weight.value": facts["weight"],
        "genotype.VKORC1.rs9923231_T_count": facts["rs9923231"],
        "genotype.CYP2C9.*2_count": (facts["stars"] == 1).sum(axis=1),
        "genotype.CYP2C9.*3_count": (facts["stars"] == 2).sum(axis=1),
        "medication.cyp_inducer.taken": facts["carbamazepine"],
        "medication.amiodarone.taken": facts["amiodarone"],
    }
    return INTERCEPT + sum(TRUTH[name] * value for name, value in values.items())


def _kept(rng: np.random.Generator, n: int, missing: float) -> list[int]:
    return np.flatnonzero(rng.random(n) >= missing).tolist()


def _genotype_rows(rng: np.random.Generator, facts: Facts, missing: float) -> list[tuple]:
    n = len(facts["age"])
    vkorc1 = ("C/C", "C/T", "T/T")
    rows = [(i, "rs9923231", vkorc1[facts["rs9923231"][i]]) for i in _kept(rng, n, missing)]
    for i in _kept(rng, n, missing):
        first, second = facts["stars"][i]
        rows.append((i, "CYP2C9", f"{_STAR_ALLELES[first]}/{_STAR_ALLELES[second]}"))
    return rows


def _clinical_rows(rng: np.random.Generator, facts: Facts, missing: float) -> list[tuple]:
    rows: list[tuple] = []
    n = len(facts["age"])
    for name in ("age", "height", "weight", "target_inr", *_FLAGS):
        rows += [(i, name, float(facts[name][i]), None, 0.0) for i in _kept(rng, n, missing)]
    for name in ("sex", "race"):
        rows += [(i, name, np.nan, facts[name][i], 0.0) for i in _kept(rng, n, missing)]
    return rows


def _medication_rows(rng: np.random.Generator, facts: Facts, missing: float) -> list[tuple]:
    n = len(facts["age"])
    return [
        (i, drug, bool(facts[drug][i]), np.nan, np.nan) for drug in _DRUGS for i in _kept(rng, n, missing)
    ]


def probe_documents(seed: int = 0, spec: FeatureSpec | None = None) -> list[dict]:
    """Fourteen synthetic patients as documents, the first with every fact; bundles recompute them.

    For a specification that reads declared variables, a tumour or expression, a few more have those.
    """
    probes = _known_probes(seed)
    if spec is not None:
        probes |= block_probes(probes["everything"], spec, seed)
    return [{"patient_id": f"probe-{name}"} | document for name, document in probes.items()]


def _known_probes(seed: int) -> dict[str, dict]:
    rng = np.random.default_rng(seed)
    age, height, weight = rng.integers(45, 80, 8), rng.integers(150, 190, 8), rng.integers(50, 110, 8)
    body = [_body(*map(float, row)) for row in zip(age, height, weight, strict=True)]
    star1, het = _star("*1/*1"), _snp("rs9923231", "C/T")
    star13, homozygote = _star("*1/*3"), (_star("*3/*3"), _snp("rs9923231", "T/T"))
    stopped = {"drug": "phenytoin", "taken": True, "start_day": -90, "stop_day": -9}
    whole, light = body[0] | _all_clinical(), {k: v for k, v in body[7].items() if k != "weight"}
    woman, man, black = _who("female", "white"), _who("male", "not_stated"), _who("male", "black")
    return {
        "everything": _document(_all_genotypes(), whole, _drugs(True, *_one_per_class())),
        "nothing": {},
        "no-genotype": _document((), body[1] | man, _drugs(False, "amiodarone")),
        "no-clinical": _document((star13, het), {}),
        "variant-homozygote": _document(homozygote, body[2] | _who("female", "asian")),
        "unknown-allele": _document((_star("*1/*999"), het), body[3] | woman),
        "uncertain-function": _document((_star("*2/*7"), het), body[4] | man),
        "linked-always": _document((star1, _snp("rs9934438", "G/A")), body[5] | black),
        "linked-withheld": _document((star1, _snp("rs2359612", "A/A")), body[6] | black),
        "smallest": _document((star1, het), _body(0.0, 30.0, 1.0) | woman),
        "largest": _document((star1, het), _body(120.0, 250.0, 400.0) | man),
        "no-weight": _document((star13, het), light),
        "stopped": _document((star1, het), body[1], [stopped]),
        "nothing-taken": _document((star1, het), body[2], _drugs(False, *interaction_classes())),
    }


def _document(genotypes: Iterable[dict], clinical: dict, medications: Iterable[dict] = ()) -> dict:
    sections = {"genotypes": list(genotypes), "clinical": clinical, "medications": list(medications)}
    return {name: entries for name, entries in sections.items() if entries}


def _star(diplotype: str) -> dict:
    return {"gene": "CYP2C9", "diplotype": diplotype}


def _snp(rsid: str, alleles: str) -> dict:
    return {"gene": snps()[rsid].gene, "rsid": rsid, "alleles": alleles}


def _all_genotypes() -> list[dict]:
    others = [
        {"gene": g, "diplotype": "/".join([next(iter(alleles(g)))] * 2)} for g in star_allele_genes()[1:]
    ]
    return [_star("*1/*2"), *others, *(_snp(snp.rsid, "/".join(snp.alleles)) for snp in snps().values())]


def _body(age: float, height: float, weight: float) -> dict:
    measured = {"age": (age, "a"), "height": (height, "cm"), "weight": (weight, "kg")}
    return {name: {"value": value, "unit": unit} for name, (value, unit) in measured.items()}


def _who(sex: str, race: str) -> dict:
    return {"sex": {"value": sex}, "race": {"value": race}}


def _all_clinical() -> dict:
    flags = [v.name for v in clinical_variables().values() if v.kind == "flag"]
    target = {"target_inr": {"value": 2.5, "unit": "1"}}
    answers = {name: {"value": i % 2 == 0} for i, name in enumerate(flags)}
    return target | _who("female", "white") | answers


def _one_per_class() -> list[str]:
    return [group.drugs[-1] for group in interaction_classes().values()]


def _drugs(taken: bool, *names: str) -> list[dict]:
    return [{"drug": name, "taken": taken} for name in names]
