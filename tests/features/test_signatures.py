"""The shipped signatures are whole, and a user's GMT is checked gene by gene."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import DataError
from features.expression import columns_of
from features.knowledge.genes import gene_names
from features.knowledge.signatures import METHODS, read_gmt, signatures

DANAHER = "10.1186/s40425-017-0215-8"


def test_published_sizes_are_kept() -> None:
    sizes = {name: len(signature.genes) for name, signature in signatures().items()}
    assert sizes["t_cell_inflamed"] == 18
    assert sizes["tgf_beta_fibroblast"] == 19
    assert sizes["proliferation"] == 11
    danaher = [g for s in signatures().values() if s.doi == DANAHER for g in s.genes]
    assert len(danaher) == len(set(danaher)) == 60


def test_every_gene_is_approved_and_every_signature_has_its_source() -> None:
    for signature in signatures().values():
        assert set(signature.genes) <= gene_names().approved
        assert len(set(signature.genes)) == len(signature.genes)
        assert signature.doi.startswith("10.")
        assert signature.method in METHODS


def test_gmt_is_read_under_approved_symbols(tmp_path: Path) -> None:
    path = tmp_path / "ours.gmt"
    path.write_text("My Set\thttps://example.org\tCTGF\tTP53\n\n")
    (signature,) = read_gmt(path).values()
    assert (signature.name, signature.genes) == ("my_set", ("CCN2", "TP53"))
    assert set(columns_of([signature])) == {"signature.my_set.score", "signature.my_set.ssgsea"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"A\tx\tNOT_A_GENE\n", "line 1: 1 genes are not known"),
        (b"A\tx\n", "line 1: a name and its genes"),
        (b"A\tx\tTP53\na\tx\tTP53\n", "line 2: the name stands"),
        (b"t_cell_inflamed\tx\tTP53\n", "the name stands"),
        (b"", "no signature"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_faulty_gmt_is_refused_by_line(tmp_path: Path, text: bytes, told: str) -> None:
    path = tmp_path / "ours.gmt"
    path.write_bytes(text)
    with pytest.raises(DataError, match=told):
        read_gmt(path)


def test_absent_gmt_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_gmt(tmp_path / "nothing.gmt")
