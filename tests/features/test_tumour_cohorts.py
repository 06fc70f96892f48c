"""The readers on the real cohorts, held against a second, naive count with pandas."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.cohort import Cohort, Panel
from features.encode import FeatureSpec, encode
from features.join import join
from features.knowledge.gene_positions import gene_positions
from features.readers.findings import TumourReading
from features.readers.panel_calls import read_panel_calls
from features.readers.segments import read_segments
from features.readers.tumour_values import read_tumour_values
from features.readers.variant_table import BEATAML, TRANSNEO, read_variant_table

EXOME = Panel("exome", None, 38.0)
CODING = "Missense_Mutation Nonsense_Mutation Frame_Shift_Del Frame_Shift_Ins Splice_Site"


def folder(name: str) -> Path:
    root = os.environ.get("RXPLAIN_DATA") or Path(__file__).parents[3] / "shared" / "data"
    path = Path(root) / name
    if not path.is_dir():
        pytest.skip(f"the cohort {name} is absent; RXPLAIN_DATA names the folder that holds it")
    return path


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def numbers(cohort: Cohort, name: str) -> pd.Series:
    return pd.Series(encode(cohort, FeatureSpec((name,))).values[:, 0], index=cohort.patient_ids)


def same(ours: pd.Series, naive: pd.Series) -> None:
    np.testing.assert_array_equal(ours.to_numpy(), naive.reindex(ours.index).to_numpy(dtype=float))


@pytest.fixture(scope="module")
def beataml() -> TumourReading:
    path = folder("beataml")
    clinical = table(path / "clinical.csv")
    sequenced = clinical.dbgap_subject_id[clinical.sequenced == "True"]
    return read_variant_table(path / "mutations.csv", BEATAML, EXOME, sequenced=sequenced)


def test_beataml_counts_each_variant_once(beataml: TumourReading) -> None:
    naive = table(folder("beataml") / "mutations.csv")
    naive["t_vaf"] = naive.t_vaf.astype(float)
    once = naive.groupby(
        ["dbgap_subject_id", "gene", "chrom_hg19", "pos", "ref", "alt"], as_index=False
    ).t_vaf.max()
    cohort = beataml.cohort
    assert len(cohort) == 527
    assert len(cohort.variants) == len(once) == 5792
    assert cohort.variants.vaf.sum() == pytest.approx(once.t_vaf.sum(), abs=1e-9)
    assert beataml.notes[0].startswith(f"{len(naive) - len(once)} rows repeat")
    same(numbers(cohort, "tumour.burden.n_nonsynonymous"), once.groupby("dbgap_subject_id").size())


def test_beataml_status_of_genes(beataml: TumourReading) -> None:
    naive, cohort = table(folder("beataml") / "mutations.csv"), beataml.cohort
    ids = pd.Index(cohort.patient_ids)
    mutated = {gene: rows.dbgap_subject_id.unique() for gene, rows in naive.groupby("gene")}
    for gene in ("NPM1", "TP53", "FLT3", "DNMT3A"):
        same(numbers(cohort, f"tumour.{gene}.altered"), pd.Series(ids.isin(mutated[gene]), index=ids))
    npm1 = naive[
        (naive.gene == "NPM1") & naive.hgvsp_short.str.startswith("p.W288")
    ].dbgap_subject_id.unique()
    same(numbers(cohort, "tumour.NPM1.hotspot"), pd.Series(ids.isin(npm1), index=ids))
    assert numbers(cohort, "tumour.FLT3.amplified").isna().all()


@pytest.fixture(scope="module")
def imvigor() -> TumourReading:
    path = folder("imvigor210")
    return read_panel_calls(
        path / "fmone_alterations_long.csv",
        path / "fmone_panel_genes.txt",
        path / "fmone_sequenced_samples.csv",
    )


def test_imvigor_calls_are_all_read(imvigor: TumourReading) -> None:
    naive, cohort = table(folder("imvigor210") / "fmone_alterations_long.csv"), imvigor.cohort
    assert len(cohort) == 234
    assert len(cohort.variants) == int(naive.fmone_call.str.count("; ").sum()) + len(naive)
    kinds = pd.Series(cohort.variants.kind).value_counts()
    for kind in ("amplification", "deletion", "gain"):
        assert kinds[kind] == (naive.alteration_type == kind).sum()
    fractions = [float(vaf) for call in naive.fmone_call for vaf in re.findall(r"\((\d?\.?\d+),\d+\)", call)]
    assert np.nansum(cohort.variants.vaf) == pytest.approx(sum(fractions), abs=1e-9)
    copies = naive.fmone_call.str.extract(r"^(?:amplification|loss)\((\d+)")[0].dropna().astype(float)
    assert np.nansum(cohort.variants.copy_number) == copies.sum()


def test_imvigor_status_of_genes(imvigor: TumourReading) -> None:
    naive, cohort = table(folder("imvigor210") / "fmone_alterations_long.csv"), imvigor.cohort
    ids = pd.Index(cohort.patient_ids)

    def carriers(rows: pd.Series) -> pd.Series:
        return pd.Series(ids.isin(naive[rows].ANONPT_ID), index=ids)

    gene, call, kind = naive.gene, naive.fmone_call, naive.alteration_type
    same(
        numbers(cohort, "tumour.TERT.hotspot"),
        carriers((gene == "TERT") & call.str.contains(r"c\.-(?:124|146)C>T_")),
    )
    same(numbers(cohort, "tumour.CDKN2A.deleted"), carriers((gene == "CDKN2A") & (kind == "deletion")))
    same(numbers(cohort, "tumour.ERBB2.amplified"), carriers((gene == "ERBB2") & (kind == "amplification")))
    stops = (gene == "ARID1A") & call.str.contains(r"\*\(|fs\*|splice")
    same(numbers(cohort, "tumour.ARID1A.truncating"), carriers(stops))
    assert numbers(cohort, "tumour.GAPDH.altered").isna().all()


@pytest.fixture(scope="module")
def transneo() -> Cohort:
    path = folder("transneo")
    segments = read_segments(
        path / "transneo-diagnosis-ASCAT-segments.csv", path / "transneo-diagnosis-ASCAT-purity.csv"
    )
    sequenced = segments.cohort.patient_ids
    mutations = read_variant_table(path / "transneo168_somatic_variants.csv.gz", TRANSNEO, EXOME, sequenced)
    hrd = read_tumour_values(path / "transneo-diagnosis-HRD.csv", "Trial.ID", {"HRD.sum": "hrd_score"})
    return join([mutations.cohort, segments.cohort, hrd])


def raw_rows_given_twice() -> list[str]:
    """Patients whose every row stands twice in the published file of variants."""
    raw = table(folder("transneo") / "transneo168_somatic_variants.csv.gz")
    again = raw.duplicated(
        ["Donor.ID", "Hugo_Symbol", "Chr", "Start", "Ref_Allele", "Tumor_Alt_Allele"], keep=False
    )
    share = again.groupby(raw["Donor.ID"]).mean()
    return share[share == 1.0].index.tolist()


def test_transneo_mutations_agree_with_the_published_columns(transneo: Cohort) -> None:
    published = table(folder("transneo") / "transneo.csv").set_index("Trial.ID")
    cohort = transneo.take(published.index)
    for gene in ("TP53", "PIK3CA"):
        assert (
            numbers(cohort, f"tumour.{gene}.mutated") == published[f"CodingMuts.{gene}"].astype(float)
        ).mean() > 0.99
    ours, theirs = numbers(cohort, "tumour.burden.n_nonsynonymous"), published["Coding.TMB"].astype(float)
    twice = raw_rows_given_twice()
    assert (ours - theirs).drop(twice).abs().max() <= 1
    assert (ours[twice] * 2 == theirs[twice]).all(), "the published count has these patients' rows twice"
    assert (numbers(cohort, "tumour.sample.hrd_score") == published["HRD.sum"].astype(float)).all()
    raw = table(folder("transneo") / "transneo168_somatic_variants.csv.gz")
    naive = raw[
        raw.MAF_Variant.isin([*CODING.split(), "In_Frame_Del", "In_Frame_Ins"]) & (raw.Hugo_Symbol == "TP53")
    ]["Donor.ID"].unique()
    ids = pd.Index(cohort.patient_ids)
    same(numbers(cohort, "tumour.TP53.mutated"), pd.Series(ids.isin(naive), index=ids))


def test_transneo_segments_give_the_copies_of_a_naive_search(transneo: Cohort) -> None:
    path = folder("transneo") / "transneo-diagnosis-ASCAT-segments.csv"
    naive = pd.read_csv(path, dtype={"chr": str})
    for gene in ("ERBB2", "MYC", "TP53", "PTEN"):
        place = gene_positions()[gene]
        overlap = np.minimum(naive.endpos, place.end) - np.maximum(naive.startpos, place.start) + 1
        near = naive[(naive.chr == place.chromosome) & (overlap > 0)].assign(overlap=overlap)
        most = near.sort_values("overlap").drop_duplicates("Trial.ID", keep="last").set_index("Trial.ID")
        same(numbers(transneo, f"tumour.{gene}.copy_number"), most.nMajor + most.nMinor)
        same(
            numbers(transneo, f"tumour.{gene}.loh").dropna(),
            (most[["nMajor", "nMinor"]].min(axis=1) == 0).astype(float),
        )


def test_transneo_amplification_of_erbb2_is_seen_in_her2_positive_tumours_only(transneo: Cohort) -> None:
    clinical = table(folder("transneo") / "transneo168_clinical.csv").set_index("Donor.ID")
    amplified = numbers(transneo, "tumour.ERBB2.amplified") == 1.0
    assert amplified.sum() >= 30
    assert (clinical.loc[amplified[amplified].index, "HER2.status"] == "POS").all()


def test_every_observed_position_lies_in_its_declared_gene() -> None:
    raw = table(folder("transneo") / "transneo168_somatic_variants.csv.gz")
    inside = raw[~raw.MAF_Variant.isin(["5'Flank", "3'Flank", "IGR"])]
    other = table(folder("beataml") / "mutations.csv")
    seen = [*zip(inside.Hugo_Symbol, inside.Chr, inside.Start, strict=True)]
    seen += [*zip(other.gene, other.chrom_hg19, other.pos, strict=True)]
    places, checked = gene_positions(), set()
    for gene, chromosome, position in seen:
        if gene in places:
            place = places[gene]
            checked.add(gene)
            assert chromosome == place.chromosome, gene
            assert place.start <= int(position) <= place.end, gene
    assert len(checked) >= 60
