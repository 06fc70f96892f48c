"""A small transcriptome that passes for a tumour's, and ways to write it to files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.knowledge.genes import gene_names
from features.knowledge.signatures import signatures
from features.readers.expression_checks import REFERENCE_GENES

Array = NDArray[np.float64]
N_GENES = 10_500


def genes(n: int = N_GENES) -> tuple[str, ...]:
    """Approved symbols, with every reference and signature gene."""
    needed = {*REFERENCE_GENES, *(gene for signature in signatures().values() for gene in signature.genes)}
    known = gene_names()
    with_ids = sorted(set(known.ensembl.values()) & set(known.entrez.values()) - needed)
    return tuple(sorted([*needed, *with_ids[: n - len(needed)]]))


def tpm(n_patients: int, symbols: tuple[str, ...] | None = None, seed: int = 0) -> Array:
    """TPM (patients, genes), a third of them zero; each row sums to a million."""
    listed = symbols or genes()
    rng = np.random.default_rng(seed)
    levels = rng.lognormal(0.0, 2.0, len(listed)) * (rng.random(len(listed)) < 0.7)
    levels[[gene in REFERENCE_GENES for gene in listed]] = 1_000.0
    matrix = levels * rng.gamma(3.0, 1 / 3, (n_patients, len(listed)))
    return matrix * (1e6 / matrix.sum(axis=1))[:, None]


def write_text(
    path: Path, ids: tuple[str, ...], names: tuple[str, ...], values: Array, corner: str = "gene"
) -> Path:
    """Lines of `ids` under a header of `names`, with commas or tabs, gzip for `.gz`."""
    mark = "\t" if ".tsv" in path.name else ","
    lines = [mark.join([corner, *names])]
    lines += [mark.join([i, *map(repr, row)]) for i, row in zip(ids, values.tolist(), strict=True)]
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path
