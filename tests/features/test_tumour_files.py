"""Laboratories' files of tumours: read as they are written, or refused by name with nothing kept."""

from __future__ import annotations

import gzip
import math
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from features.cohort import Cohort, Panel
from features.encode import FeatureSpec, encode
from features.errors import CohortError
from features.readers import byte_stream
from features.readers.copy_number import read_copy_number_calls, read_copy_number_matrix
from features.readers.fusions import read_fusions
from features.readers.maf import read_maf
from features.readers.panel_calls import read_panel_calls
from features.readers.segments import read_segments
from features.readers.tumour_values import read_tumour_values
from features.readers.variant_table import BEATAML, read_variant_table

NAN = math.nan
EXOME = Panel("exome", None, 38.0, frozenset({"mutations", "fusions"}))
MAF_HEADER = (
    "Hugo_Symbol\tNCBI_Build\tChromosome\tStart_Position\tVariant_Classification\tReference_Allele\t"
    "Tumor_Seq_Allele2\tTumor_Sample_Barcode\tMutation_Status\tHGVSp_Short\tt_alt_count\tt_ref_count\n"
)
BRAF = "BRAF\tGRCh37\t7\t140453136\tMissense_Mutation\tA\tT\t001\tSOMATIC\tp.V600E\t30\t70\n"
TABLE_HEADER = "dbgap_subject_id,gene,variant_class,hgvsp_short,t_vaf,chrom_hg19,pos,ref,alt\n"
NPM1 = "001,NPM1,Frameshift,p.W288Cfs*12,0.288,5,170837543,C,CTCTG\n"
CALLS_HEADER = "sample,ANONPT_ID,gene,alteration_type,fmone_call\n"
SEGMENT_HEADER = "Trial.ID,chr,startpos,endpos,nMajor,nMinor\n"
ERBB2 = "001,17,1000,50000000,10,1\n"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def numbers(cohort: Cohort, name: str) -> list[float]:
    return encode(cohort, FeatureSpec((name,))).values[:, 0].tolist()


def calls(path: Path) -> Cohort:
    genes = written(path.parent, "genes.txt", "TP53\nERBB2\nTERT\nNA\n")
    samples = written(path.parent, "samples.csv", "sample,ANONPT_ID\ns1,001\ns2,002\n")
    return read_panel_calls(path, genes, samples).cohort


READERS: dict[str, tuple[str, str, Callable[[Path], Cohort]]] = {
    "maf": (MAF_HEADER, BRAF, lambda p: read_maf(p, EXOME).cohort),
    "variant table": (TABLE_HEADER, NPM1, lambda p: read_variant_table(p, BEATAML, EXOME).cohort),
    "panel calls": (CALLS_HEADER, 's1,001,TP53,known_short,"c.949C>T_p.Q317*(0.27,74)"\n', calls),
    "segments": (SEGMENT_HEADER, ERBB2, lambda p: read_segments(p).cohort),
    "matrix": ("Hugo_Symbol\tEntrez_Gene_Id\t001\nTP53\t7157\t0\n", "ERBB2\t2064\t2\n",
               lambda p: read_copy_number_matrix(p).cohort),
    "copy-number calls": ("patient_id,gene,call,copy_number\n", "001,ERBB2,amplification,12\n",
                          lambda p: read_copy_number_calls(p).cohort),
    "fusions": ("Sample_Id\tSite1_Hugo_Symbol\tSite2_Hugo_Symbol\tSV_Status\n", "001\tEML4\tALK\tSOMATIC\n",
                lambda p: read_fusions(p, EXOME).cohort),
    "values": ("Trial.ID,HRD.sum\n", "001,63\n",
               lambda p: read_tumour_values(p, "Trial.ID", {"HRD.sum": "hrd_score"})),
}  # fmt: skip


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> tuple[str, str, Callable[[Path], Cohort]]:
    return READERS[request.param]


def test_a_plain_and_a_compressed_file_give_the_same_cohort_with_ids_as_text(
    reader: tuple, tmp_path: Path
) -> None:
    header, row, read = reader
    plain = read(written(tmp_path, "plain", header + row))
    (tmp_path / "packed").write_bytes(gzip.compress((header + row).encode()))
    assert plain.patient_ids[0] == "001"
    assert read(tmp_path / "packed").fingerprint() == plain.fingerprint()
    assert (
        read(written(tmp_path, "dos", (header + row).replace("\n", "\r\n"))).fingerprint()
        == plain.fingerprint()
    )
    assert read(written(tmp_path, "bom", "\ufeff" + header + row)).fingerprint() == plain.fingerprint()


