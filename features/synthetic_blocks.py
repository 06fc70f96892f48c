"""Synthetic cohorts of any size and any mix of blocks, with a known truth.

Of every block a few features cause the outcome and all others are noise, whatever their number. With z a
feature's value less its mean over its standard deviation (both known beforehand, not measured), the margin of
an outcome is

    sum of effect x z over its causal features + noise,  noise ~ N(0, noise)

`continuous` outcomes are the margin; `binary` ones are 1 with probability 1 / (1 + exp(-2 x sum)). What is
left out as missing is left out after the outcome was made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.cohort import Clinical, Cohort, Expression, Genotypes, Numbers, Outcomes, Panel, Variants
from features.encode import FeatureSpec
from features.errors import FeatureError
from features.knowledge.tables import ClinicalVariable, snps

OUTCOME = "response"
PANEL_OUTCOME = "auc:{drug}"
KINDS = ("binary", "continuous")
N_SITES = 5
N_CAUSAL = 3
"""Causal features of each block, or all of them where it has fewer."""

_EFFECTS = (1.0, -0.8, 0.6)
_SLOPE = 2.0
_ALLELE_FREQUENCY = 0.35
_ALTERED = 0.2
_AMPLIFIED = 0.1
_LEVEL_SD, _MODULE_SD, _MODULES = 1.2, 0.5, 8
_TOTAL_TPM = 6e5


@dataclass(frozen=True)
class Truth:
    """What a cohort was made from: by outcome, each causal feature's effect; the sizes of all else.

    `features` names every feature that was recorded, causal or not; `variables` declares the clinical ones.
    """

    effects: Mapping[str, Mapping[str, float]]
    features: tuple[str, ...]
    variables: tuple[ClinicalVariable, ...]
    noise: float

    @property
    def spec(self) -> FeatureSpec:
        """A specification of every feature that was recorded."""
        return FeatureSpec(self.features, variables=self.variables)

    def causal(self, outcome: str = OUTCOME) -> tuple[str, ...]:
        """The outcome's causal features, the strongest first."""
        own = self.effects[outcome]
        return tuple(sorted(own, key=lambda name: -abs(own[name])))


@dataclass(frozen=True)
class _Block:
    """Feature names, values (patients, features), and each feature's mean and standard deviation."""

    names: tuple[str, ...]
    values: NDArray
    mean: Numbers
    sd: Numbers


def synthetic_blocks(
    n: int,
    seed: int,
    *,
    genes: int = 0,
    expression: int = 0,
    tumour: int = 0,
    clinical: int = 0,
    outcome: str = "continuous",
    missing: float = 0.0,
    drugs: int = 0,
    noise: float = 1.0,
) -> tuple[Cohort, Truth]:
    """`n` patients with so many germline SNPs (`genes`), expressed genes, sequenced genes and clinical facts.

    Each of the first three blocks is missing as a whole, each clinical fact by itself, and each outcome of a
    panel, with probability `missing`. The outcome is `response`, or with `drugs` a panel of `auc:drug1` ...;
    every drug has causes of its own. Group `site` has no effect.
    """
    if outcome not in KINDS or genes > len(snps()) or min(n, genes, expression, tumour, clinical, drugs) < 0:
        raise FeatureError(
            f"no such cohort can be made; ask for one of {', '.join(KINDS)}, and at most {len(snps())} SNPs"
        )
    rng = np.random.default_rng(seed)
    parts = {
        "genotype": _germline(rng, n, genes),
        "expression": _levels(rng, n, expression),
        "tumour": _alterations(rng, n, tumour),
        "clinical": _facts(rng, n, clinical),
    }
    parts = {name: block for name, block in parts.items() if block.names}
    drug_names = tuple(f"drug{k + 1}" for k in range(drugs))
    names = tuple(PANEL_OUTCOME.format(drug=drug) for drug in drug_names) or (OUTCOME,)
    effects = {name: _effects(rng, parts) for name in names}
    results = {name: _result(rng, n, parts, own, outcome, noise) for name, own in effects.items()}
    present = {name: rng.random(n) >= missing for name in parts}
    cohort = _cohort(rng, n, parts, present, results, missing)
    features = tuple(name for block in parts.values() for name in block.names)
    return cohort, Truth(effects, features, _variables(clinical), noise)


