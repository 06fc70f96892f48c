"""Polygenic scores from a .bed: against numpy's own sum, with nothing fitted and nothing half read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bed_reader import to_bed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import CohortError
from features.readers.plink import read_polygenic_scores

NAN = float("nan")
HEAD = "variant,effect_allele,other_allele,weight,effect_allele_frequency\n"
WEIGHTS = HEAD + "rs1,A,G,0.5,0.25\nrs2,C,T,-1.25,0.5\nrs3,G,A,2,\n"
COPIES = [[0.0, 1.0, 2.0], [1.0, NAN, 1.0], [2.0, 2.0, 0.0], [NAN, 0.0, NAN]]
"""Copies of the .bim's first allele: patients by variants."""


def _set(folder: Path, copies: list[list[float]] | np.ndarray = COPIES, ids: tuple[str, ...] = ()) -> Path:
    """A file set whose variants rs1 (A/G), rs2 (T/C: the effect allele second) and rs3 (G/A) are."""
    bed, values = folder / "a.bed", np.asarray(copies, dtype=np.float64)
    to_bed(
        bed,
        values,
        properties={
            "iid": list(ids) or [f"p{i}" for i in range(len(values))],
            "sid": ["rs1", "rs2", "rs3"],
            "allele_1": ["A", "T", "G"],
            "allele_2": ["G", "C", "A"],
            "chromosome": ["1", "1", "2"],
            "bp_position": [10, 20, 30],
        },
        num_threads=1,
    )
    return bed


def _weights(folder: Path, text: str = WEIGHTS) -> Path:
    path = folder / "weights.csv"
    path.write_text(text)
    return path


def test_a_score_is_the_sum_of_weight_times_copies(tmp_path: Path) -> None:
    """By hand; a missing genotype takes the published frequency, and without one there is no score."""
    found = read_polygenic_scores(_set(tmp_path), _weights(tmp_path))
    expected = [
        0.5 * 0 - 1.25 * (2 - 1) + 2 * 2,
        0.5 * 1 - 1.25 * (2 * 0.5) + 2 * 1,
        0.5 * 2 - 1.25 * (2 - 2) + 2 * 0,
        NAN,
    ]
    np.testing.assert_array_equal(found.scores, expected)
    assert found.patient_ids == ("p0", "p1", "p2", "p3")
    assert (found.n_asked, found.n_read) == (3, 3)
    assert found.unread == {"patients with a missing genotype whose frequency the table does not give": 1}


def test_scores_become_a_clinical_variable(tmp_path: Path) -> None:
    cohort = read_polygenic_scores(_set(tmp_path), _weights(tmp_path)).imported("prs_example").cohort
    assert cohort.values("prs_example").tolist()[:3] == [2.75, 1.25, 1.0]
    assert np.isnan(cohort.values("prs_example")[3])


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(copies=st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, 2.0])] * 3), min_size=1, max_size=9))
def test_scores_are_numpys(tmp_path: Path, copies: list[tuple[float, ...]]) -> None:
    found = read_polygenic_scores(_set(tmp_path, np.array(copies)), _weights(tmp_path))
    effect = np.array(copies) * [1, -1, 1] + [0, 2, 0]
    np.testing.assert_allclose(found.scores, effect @ [0.5, -1.25, 2.0], rtol=0, atol=1e-12)


def test_variants_that_are_not_there_are_counted_and_too_many_refused(tmp_path: Path) -> None:
    text = WEIGHTS + "rs4,A,C,1,0.1\nrs5,A,C,1,0.1\n"
    bed, weights = _set(tmp_path), _weights(tmp_path, text)
    with pytest.raises(CohortError, match="3 of the 5 variants"):
        read_polygenic_scores(bed, weights)
    assert read_polygenic_scores(bed, weights, least_share=0.5).unread["variants that are not there"] == 2


def test_other_alleles_are_another_variant(tmp_path: Path) -> None:
    weights = _weights(tmp_path, WEIGHTS.replace("rs1,A,G", "rs1,A,C"))
    found = read_polygenic_scores(_set(tmp_path), weights, least_share=0.5)
    assert found.n_read == 2
    assert found.unread["variants with other alleles than the table's"] == 1


def test_ids_are_kept_as_text(tmp_path: Path) -> None:
    bed = _set(tmp_path, COPIES[:2], ("001", "1"))
    assert read_polygenic_scores(bed, _weights(tmp_path)).patient_ids == ("001", "1")


@pytest.mark.parametrize(
    ("suffix", "spoil", "said"),
    [
        (".bed", lambda raw: raw[:-1], "5 bytes where"),
        (".bed", lambda raw: raw + b"\0", "7 bytes where"),
        (".bed", lambda raw: b"\x6c\x1b\x00" + raw[3:], "variant-major"),
        (".bed", lambda raw: b"", "variant-major"),
        (".bim", lambda raw: raw[:-1], "cut off"),
        (".bim", lambda raw: raw[:-2], "six fields"),
        (".bim", lambda raw: raw.replace(b"rs3", b"rs1"), "repeated"),
        (".bim", lambda raw: raw.replace(b"rs3", b"rs\xff"), "UTF-8"),
        (".bim", lambda raw: raw.replace(b"rs3", b"r\0 3"), "six fields"),
        (".bim", lambda raw: raw + raw.replace(b"rs", b"xx"), "bytes where"),
        (".bim", lambda raw: b"x" * 50_000 + b" 1 1 1 1 1\n", "a.bim"),
        (".fam", lambda raw: raw.replace(b"p1", b"p0"), "1 individuals' ids are repeated"),
        (".fam", lambda raw: b"", "names nobody"),
        (".fam", lambda raw: raw.replace(b"p1", b"p" * 300), "over-long"),
    ],
)
def test_a_broken_file_set_is_refused(tmp_path: Path, suffix: str, spoil, said: str) -> None:
    bed = _set(tmp_path)
    path = bed.with_suffix(suffix)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(CohortError, match=said) as caught:
        read_polygenic_scores(bed, _weights(tmp_path))
    assert path.name in str(caught.value) or ".bed" in str(caught.value)


@pytest.mark.parametrize("suffix", [".bed", ".bim", ".fam"])
def test_a_file_of_the_set_that_is_absent_is_named(tmp_path: Path, suffix: str) -> None:
    bed = _set(tmp_path)
    bed.with_suffix(suffix).unlink()
    with pytest.raises(CohortError, match=f"a{suffix}"):
        read_polygenic_scores(bed, _weights(tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("variant,weight\nrs1,1\n", "'effect_allele' is missing"),
        (HEAD, "holds no weight"),
        (HEAD + "rs1,A,G,much,0.5\n", "line 2 column 'weight'"),
        (HEAD + "rs1,A,G,1,1.5\n", "not between 0 and 1"),
        (HEAD + "rs1,A,A,1,0.5\n", "two alleles"),
        (HEAD + "rs1,A,G,1,0.5\nrs1,A,G,1,0.5\n", "line 3 column 'variant'"),
        (HEAD + "rs1,A,G,nan,0.5\n", "not a finite number"),
    ],
)
def test_a_broken_table_of_weights_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CohortError, match=said):
        read_polygenic_scores(_set(tmp_path), _weights(tmp_path, text))
