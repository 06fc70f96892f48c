"""The readers on real matrices: read whole when declared rightly, refused when not, corruptions caught.

The tables lie in `RXPLAIN_DATA` (default `../shared/data`); without them these tests say so and are skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from features.errors import CohortError
from features.expression import score
from features.knowledge.signatures import signatures
from features.readers.expression import Declared, ExpressionReading, read_expression
from tests.features.test_expression_reader import CORRUPTIONS, parquet
from tests.features.transcriptome import Array

DATA = Path(os.environ.get("RXPLAIN_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
HUGO = "icb_whole_transcriptome/Hugo2016_expression.csv.gz"
SNYDER = "icb_whole_transcriptome/Snyder2017_expression.csv.gz"
IMVIGOR = "imvigor210/expression_log2tpm_1768genes.csv.gz"
SCALES = {HUGO: "log2(fpkm+1)", SNYDER: "log2(umi+1)", IMVIGOR: "log2(tpm+0.001)"}
pytestmark = pytest.mark.slow
ALLOWED_FALSE, DEMANDED = 0.02, 0.99


def source(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not in RXPLAIN_DATA ({DATA.name})")
    return path


def read(name: str) -> ExpressionReading:
    return read_expression(source(name), Declared(SCALES[name], doubtful="leave_out"))


@pytest.mark.parametrize(
    ("name", "n_patients", "n_genes"), [(HUGO, 27, 23_000), (SNYDER, 25, 19_500), (IMVIGOR, 153, 1_768)]
)
def test_real_matrix_is_read_whole(name: str, n_patients: int, n_genes: int) -> None:
    found = read(name)
    left_out = sum(n.what.startswith("left out: genes") for n in found.notices)
    assert len(found.patient_ids) + left_out == n_patients
    assert left_out <= 1
    assert len(found.expression.genes) >= n_genes
    totals = np.nansum(np.exp2(found.expression.values) - 1.0, axis=1)
    assert (totals < 1.05e6).all()


def test_sound_samples_are_seldom_flagged() -> None:
    flagged = sum(sum(n.what.startswith("left out: genes") for n in read(name).notices) for name in SCALES)
    assert flagged / (27 + 25 + 153) <= ALLOWED_FALSE


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("wrong", ["tpm", "log2(tpm+1)", "counts"])
def test_wrong_declaration_of_a_real_matrix_is_refused(name: str, wrong: str) -> None:
    with pytest.raises(CohortError):
        read_expression(source(name), Declared(wrong))


def test_real_values_are_those_of_the_file() -> None:
    found = read(IMVIGOR)
    position = found.patient_ids.index("P10101"), found.expression.genes.index("FGR")
    assert found.expression.values[position] == pytest.approx(np.log2(2**0.9033 - 0.001 + 1.0), abs=1e-12)


def test_signatures_of_real_tumours_go_together_as_they_should() -> None:
    of = read(IMVIGOR).cohort()
    cytolytic, inflamed = (
        score(of, signatures()[name]) for name in ("cytolytic_activity", "t_cell_inflamed")
    )
    both = ~np.isnan(cytolytic) & ~np.isnan(inflamed)
    assert both.mean() > 0.9
    assert np.corrcoef(cytolytic[both], inflamed[both])[0, 1] > 0.7


@pytest.mark.parametrize("name", [HUGO, SNYDER])
@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_corruptions_of_real_samples_are_caught(tmp_path: Path, name: str, kind: str) -> None:
    found = read(name)
    sound, genes = found.expression.values, found.expression.genes
    ids = tuple(f"p{i}" for i in range(len(sound)))
    rng = np.random.default_rng(0)
    caught = 0
    for _ in range(4):
        values: Array = np.array([CORRUPTIONS[kind](row, rng) for row in sound])
        path = parquet(tmp_path / "m.parquet", genes, ids, values.T)
        with pytest.raises(CohortError) as error:
            read_expression(path, Declared("log2(tpm+1)"))
        caught += _n_told(error.value)
    assert caught / (4 * len(sound)) >= DEMANDED


def _n_told(error: CohortError) -> int:
    """How many samples the faults name: five by their place, and those that are counted."""
    n = 0
    for fault in error.faults:
        if " column" in fault.where:
            places, _, more = fault.where.partition(" and ")
            n += len(places.split(" column")[1].split(",")) + int(more.split()[0] if more else 0)
    return n
