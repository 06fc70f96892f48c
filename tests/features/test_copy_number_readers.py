"""Copies, fusions and values of a sample are read as their laboratories spell them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from features.cohort import Cohort, Panel
from features.encode import FeatureSpec, encode
from features.errors import CohortError
from features.readers.copy_number import read_copy_number_calls, read_copy_number_matrix
from features.readers.fusions import read_fusions
from features.readers.segments import read_segments
from features.readers.tumour_values import read_tumour_values

NAN = math.nan
EXOME = Panel("exome", None, 38.0, frozenset({"mutations", "fusions"}))
SEGMENT_HEADER = "Trial.ID,chr,startpos,endpos,nMajor,nMinor\n"
ERBB2 = "001,17,1000,50000000,10,1\n"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def numbers(cohort: Cohort, name: str) -> list[float]:
    return encode(cohort, FeatureSpec((name,))).values[:, 0].tolist()


def test_segments_give_copies_zygosity_and_what_the_genome_says(tmp_path: Path) -> None:
    rows = ERBB2 + "001,17,50000001,80000000,1,0\n001,1,1,50000000,1,1\n002,17,1,80000000,0,0\n"
    path = written(tmp_path, "s.csv", SEGMENT_HEADER + rows)
    samples = written(tmp_path, "p.csv", "Trial.ID,purity,ploidy\n001,0.6,2.1\n002,,\n")
    cohort = read_segments(path, samples).cohort
    np.testing.assert_array_equal(numbers(cohort, "tumour.ERBB2.amplified"), [1.0, 0.0])
    np.testing.assert_array_equal(numbers(cohort, "tumour.ERBB2.copy_number"), [11.0, 0.0])
    np.testing.assert_array_equal(numbers(cohort, "tumour.TP53.deleted"), [0.0, 1.0])
    np.testing.assert_array_equal(numbers(cohort, "tumour.RAD51C.loh"), [1.0, NAN])
    np.testing.assert_array_equal(numbers(cohort, "tumour.MYC.copy_number"), [NAN, NAN])
    np.testing.assert_array_equal(numbers(cohort, "tumour.sample.purity"), [0.6, NAN])
    np.testing.assert_array_equal(numbers(cohort, "tumour.sample.ploidy"), [2.1, 0.0])
    lost, covered = 30_000_000, 49_999_001 + 30_000_000 + 50_000_000
    assert numbers(cohort, "tumour.sample.loh_fraction") == [lost / covered, 0.0]
    assert np.isnan(numbers(cohort, "tumour.TP53.mutated")).all()


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("001,17,100,50,1,1\n", "ends before it starts"),
        ("001,99,1,50,1,1\n", "no chromosome"),
        ("001,17,1.5,50,1,1\n", "no whole number"),
        ("001,17,1,50,NA,1\n", "no whole number"),
        ("001,17,1,50,-1,1\n", "no number between"),
        ("001,17,1,999999999999,1,1\n", "no number between"),
        ("001,17,1,50,1,1\n001,chr17,50,60,1,1\n", "1 segments of one patient overlap"),
    ],
)
def test_a_segment_that_cannot_be_is_refused(row: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=says):
        read_segments(written(tmp_path, "s.csv", SEGMENT_HEADER + row))


def test_a_matrix_is_an_assay_of_its_own_or_states_the_genes_asked_for(tmp_path: Path) -> None:
    text = "Hugo_Symbol\tEntrez_Gene_Id\t001\t002\nTP53\t7157\t-2\tNA\nERBB2\t2064\t0\t2\n"
    path = written(tmp_path, "cna.txt", text)
    whole = read_copy_number_matrix(path).cohort
    np.testing.assert_array_equal(numbers(whole, "tumour.TP53.deleted"), [1.0, NAN])
    np.testing.assert_array_equal(numbers(whole, "tumour.ERBB2.amplified"), [0.0, 1.0])
    assert np.isnan(numbers(whole, "tumour.MYC.amplified")).all()
    part = read_copy_number_matrix(path, genes={"ERBB2"}).cohort
    assert numbers(part, "tumour.ERBB2.amplified") == [0.0, 1.0]
    assert np.isnan(numbers(part, "tumour.TP53.deleted")).all()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Hugo_Symbol\t001\nTP53\t-0.37\n", "give discrete calls, not log ratios"),
        ("Hugo_Symbol\t001\nTP53\t1\nTP53\t2\n", "has a row already"),
        ("Hugo_Symbol\t001\n", "none of the genes"),
    ],
)
def test_a_matrix_that_cannot_be_is_refused(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=says):
        read_copy_number_matrix(written(tmp_path, "cna.txt", text))


def test_calls_of_copies_are_words_or_levels(tmp_path: Path) -> None:
    rows = "001,ERBB2,AMP,12\n001,TP53,-1,\n"
    path = written(tmp_path, "c.csv", "patient_id,gene,call,copy_number\n" + rows)
    cohort = read_copy_number_calls(path).cohort
    assert cohort.variants.kind.tolist() == ["amplification", "loss"]
    assert numbers(cohort, "tumour.ERBB2.copy_number") == [12.0]
    with pytest.raises(CohortError, match="a call not known here"):
        read_copy_number_calls(written(tmp_path, "c.csv", "patient_id,gene,call\n001,TP53,much\n"))


def test_two_genes_are_a_fusion_and_one_is_a_rearrangement(tmp_path: Path) -> None:
    header = "Sample_Id\tSite1_Hugo_Symbol\tSite2_Hugo_Symbol\tSV_Status\n"
    rows = "001\tEML4\tALK\tSOMATIC\n002\tRB1\tRB1\tSOMATIC\n003\t\tALK\tSOMATIC\n003\tRET\tALK\tGERMLINE\n"
    path = written(tmp_path, "sv.txt", header + rows)
    reading = read_fusions(path, EXOME)
    found = list(zip(reading.cohort.variants.gene, reading.cohort.variants.kind, strict=True))
    assert found == [
        ("EML4", "fusion"),
        ("ALK", "fusion"),
        ("RB1", "rearrangement"),
        ("ALK", "rearrangement"),
    ]
    panel = Panel("p", frozenset({"ALK", "RB1"}), NAN, frozenset({"fusions"}))
    held = read_fusions(path, panel)
    assert "EML4" not in held.cohort.variants.gene.tolist()
    assert any("partner" in note for note in held.notes)
    assert numbers(held.cohort, "tumour.ALK.fused") == [1.0, 0.0, 1.0]


def test_the_older_fusion_table_names_one_gene_a_row(tmp_path: Path) -> None:
    path = written(tmp_path, "f.txt", "Hugo_Symbol\tTumor_Sample_Barcode\tFusion\nALK\t001\tEML4-ALK\n")
    assert read_fusions(path, EXOME).cohort.variants.kind.tolist() == ["fusion"]
    path = written(tmp_path, "f.txt", "Hugo_Symbol\tTumor_Sample_Barcode\tFusion\nNA\t001\tEML4-ALK\n")
    with pytest.raises(CohortError, match="no gene at either site"):
        read_fusions(path, EXOME)


def test_fusions_need_a_panel_that_reads_them(tmp_path: Path) -> None:
    path = written(tmp_path, "sv.txt", "Sample_Id\tSite1_Hugo_Symbol\tSite2_Hugo_Symbol\n001\tEML4\tALK\n")
    with pytest.raises(CohortError, match="does not read"):
        read_fusions(path, Panel("p", None, NAN))


def test_values_are_held_to_their_range_and_given_once(tmp_path: Path) -> None:
    path = written(tmp_path, "v.csv", "id,TF,S3\n001,12,0.4\n")
    with pytest.raises(CohortError, match="column 'TF': no number between 0 and 1"):
        read_tumour_values(path, "id", {"TF": "ctdna_fraction"})
    assert numbers(read_tumour_values(path, "id", {"S3": "signature_3"}), "tumour.sample.signature_3") == [
        0.4
    ]
    with pytest.raises(CohortError, match="a second row of one patient"):
        read_tumour_values(written(tmp_path, "v.csv", "id,S3\n001,1\n001,1\n"), "id", {"S3": "s"})
    with pytest.raises(CohortError, match="names of values"):
        read_tumour_values(path, "id", {"TF": "Tumour Fraction"})
