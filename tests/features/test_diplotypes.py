"""A plain table of diplotypes: read as it is written, or refused with every fault and its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import CohortError
from features.readers.diplotypes import read_diplotypes

HEAD = "patient_id,gene,diplotype\n"


def _write(folder: Path, text: str, name: str = "calls.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def test_calls_are_read_in_canonical_spelling(tmp_path: Path) -> None:
    rows = (
        '001,CYP2D6,*4/*1x2\n001,rs9923231,T/C\nb,DPYD,"c.557A>G/Reference"\nb,UGT1A1,*80+*28/*1\nc,TPMT,\n'
    )
    imported = read_diplotypes(_write(tmp_path, HEAD + rows))
    cohort = imported.cohort
    assert cohort.patient_ids == ("001", "b", "c")
    assert cohort.calls("CYP2D6").tolist() == ["*1x2/*4", None, None]
    assert cohort.calls("rs9923231").tolist() == ["C/T", None, None]
    assert cohort.calls("DPYD").tolist() == [None, "Reference/c.557A>G", None]
    assert cohort.calls("UGT1A1").tolist() == [None, "*1/*80+*28", None]
    assert imported.unread == {"genotypes/TPMT: no call": 1}


def test_tabs_and_another_order_of_columns_give_the_same(tmp_path: Path) -> None:
    commas = read_diplotypes(_write(tmp_path, HEAD + "p,CYP2C9,*1/*3\n"))
    tabs = read_diplotypes(_write(tmp_path, "diplotype\tgene\tpatient_id\n*3/*1\tCYP2C9\tp\n", "calls.tsv"))
    assert commas.cohort.fingerprint() == tabs.cohort.fingerprint()


@pytest.mark.parametrize("none", ["./.", "Unknown/Unknown", "no call", "Indeterminate"])
def test_no_call_is_not_a_fault(tmp_path: Path, none: str) -> None:
    imported = read_diplotypes(_write(tmp_path, HEAD + f"p,CYP2C9,{none}\n"))
    assert len(imported.cohort) == 1
    assert len(imported.cohort.genotypes) == 0


def test_a_gene_that_is_not_known_is_counted_and_na_is_a_gene_like_any(tmp_path: Path) -> None:
    imported = read_diplotypes(_write(tmp_path, HEAD + "p,NA,*1/*2\np,HLA-B,*57:01/*57:01\n"))
    assert set(imported.unread) == {"genotypes/NA: not known here", "genotypes/HLA-B: not known here"}


def test_every_fault_is_told_with_its_line(tmp_path: Path) -> None:
    rows = "p,CYP2C9,*1\np,CYP2C19,*1/*2\np,CYP2C19,*1/*3\n,TPMT,*1/*1\np,rs9923231,A/G\n"
    with pytest.raises(CohortError) as caught:
        read_diplotypes(_write(tmp_path, HEAD + rows))
    told = str(caught.value)
    assert all(f"calls.csv line {line} " in told for line in (2, 4, 5, 6))
    assert "gene's strand" in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no header"),
        ("patient,gene,diplotype\np,CYP2C9,*1/*1\n", "'patient_id' is missing"),
        ("patient_id,gene,gene,diplotype\n", "'gene' is repeated"),
        (HEAD.strip() + ",extra\n", "'extra' is not known"),
        (HEAD + "p,CYP2C9\n", "2 fields where the header names 3"),
        (HEAD + "p,CYP2C9,*1/*1", "has no end"),
        (HEAD + "p,CYP2C9,*1/\0*1\n", "NUL"),
        (HEAD + "p,CYP2C9,\udcff*1/*1\n", "UTF-8"),
        (HEAD + f"{'x' * 300},CYP2C9,*1/*1\n", "printable patient id"),
        (HEAD + f'p,CYP2C9,"{"x" * 200_000}"\n', "quoted field"),
        (HEAD + 'p,CYP2C9,"*1/*1\n', "quoted field"),
    ],
)
def test_a_broken_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CohortError, match=said):
        read_diplotypes(_write(tmp_path, text))


def test_no_call_of_a_patient_is_repeated_in_an_error(tmp_path: Path) -> None:
    with pytest.raises(CohortError) as caught:
        read_diplotypes(_write(tmp_path, HEAD + "SECRET,CYP2C9,*123456\n"))
    assert "SECRET" not in str(caught.value)
    assert "123456" not in str(caught.value)
