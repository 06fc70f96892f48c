"""Mutations and a panel's calls are read as their laboratories spell them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from features.cohort import Cohort, Panel
from features.encode import FeatureSpec, encode
from features.errors import CohortError
from features.readers.maf import read_maf
from features.readers.panel_calls import read_panel_calls
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


def test_a_maf_gives_fraction_change_and_kind(tmp_path: Path) -> None:
    table = read_maf(written(tmp_path, "m.maf", "#version 2.4\n" + MAF_HEADER + BRAF), EXOME).cohort.variants
    row = (table.gene[0], table.kind[0], table.protein_change[0], table.vaf[0])
    assert row == ("BRAF", "missense", "p.V600E", 0.3)


def test_who_was_sequenced_without_a_mutation_is_wild_type_and_who_was_not_is_no_patient(
    tmp_path: Path,
) -> None:
    listed = "#sequenced_samples: 001 002\n"
    cohort = read_maf(written(tmp_path, "m.maf", listed + MAF_HEADER + BRAF), EXOME).cohort
    assert cohort.patient_ids == ("001", "002")
    assert numbers(cohort, "tumour.BRAF.hotspot") == [1.0, 0.0]
    with pytest.raises(CohortError, match="not among the sequenced"):
        read_maf(written(tmp_path, "m.maf", "#sequenced_samples: 002\n" + MAF_HEADER + BRAF), EXOME)


def test_samples_are_turned_into_patients_by_a_complete_list(tmp_path: Path) -> None:
    path = written(tmp_path, "m.maf", MAF_HEADER + BRAF + BRAF.replace("001", "001-2"))
    reading = read_maf(path, EXOME, patient_of={"001": "P", "001-2": "P"})
    assert reading.cohort.patient_ids == ("P",)
    assert len(reading.cohort.variants) == 1
    assert "1 rows repeat" in reading.notes[0]
    with pytest.raises(CohortError, match="a sample of no known patient"):
        read_maf(path, EXOME, patient_of={"001": "P"})


def test_rows_that_are_not_somatic_are_left_out_and_noted(tmp_path: Path) -> None:
    path = written(tmp_path, "m.maf", MAF_HEADER + BRAF.replace("SOMATIC", "GERMLINE"))
    reading = read_maf(path, EXOME)
    assert len(reading.cohort.variants) == 0
    assert reading.cohort.patient_ids == ("001",)
    assert reading.notes == ("1 rows are not somatic by their status and were left out",)


def test_a_flank_of_tert_is_its_promoter_and_of_others_nothing(tmp_path: Path) -> None:
    flank = BRAF.replace("Missense_Mutation", "5'Flank").replace("p.V600E", "")
    rows = flank.replace("BRAF", "TERT") + flank
    cohort = read_maf(written(tmp_path, "m.maf", MAF_HEADER + rows), EXOME).cohort
    assert cohort.variants.kind.tolist() == ["promoter", "noncoding"]
    assert numbers(cohort, "tumour.TERT.mutated") == [1.0]
    assert numbers(cohort, "tumour.BRAF.mutated") == [0.0]


def test_symbols_that_a_spreadsheet_ate_are_restored_or_left_undecided(tmp_path: Path) -> None:
    eaten = ["7-Sep", "2009-09-01 00:00:00", "Mar-06", "1-Mar"]
    rows = "".join(BRAF.replace("BRAF", gene).replace("140453136", str(i)) for i, gene in enumerate(eaten))
    reading = read_maf(written(tmp_path, "m.maf", MAF_HEADER + rows), EXOME)
    assert reading.cohort.variants.gene.tolist() == ["SEPT7", "SEPT9", "MARCH6", "MARCH1_or_MARC1"]
    assert reading.notes == ("4 gene symbols that a spreadsheet had turned into dates were restored",)
    with pytest.raises(CohortError, match="no gene symbol"):
        read_maf(written(tmp_path, "m.maf", MAF_HEADER + BRAF.replace("BRAF", "2020-05-17")), EXOME)


def test_a_gene_that_the_panel_does_not_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="findings in BRAF that the panel 'p' does not read"):
        read_maf(written(tmp_path, "m.maf", MAF_HEADER + BRAF), Panel("p", frozenset({"TP53"}), 1.0))


def test_a_percentage_is_no_fraction_and_the_higher_of_two_fractions_is_kept(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="no number between 0 and 1"):
        read_variant_table(
            written(tmp_path, "t.csv", TABLE_HEADER + NPM1.replace("0.288", "28.8")), BEATAML, EXOME
        )
    rows = NPM1 + NPM1.replace("0.288", "0.31") + NPM1.replace("0.288", "")
    reading = read_variant_table(written(tmp_path, "t.csv", TABLE_HEADER + rows), BEATAML, EXOME)
    assert reading.cohort.variants.vaf.tolist() == [0.31]
    assert reading.notes[0].startswith("2 rows repeat")


def test_a_word_that_says_too_little_is_read_from_the_protein_change(tmp_path: Path) -> None:
    changes = ["p.M1?", "p.K389delinsNFFM", "p.*576Rext*3"]
    rows = "".join(f"001,G{i},Other,{change},0.3,1,{i},A,T\n" for i, change in enumerate(changes))
    kinds = read_variant_table(
        written(tmp_path, "t.csv", TABLE_HEADER + rows), BEATAML, EXOME
    ).cohort.variants.kind
    assert kinds.tolist() == ["start_lost", "inframe", "stop_lost"]


# --- panel calls


def test_calls_are_read_as_the_report_spells_them(tmp_path: Path) -> None:
    rows = (
        's,001,ERBB2,amplification,"amplification(7, exons 5 of 5)"\n'
        's,001,TERT,known_short,"c.-124C>T_p.promoter -124C>T(0.5,120)"\n'
        's,001,TP53,likely_short,"c.949C>T_p.Q317*(0.27,74); c.376-1G>A_p.splice site 376-1G>A(0.1,80)"\n'
        's,002,ERBB2,gain,"amplification(6, exons 20 of 20)"\n'
        's,002,TP53,deletion,"loss(0, exons 3 of 10)"\n'
        "s,002,TERT,rearrangement,rearrangement(exon 2)\n"
    )
    cohort = calls(written(tmp_path, "c.csv", CALLS_HEADER + rows))
    table = cohort.variants
    assert table.kind.tolist() == [
        "amplification", "promoter", "nonsense", "splice", "gain", "deletion", "rearrangement"
    ]  # fmt: skip
    np.testing.assert_array_equal(table.copy_number, [7.0, NAN, NAN, NAN, 6.0, 0.0, NAN])
    np.testing.assert_array_equal(table.vaf[:4], [NAN, 0.5, 0.27, 0.1])
    assert numbers(cohort, "tumour.ERBB2.amplified") == [1.0, 0.0]
    assert numbers(cohort, "tumour.TP53.altered") == [1.0, 1.0]
    assert numbers(cohort, "tumour.TERT.hotspot") == [1.0, 0.0]
    assert np.isnan(numbers(cohort, "tumour.MYC.amplified")).all()
    assert np.isnan(numbers(cohort, "tumour.burden.per_mb")).all()


@pytest.mark.parametrize(
    "call",
    ["", "amplification(7)", "amplification(seven, exons 5 of 5)", "c.1A>T_p.K2N", "c.1A>T_p.K2N(0.2)",
     "c.1A>T_p.K2N(1.2,30)", "c.1A>T_p.K2N(0.2.1,30)", "deleted",
     "c.1A>T_p.K2N(0.2,30);c.1A>T_p.K2N(0.2,30)"],
)  # fmt: skip
def test_a_call_that_is_spelled_otherwise_is_refused(call: str, tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="a call whose spelling is not known here"):
        calls(written(tmp_path, "c.csv", CALLS_HEADER + f's,001,TP53,known_short,"{call}"\n'))


def test_calls_of_a_stranger_or_outside_the_panel_are_refused(tmp_path: Path) -> None:
    row = 's,{},{},known_short,"c.1A>T_p.K2N(0.2,30)"\n'
    with pytest.raises(CohortError, match="not among the sequenced"):
        calls(written(tmp_path, "c.csv", CALLS_HEADER + row.format("009", "TP53")))
    with pytest.raises(CohortError, match="findings in BRAF that the panel"):
        calls(written(tmp_path, "c.csv", CALLS_HEADER + row.format("001", "BRAF")))


@pytest.mark.parametrize(
    ("text", "says"),
    [(b"", "no gene is listed"), (b"TP53\nTP53\n", "more than once"), (b"TP 53\n", "no gene symbol"),
     (b"TP53\n\xff\n", "not UTF-8"), (b"A\n" * 3_000_000, "far too large")],
)  # fmt: skip
def test_a_panel_needs_a_list_of_its_genes(text: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_bytes(text)
    path = written(tmp_path, "c.csv", CALLS_HEADER)
    samples = written(tmp_path, "samples.csv", "sample,ANONPT_ID\ns1,001\n")
    with pytest.raises(CohortError, match=says):
        read_panel_calls(path, tmp_path / "g.txt", samples)