def broken(header: str, row: str) -> dict[str, bytes]:
    """Files that must not be read, by what is wrong with them."""
    delimiter = "\t" if "\t" in header else ","
    first = header.splitlines()[0]
    packed = gzip.compress((header + row * 5).encode())
    return {
        "there is no header": b"",
        "cut off|does not end": (header + row[:-2]).encode(),
        "compressed data are cut off": packed[:-9],
        "are altered": packed[:-8] + b"\0\0\0\0" + packed[-4:],
        "not UTF-8": (header + row).encode() + b"\xff\xfe\n",
        "embedded NUL": (header + row.replace("001", "0\x0001", 1) + "\0\n").encode(),
        "is repeated": (header.replace(first, first + delimiter + first.split(delimiter)[0])).encode(),
        "has no name": (header.replace(first, first + delimiter)).encode(),
        "no column holds|fields where": ("something" + delimiter + "else\n").encode() + row.encode(),
        "fields where the header": (header + row + row.rstrip("\n") + delimiter + "more\n").encode(),
        "fields where": (header + row + "\n").encode(),
        "longer than": (header + "A" * 9_000_000 + row).encode(),
        "no id|no gene|no call": (header + row.replace("001", "", 1).replace("ERBB2", "")).encode(),
    }


@pytest.mark.parametrize("what", broken("a,b\n", "1,2\n"))
def test_a_broken_file_is_refused_by_name_and_nothing_is_kept(
    reader: tuple, what: str, tmp_path: Path
) -> None:
    header, row, read = reader
    path = tmp_path / "broken.txt"
    path.write_bytes(broken(header, row)[what])
    with pytest.raises(CohortError, match=what) as refused:
        read(path)
    assert "broken.txt" in str(refused.value)
    assert refused.value.faults
    assert len(str(refused.value)) < 20_000


def test_a_compression_bomb_is_refused_in_bounded_memory(reader: tuple, tmp_path: Path) -> None:
    header, _row, read = reader
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write(header)
        for _ in range(60):
            file.write("A" * 1_000_000)
    tracemalloc.start()
    with pytest.raises(CohortError, match=r"bomb\.gz line"):
        read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 120_000_000


def test_endless_comments_are_no_header(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="no header among the first thousand lines"):
        read_maf(written(tmp_path, "comments.maf", "#x\n" * 5_000), EXOME)


def test_far_more_text_than_the_file_can_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_stream, "_SMALL", 1_000)
    monkeypatch.setattr(byte_stream, "LARGEST_GROWTH", 20)
    path = tmp_path / "growing.maf.gz"
    path.write_bytes(gzip.compress((MAF_HEADER + BRAF * 1_000).encode()))
    with pytest.raises(CohortError, match="far more text"):
        read_maf(path, EXOME)


def test_what_is_no_plain_file_is_refused(reader: tuple, tmp_path: Path) -> None:
    _, _, read = reader
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "absent", tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(CohortError, match="cannot be read"):
            read(path)


def test_the_gene_na_is_a_gene_and_faults_never_tell_a_value(tmp_path: Path) -> None:
    cohort = calls(written(tmp_path, "c.csv", CALLS_HEADER + 's,001,NA,known_short,"c.1A>T_p.K2N(0.2,9)"\n'))
    assert cohort.variants.gene.tolist() == ["NA"]
    row = 's,SECRET-1,TP53,known_short,"c.1A>T_p.SECRET2(7.2,9)"\n'
    with pytest.raises(CohortError) as refused:
        calls(written(tmp_path, "c.csv", CALLS_HEADER + row))
    assert "SECRET" not in str(refused.value)
    assert "c.csv line 2 column 'fmone_call'" in str(refused.value)


def test_all_faults_of_a_file_are_told_together(tmp_path: Path) -> None:
    rows = (
        BRAF.replace("\t30\t", "\tmany\t")
        + BRAF.replace("Missense_Mutation", "Odd")
        + BRAF.replace("001", "")
    )
    with pytest.raises(CohortError, match="3 faults") as refused:
        read_maf(written(tmp_path, "m.maf", MAF_HEADER + rows), EXOME)
    assert [f.where for f in refused.value.faults] == [
        "m.maf line 2 column 't_alt_count'",
        "m.maf line 3 column 'Variant_Classification'",
        "m.maf line 4 column 'Tumor_Sample_Barcode'",
    ]


def test_a_million_faults_fill_no_memory(tmp_path: Path) -> None:
    path = written(tmp_path, "m.maf", MAF_HEADER + BRAF.replace("Missense_Mutation", "Odd") * 5_000)
    with pytest.raises(CohortError, match=r"5000 faults.*4900 are left out") as refused:
        read_maf(path, EXOME)
    assert len(refused.value.faults) == 100