def _gene(i: int) -> str:
    return f"SYN{i + 1:05d}"


def _germline(rng: np.random.Generator, n: int, k: int) -> _Block:
    listed = list(snps().values())[:k]
    names = tuple(f"genotype.{s.gene}.{s.rsid}_{s.alternate}_count" for s in listed)
    counts = rng.binomial(2, _ALLELE_FREQUENCY, (n, k)).astype(np.int8)
    sd = math.sqrt(2 * _ALLELE_FREQUENCY * (1 - _ALLELE_FREQUENCY))
    return _Block(names, counts, np.full(k, 2 * _ALLELE_FREQUENCY), np.full(k, sd))


def _levels(rng: np.random.Generator, n: int, k: int) -> _Block:
    """log2(TPM + 1) around a level of each gene; every eighth gene shares a module's ups and downs."""
    spread = math.hypot(_LEVEL_SD, _MODULE_SD)
    typical = min(5.0, math.log2(_TOTAL_TPM / max(k, 1)) - spread**2 * math.log(2) / 2)
    mean = np.clip(rng.normal(typical, 0.5, k), 1.0, 8.0)
    values = rng.standard_normal((n, k))
    values *= _LEVEL_SD
    modules = rng.normal(0.0, _MODULE_SD, (n, _MODULES))
    for module in range(_MODULES):
        values[:, module::_MODULES] += modules[:, module : module + 1]
    values += mean
    np.clip(values, 0.0, 15.0, out=values)
    names = tuple(f"expression.{_gene(i)}.log2_tpm" for i in range(k))
    return _Block(names, values, mean, np.full(k, spread))


def _alterations(rng: np.random.Generator, n: int, k: int) -> _Block:
    """Of each gene whether it is mutated and whether amplified."""
    chances = np.tile([_ALTERED, _AMPLIFIED], k)
    values = (rng.random((n, 2 * k), dtype=np.float32) < chances).astype(np.int8)
    names = tuple(f"tumour.{_gene(i)}.{what}" for i in range(k) for what in ("mutated", "amplified"))
    return _Block(names, values, chances, np.sqrt(chances * (1 - chances)))


def _facts(rng: np.random.Generator, n: int, k: int) -> _Block:
    names = tuple(f"clinical.{variable.name}.value" for variable in _variables(k))
    return _Block(names, rng.standard_normal((n, k)), np.zeros(k), np.ones(k))


def _variables(k: int) -> tuple[ClinicalVariable, ...]:
    names = (f"synthetic_{i + 1}" for i in range(k))
    return tuple(
        ClinicalVariable(name, "quantity", name.replace("_", " "), "1", -1e12, 1e12, (), "") for name in names
    )


def _effects(rng: np.random.Generator, parts: Mapping[str, _Block]) -> dict[str, float]:
    found: dict[str, float] = {}
    for block in parts.values():
        chosen = rng.choice(len(block.names), min(N_CAUSAL, len(block.names)), replace=False)
        found |= {block.names[i]: effect for i, effect in zip(chosen.tolist(), _EFFECTS, strict=False)}
    return found


def _result(
    rng: np.random.Generator,
    n: int,
    parts: Mapping[str, _Block],
    effects: Mapping[str, float],
    outcome: str,
    noise: float,
) -> Numbers:
    total = np.zeros(n)
    for block in parts.values():
        for i, name in enumerate(block.names):
            if name in effects:
                total += effects[name] * (block.values[:, i] - block.mean[i]) / block.sd[i]
    if outcome == "continuous":
        return total + rng.normal(0.0, noise, n)
    return (rng.random(n) < 1.0 / (1.0 + np.exp(-_SLOPE * total))).astype(np.float64)


