"""Probe patients for what a specification reads beside the facts that every version knows.

Clinical variables that its study declares, a sequenced tumour, expression: whole, sparse, and each lacking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.encode import FeatureSpec
from features.expression import FEWEST_RANKED
from features.knowledge.genes import gene_names
from features.knowledge.hotspots import hotspots
from features.knowledge.tables import ClinicalVariable
from features.panel import READINGS
from features.readers.expression_checks import REFERENCE_GENES
from features.readers.expression_checks import WHOLE as WHOLE_GENES
from features.readers.vocabulary import SAMPLE_PREFIX, Vocabulary, reads_of, vocabulary_of

WHOLE = "whole"
"""The probe, without `probe-`, that has all that the specification reads."""

_MOST_BLOCKS = 4
_MOST_ALTERED = 300
_WIDE = 1e6
_TOTAL_TPM = 9e5
_PANEL = ("mutations", "copy_number", "fusions")
_SMALL = ("missense", "nonsense", "frameshift", "inframe", "splice")
_COPIES = {"amplification": 9, "gain": 4, "neutral": 2, "loss": 1, "deletion": 0}


@dataclass(frozen=True)
class _Asked:
    """What the specification reads of each new kind; `is_ranked` where a score ranks the transcriptome."""

    variables: tuple[ClinicalVariable, ...]
    has_tumour: bool
    altered: tuple[str, ...]
    expressed: tuple[str, ...]
    is_ranked: bool

    @property
    def blocks(self) -> tuple[str, ...]:
        """The blocks that a patient may lack, widest first."""
        tumour = ("tumour",) if self.has_tumour else ()
        expression = ("expression",) if self.expressed else ()
        declared = sorted({variable.block for variable in self.variables})
        return tuple(dict.fromkeys((*expression, *tumour, *declared)))[:_MOST_BLOCKS]


def block_probes(base: Mapping, spec: FeatureSpec, seed: int) -> dict[str, dict]:
    """Documents by name, each `base` with more; none where the specification reads nothing new."""
    vocabulary = vocabulary_of(spec)
    asked = _asked(spec, vocabulary)
    if not asked.blocks:
        return {}
    rng = np.random.default_rng([seed, len(spec.names)])
    exome = _tumour(rng, asked, "exome", 38.0, None, ("mutations",))
    panel = _tumour(rng, asked, "panel", None, asked.altered[::2] or ("TP53",), _PANEL)
    every = _tumour(rng, asked, "everything", 1.5, asked.altered or ("TP53", "ERBB2"), READINGS)
    whole = _with(rng, base, asked.variables, every, _ranked(asked))
    probes = {
        WHOLE: whole,
        "whole-again": _with(rng, base, asked.variables, exome, asked.expressed),
        "sparse": _with(rng, base, asked.variables[1::2], panel, asked.expressed[::2]),
    }
    return probes | {f"without-{block}": _without(whole, block, vocabulary) for block in asked.blocks}


def _asked(spec: FeatureSpec, vocabulary: Vocabulary) -> _Asked:
    used = reads_of(spec)
    subjects = [source.partition("/")[::2] for source in used]
    declared = {variable.name for variable in spec.variables}
    clinical = [name for section, name in subjects if section == "clinical"]
    variables = [name for name in clinical if name in declared or name.startswith(SAMPLE_PREFIX)]
    altered = [gene for section, gene in subjects if section == "variants"]
    found = tuple(vocabulary.clinical[name] for name in variables if name in vocabulary.clinical)
    return _Asked(
        found,
        bool(altered) or any(variable.block == "tumour" for variable in found),
        tuple(gene for gene in altered if gene != "*"),
        tuple(gene for section, gene in subjects if section == "expression"),
        any(name.startswith("signature.") and name.endswith(".ssgsea") for name in spec.names),
    )


def _with(
    rng: np.random.Generator,
    base: Mapping,
    variables: Iterable[ClinicalVariable],
    tumour: dict | None,
    genes: Sequence[str],
) -> dict:
    facts = {variable.name: _fact(rng, variable) for variable in variables}
    sections = {"tumour": tumour, "expression": _expression(rng, genes) if genes else None}
    return (
        dict(base)
        | {"clinical": base["clinical"] | facts}
        | {name: section for name, section in sections.items() if section is not None}
    )


def _without(document: dict, block: str, vocabulary: Vocabulary) -> dict:
    kept = {n: fact for n, fact in document["clinical"].items() if vocabulary.clinical[n].block != block}
    return {name: part for name, part in document.items() if name != block} | {"clinical": kept}


def _fact(rng: np.random.Generator, variable: ClinicalVariable) -> dict[str, object]:
    if variable.kind == "flag":
        return {"value": bool(rng.random() < 0.5)}
    if variable.kind == "category":
        return {"value": variable.categories[int(rng.integers(len(variable.categories)))]}
    return {"value": _quantity(rng, variable.low, variable.high), "unit": variable.unit}


def _quantity(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between the bounds, which may be infinite, NaN or so wide that they say nothing."""
    number = float(rng.normal())
    if high - low <= _WIDE:
        number = float(rng.uniform(low, high))
    elif abs(low) <= _WIDE:
        number = low + abs(number)
    elif abs(high) <= _WIDE:
        number = high - abs(number)
    number = round(number, 6)
    return float(low if number < low else high if number > high else number)


