"""Gene ids become approved symbols, and what is ambiguous is never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import DataError
from features.knowledge.genes import Gene, gene_names, index_genes, read_hgnc

HEADER = "hgnc_id\tsymbol\tstatus\tensembl_gene_id\tentrez_id\tprev_symbol\talias_symbol\n"


@pytest.mark.parametrize(
    ("gene_id", "symbol", "how"),
    [
        ("TP53", "TP53", "approved"),
        ("ENSG00000141510.18", "TP53", "ensembl"),
        ("ENSG00000182378.14_PAR_Y", "PLCXD1", "ensembl"),
        ("ENSG99999999999.1", "ENSG99999999999", "ensembl"),
        ("7157", "TP53", "entrez"),
        ("TP53|7157", "TP53", "entrez"),
        ("TP53 (7157)", "TP53", "entrez"),
        ("CTGF", "CCN2", "withdrawn"),
        ("MARCH1", "MARCHF1", "withdrawn"),
        ("p53", "TP53", "alias"),
        ("1-Mar", None, "unknown"),
        ("?|99999999", None, "unknown"),
        ("Trp53", None, "unknown"),
    ],
)
def test_id_stands_for_its_approved_symbol(gene_id: str, symbol: str | None, how: str) -> None:
    found = gene_names().name(gene_id)
    assert (found.symbol, found.how) == (symbol, how)


def test_symbol_of_two_genes_is_ambiguous_not_guessed() -> None:
    known = index_genes([Gene("A1", "", "", ("OLD",), ("X",)), Gene("B1", "", "", ("OLD",), ("A1",))])
    assert known.name("OLD").how == "ambiguous"
    assert known.name("A1").symbol == "A1"


def test_first_known_of_several_ids_decides() -> None:
    assert gene_names().first(["nonsense", "ENSG00000141510"]).symbol == "TP53"
    assert gene_names().first(["nonsense", "more"]).how == "unknown"


def test_shipped_table_is_whole() -> None:
    known = gene_names()
    assert len(known.approved) > 40_000
    assert len(known.entrez) > 25_000
    assert set(known.ensembl.values()) <= known.approved


def test_later_hgnc_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "hgnc_complete_set.txt"
    path.write_text(HEADER + 'HGNC:1\tNEW1\tApproved\tENSG00000000001\t11\t"OLD1|OLDER1"\t"NICK"\n')
    known = read_hgnc(path)
    assert [known.name(i).symbol for i in ("NEW1", "OLDER1", "NICK", "11")] == ["NEW1"] * 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"symbol\tstatus\n", "columns are missing"),
        (HEADER.encode(), "no approved gene"),
        (HEADER.encode() + b"1\tA\tApproved\t\t\t\t\n" * 2, "repeated"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_file_that_is_no_hgnc_table_is_refused(tmp_path: Path, text: bytes, told: str) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes(text)
    with pytest.raises(DataError, match=told):
        read_hgnc(path)


def test_absent_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.txt"):
        read_hgnc(tmp_path / "nothing.txt")
