"""Reading and encoding a transcriptome, as ratios against numpy's log2 and pyarrow in the same run.

`python -m benchmarks.encoding` makes 1,000 patients by 20,000 genes of TPM and prints what each step takes.
"""

from __future__ import annotations

import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.results import Row
from features.cohort import Cohort, Expression
from features.encode import FeatureSpec, encode
from features.expression_scale import Scale, to_log2_tpm
from features.knowledge.genes import gene_names
from features.readers.expression import Declared, read_expression
from features.readers.expression_checks import REFERENCE_GENES, reference_columns
from features.readers.expression_columns import read_parquet
from features.readers.raw_matrix import laid_out

N_PATIENTS, N_GENES = 1_000, 20_000
ROUNDS = 7
_PATIENTS = tuple(f"p{i}" for i in range(N_PATIENTS))
BARS = {"encoding": 2.0, "memory": 2.5, "parquet": 1.3}

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the table: a ratio, the bar it is held against (NaN: none), and how it came about."""

    name: str
    ratio: float
    bar: float
    how: str

    def __str__(self) -> str:
        bar = (
            ""
            if np.isnan(self.bar)
            else f"  (bar {self.bar:g}{'' if self.ratio <= self.bar else ', MISSED'})"
        )
        return f"{self.name:<46} {self.ratio:6.2f}{bar}  {self.how}"


def genes() -> tuple[str, ...]:
    """Approved symbols, those of the reference genes among them."""
    listed = sorted(gene_names().approved - set(REFERENCE_GENES))[: N_GENES - len(REFERENCE_GENES)]
    return tuple(sorted([*listed, *REFERENCE_GENES]))


def tpm(seed: int = 0) -> Array:
    """TPM of patients by genes; each row sums to a million."""
    rng = np.random.default_rng(seed)
    levels = rng.lognormal(0.0, 2.0, N_GENES)
    levels[reference_columns({gene: column for column, gene in enumerate(genes())})] = 2_000.0
    matrix = levels * rng.gamma(2.0, 0.5, (N_PATIENTS, N_GENES))
    matrix *= (1e6 / matrix.sum(axis=1))[:, None]
    return matrix


def encoded(matrix: Array, symbols: tuple[str, ...], spec: FeatureSpec) -> Array:
    """TPM to the model's matrix: scale, checks, cohort and encoder; `matrix` is given up."""
    columns = reference_columns({gene: column for column, gene in enumerate(symbols)})
    to_log2_tpm(matrix, Scale("tpm"), columns)
    expression = Expression(np.arange(len(matrix)), symbols, matrix)
    cohort = Cohort(_PATIENTS, expression=expression)
    return encode(cohort, spec).values


def quickest(*works: Callable[[], Callable[[], object]]) -> list[float]:
    """The least seconds of several rounds, by turns; each gives, unmeasured, the work to be measured."""
    best = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for place, prepare in enumerate(works):
            work = prepare()
            began = time.perf_counter()
            work()
            best[place] = min(best[place], time.perf_counter() - began)
            del work
    return best


def encoding() -> list[Measured]:
    """Encoding against log2 of the same matrix, and what it takes at its highest in memory."""
    matrix, symbols = tpm(), genes()
    spec = FeatureSpec(tuple(f"expression.{gene}.log2_tpm" for gene in symbols))
    assert len(spec.columns) == N_GENES  # resolved once for a model, not for a cohort
    logged = Cohort(_PATIENTS, expression=Expression(np.arange(N_PATIENTS), symbols, np.log2(matrix + 1.0)))
    plain, with_one, encoder, whole = quickest(
        lambda: lambda: np.log2(matrix),
        lambda: lambda: np.log2(matrix + 1.0),
        lambda: partial(encode, logged, spec),
        lambda: partial(encoded, matrix.copy(), symbols, spec),
    )
    tracemalloc.start()
    given = matrix.copy()
    encoded(given, symbols, spec)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    bar, shown = BARS["encoding"], f"{whole * 1e3:.0f} ms: scale, checks, cohort and encoder"
    return [
        Measured("encode(cohort) / numpy.log2(matrix)", encoder / plain, bar, f"{encoder * 1e3:.0f} ms"),
        Measured("TPM to features / numpy.log2(matrix + 1)", whole / with_one, bar, shown),
        Measured(
            "TPM to features / numpy.log2(matrix)",
            whole / plain,
            float("nan"),
            f"{plain * 1e3:.0f} ms of log2",
        ),
        Measured(
            "peak memory of TPM to features / matrix",
            peak / matrix.nbytes,
            BARS["memory"],
            "the matrix included",
        ),
    ]


def reading(folder: Path) -> list[Measured]:
    """Parquet with patients in columns and in rows, against `pyarrow.parquet.read_table` of the same file."""
    matrix, symbols = tpm(), genes()
    found = []
    for where, ids, names, values in (
        ("columns", symbols, _PATIENTS, matrix),
        ("rows", _PATIENTS, symbols, np.ascontiguousarray(matrix.T)),
    ):
        path = folder / f"patients_in_{where}.parquet"
        table = pa.Table.from_arrays([pa.array(list(ids)), *map(pa.array, values)], names=["gene", *names])
        pq.write_table(table, path, compression="zstd", use_dictionary=False)
        del table
        theirs, matrix_of_theirs, ours, whole = quickest(*map(_again, _readers(path, where)))
        how = (
            f"{ours * 1e3:.0f} ms against {theirs * 1e3:.0f} ms, and {matrix_of_theirs * 1e3:.0f} ms to a "
            f"matrix of numbers by pyarrow and pandas; ours to log2(TPM + 1) {whole * 1e3:.0f} ms"
        )
        found.append(Measured(f"Parquet, patients in {where} / pyarrow", ours / theirs, BARS["parquet"], how))
    return found


def _readers(path: Path, where: str) -> tuple[Callable[[], object], ...]:
    """Pyarrow alone, pyarrow and pandas to a matrix, ours to a matrix, ours to log2(TPM + 1)."""
    return (
        lambda: pq.read_table(path),
        lambda: pq.read_table(path).drop_columns("gene").to_pandas().to_numpy(),
        lambda: laid_out(read_parquet(path), gene_names(), where),
        lambda: read_expression(path, Declared("tpm")),
    )


def _again(work: Callable[[], object]) -> Callable[[], Callable[[], object]]:
    """Work that needs no preparation, as `quickest` takes it."""
    return lambda: work


def encoding_rows() -> list[Row]:
    """The same lines as rows of the table of all benchmarks."""
    size = f"{N_PATIENTS:,} patients x {N_GENES:,} genes"
    return [
        Row(
            f"{size}: {line.name}",
            "" if np.isnan(line.bar) else f"at most {line.bar:g}",
            f"{line.ratio:.2f}",
            line.how,
        )
        for line in _measured()
    ]


def _measured() -> list[Measured]:
    with tempfile.TemporaryDirectory() as folder:
        return [*encoding(), *reading(Path(folder))]


def main() -> int:
    """Print every line; 1 when a bar is missed."""
    lines = _measured()
    print("\n".join(map(str, lines)))
    return int(any(line.ratio > line.bar for line in lines))


if __name__ == "__main__":
    sys.exit(main())