def _tumour(
    rng: np.random.Generator,
    asked: _Asked,
    name: str,
    size_mb: float | None,
    genes: Sequence[str] | None,
    reads: Sequence[str],
) -> dict | None:
    if not asked.has_tumour:
        return None
    listed = (asked.altered or ("TP53", "KRAS")) if genes is None else genes
    found = [finding for gene in listed[:_MOST_ALTERED] for finding in _findings(rng, gene, reads)]
    read = None if genes is None else list(genes)
    assay = {"name": name, "genes": read, "size_mb": size_mb, "reads": list(reads)}
    return {"assay": assay, "variants": found}


def _findings(rng: np.random.Generator, gene: str, reads: Sequence[str]) -> list[dict]:
    """What is found in one gene: where copies are stated, always those; else only what is altered."""
    found: list[dict] = []
    if rng.random() < 0.5:
        hot = next((h for h in sorted(hotspots()) if h[0] == gene and h[2] == "missense"), None)
        kind = "missense" if hot else str(rng.choice(_SMALL))
        change = {"protein_change": f"p.{hot[1]}H"} if hot else {}
        found.append({"gene": gene, "kind": kind} | change | {"vaf": round(float(rng.uniform(0, 1)), 3)})
    copies = str(rng.choice(list(_COPIES)))
    if "stated_copies" in reads:
        found.append({"gene": gene, "kind": copies, "copy_number": _COPIES[copies]})
        found.append({"gene": gene, "kind": "loh" if rng.random() < 0.3 else "heterozygous"})
    elif "copy_number" in reads and copies in ("amplification", "deletion"):
        found.append({"gene": gene, "kind": copies})
    if "fusions" in reads and rng.random() < 0.2:
        found.append({"gene": gene, "kind": "fusion"})
    return found


def _ranked(asked: _Asked) -> tuple[str, ...]:
    """The genes read, and as many others as a rank in the transcriptome needs."""
    if not asked.is_ranked:
        return asked.expressed
    others = sorted(gene_names().approved - {*asked.expressed})
    return (*asked.expressed, *others[: max(0, FEWEST_RANKED - len(asked.expressed))])


def _expression(rng: np.random.Generator, genes: Sequence[str]) -> dict:
    """Values that pass for a tumour's: the genes that all tumours express are high, the total is right."""
    tpm = rng.lognormal(2.5, 1.2, len(genes))
    common = set(REFERENCE_GENES)
    tpm[[gene in common for gene in genes]] *= 100.0
    if len(genes) >= WHOLE_GENES or tpm.sum() > _TOTAL_TPM:
        tpm *= _TOTAL_TPM / tpm.sum()
    values = np.log2(tpm + 1.0).round(3).tolist()
    return {"scale": "log2(TPM+1)", "values": dict(zip(genes, values, strict=True))}