def _cohort(
    rng: np.random.Generator,
    n: int,
    parts: Mapping[str, _Block],
    present: Mapping[str, NDArray[np.bool_]],
    results: Mapping[str, Numbers],
    missing: float,
) -> Cohort:
    tables: dict = {}
    if "genotype" in parts:
        tables["genotypes"] = _calls(parts["genotype"], present["genotype"])
    if "expression" in parts:
        patients, block = np.flatnonzero(present["expression"]), parts["expression"]
        genes = tuple(name.split(".")[1] for name in block.names)
        values = block.values if len(patients) == n else block.values[patients]
        tables["expression"] = Expression(patients, genes, values)
    if "tumour" in parts:
        tables |= _sequencing(parts["tumour"], present["tumour"])
    if "clinical" in parts:
        tables["clinical"] = _clinical(rng, parts["clinical"], missing)
    site = rng.integers(0, N_SITES, n)
    labels = np.array([f"site-{k + 1}" for k in range(N_SITES)], dtype=object)
    held = {name: rng.random(n) >= (0.0 if name == OUTCOME else missing) for name in results}
    return Cohort(
        tuple(f"synthetic-{i + 1}" for i in range(n)),
        outcomes=_outcomes(results, held),
        groups={"site": labels[site]},
        **tables,
    )


def _calls(block: _Block, present: NDArray[np.bool_]) -> Genotypes:
    patients = np.flatnonzero(present)
    columns = []
    for i, name in enumerate(block.names):
        snp = snps()[name.split(".")[2].split("_")[0]]
        one, other = snp.alleles
        spelled = np.array([f"{one}/{one}", f"{one}/{other}", f"{other}/{other}"], dtype=object)
        columns.append((snp.rsid, spelled[block.values[patients, i]]))
    return Genotypes(
        np.tile(patients, len(columns)),
        np.repeat(np.array([rsid for rsid, _ in columns], dtype=object), len(patients)),
        np.concatenate([calls for _, calls in columns]),
    )


def _sequencing(block: _Block, present: NDArray[np.bool_]) -> dict[str, object]:
    genes = np.array([name.split(".")[1] for name in block.names], dtype=object)
    kinds = np.array(["missense", "amplification"] * (len(genes) // 2), dtype=object)
    patient, column = np.nonzero(block.values * present[:, None])
    nothing = np.full(len(patient), np.nan)
    none = np.full(len(patient), None, dtype=object)
    panel = Panel("synthetic", frozenset(genes.tolist()), math.nan, frozenset(("mutations", "copy_number")))
    return {
        "variants": Variants(patient, genes[column], kinds[column], none, nothing, nothing),
        "sequenced": np.array([None, panel.name], dtype=object)[present.astype(np.int64)],
        "panels": {panel.name: panel},
    }


def _clinical(rng: np.random.Generator, block: _Block, missing: float) -> Clinical:
    patient, column = np.nonzero(rng.random(block.values.shape, dtype=np.float32) >= missing)
    names = np.array([name.split(".")[1] for name in block.names], dtype=object)
    return Clinical(
        patient,
        names[column],
        block.values[patient, column],
        np.full(len(patient), None, dtype=object),
        np.zeros(len(patient)),
    )


def _outcomes(results: Mapping[str, Numbers], held: Mapping[str, NDArray[np.bool_]]) -> Outcomes:
    def rows() -> Iterator[tuple[NDArray, NDArray, Numbers]]:
        for name, values in results.items():
            patients = np.flatnonzero(held[name])
            yield patients, np.full(len(patients), name, dtype=object), values[patients]

    patient, name, value = (np.concatenate(column) for column in zip(*rows(), strict=True))
    return Outcomes(patient, name, value, np.full(len(value), 90.0))
