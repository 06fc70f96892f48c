"""BeatAML: an outcome for each inhibitor, unknown genes where none was read, samples mapped to patients."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from features.encode import FeatureSpec, encode
from features.errors import DataError
from tests.training.made_up_sources import (
    Rows,
    columns_of_role,
    made_up,
    read_table,
    real_folder,
    told,
    without,
    write_table,
)
from training.datasets import beataml

CELL_TYPES = ("cDC-like", "GMP-like", "HSC-like", "Monocyte-like", "Progenitor-like", "Promono-like")


def patients(n: int = 3, **cells: tuple[str, ...]) -> Rows:
    """Made-up patients 007, 008 ... with these cells by column."""
    rows = made_up("beataml", n)
    for column, said in cells.items():
        for row, text in zip(rows, said, strict=True):
            row[column] = text
    return rows


def mutation(patient: str, gene: str = "NPM1", change: str = "p.W288Cfs*12") -> dict[str, str]:
    place = {"chrom_hg19": "5", "pos": "170837543", "ref": "C", "alt": "CTCTG"}
    said = {"dbgap_subject_id": patient, "gene": gene, "variant_class": "Frameshift", "hgvsp_short": change}
    return said | {"t_vaf": "0.3"} | place


def sample(patient: str, lab: str, **scores: str) -> dict[str, str]:
    ids = {"lab_id": lab, "dbgap_subject_id": patient, "dbgap_rnaseq_sample": "BA2007R", "centerID": "2"}
    return ids | {cell: scores.get(cell.split("-")[0], "") for cell in CELL_TYPES}


def fit(patient: str, drug: str, auc: str) -> dict[str, str]:
    return {"dbgap_subject_id": patient, "inhibitor": drug, "auc": auc, "ic50_um": "0.1"}


def test_each_inhibitor_is_an_outcome_and_repeats_are_averaged(tmp_path: Path) -> None:
    write_table(tmp_path / "clinical.csv", patients())
    rows = [fit("007", "Drug (A)", "100"), fit("008", "Drug (A)", ""), fit("007", "Drug (A)", "150")]
    write_table(tmp_path / "drug_auc_long.csv", [*rows, fit("009", "B", "286.3"), fit("900", "B", "1")])
    cohort = beataml.load(tmp_path)
    np.testing.assert_array_equal(cohort.outcome("auc:Drug (A)"), [125.0, np.nan, np.nan])
    np.testing.assert_array_equal(cohort.outcome("auc:B"), [np.nan, np.nan, 286.3])
    assert set(cohort.outcomes.name.tolist()) == {"auc:Drug (A)", "auc:B"}


def test_who_was_not_sequenced_is_unknown_not_wild_type(tmp_path: Path) -> None:
    write_table(tmp_path / "clinical.csv", patients(sequenced=("True", "True", "False")))
    write_table(tmp_path / "mutations.csv", [mutation("007"), mutation("900", "TP53", "p.R175H")])
    cohort = beataml.load(tmp_path)
    values = encode(cohort, FeatureSpec(("tumour.NPM1.hotspot", "tumour.TP53.mutated"))).values
    np.testing.assert_array_equal(values, [[1, 0], [0, 0], [np.nan, np.nan]])


def test_mutations_that_contradict_the_clinical_table_are_refused(tmp_path: Path) -> None:
    rows = patients(sequenced=("True", "False", "False"))
    write_table(tmp_path / "clinical.csv", rows)
    write_table(tmp_path / "mutations.csv", [mutation("008")])
    with pytest.raises(DataError, match=r"mutations\.csv line 2.*not among the sequenced"):
        beataml.load(tmp_path)
    write_table(tmp_path / "clinical.csv", without(rows, "sequenced"))
    with pytest.raises(DataError, match=r"clinical\.csv column 'sequenced': is missing.*add it"):
        beataml.load(tmp_path)


def test_cell_types_reach_patients_by_the_map_and_not_by_sample_number(tmp_path: Path) -> None:
    write_table(tmp_path / "clinical.csv", patients())
    twice = [sample("009", "b", GMP="3.0", cDC="1.0"), sample("009", "c", GMP="1.0")]
    write_table(tmp_path / beataml.SAMPLES, [sample("008", "a"), *twice, sample("900", "d", GMP="9")])
    cohort = beataml.load(tmp_path)
    np.testing.assert_array_equal(cohort.values("cell_gmp"), [np.nan, np.nan, 2.0])
    np.testing.assert_array_equal(cohort.values("cell_cdc"), [np.nan, np.nan, 1.0])
    assert cohort.groups["center"].tolist() == ["not_stated", "2", "2"]


def test_no_fusion_is_told_only_where_one_was_looked_for(tmp_path: Path) -> None:
    rows = patients(
        4,
        fusion=("", "", "PML-RARA", "Unknown"),
        karyotype=("46,XX[20]", "", "46,XY,t(15;17)[20]", "46, XY [20]"),
        sequenced=("True", "False", "True", "True"),
        cebpaBi=("", "", "bi", "mono"),
    )
    cohort = beataml.load(write_table(tmp_path / "clinical.csv", rows).parent)
    assert cohort.texts("gene_fusion").tolist() == ["none", None, "pml_rara", None]
    assert cohort.texts("cebpa_mutated").tolist() == ["none", None, "both_alleles", "one_allele"]
    np.testing.assert_array_equal(cohort.values("karyotype_normal"), [1.0, np.nan, 0.0, 1.0])


def test_curated_flags_keep_silence(tmp_path: Path) -> None:
    rows = patients(flt3itd=("True", "False", ""), npm1c=("False", "", "True"))
    cohort = beataml.load(write_table(tmp_path / "clinical.csv", rows).parent)
    np.testing.assert_array_equal(cohort.values("flt3_itd"), [1.0, 0.0, np.nan])
    np.testing.assert_array_equal(cohort.values("npm1_mutated"), [0.0, np.nan, 1.0])


def test_diagnosis_not_listed_is_another_one_and_unknown_is_none(tmp_path: Path) -> None:
    rows = patients(specificDx=("AML with mutated NPM1", "Plasma cell myeloma", "unknown"))
    cohort = beataml.load(write_table(tmp_path / "clinical.csv", rows).parent)
    assert cohort.texts("specific_diagnosis").tolist() == ["npm1", "other", None]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (
            fit("007", "A", "-3"),
            r"drug_auc_long\.csv line 2: a number under auc is none, or not from 0 to 400",
        ),
        (fit("007", "A", "many"), r"line 2: a number under auc"),
        (fit("007", "", "3"), r"line 2: no dbgap_subject_id or no inhibitor"),
        ({"dbgap_subject_id": "007", "auc": "3"}, r"the column 'inhibitor' is missing"),
    ],
)
def test_fault_of_the_drug_table_is_named(tmp_path: Path, row: dict[str, str], what: str) -> None:
    write_table(tmp_path / "clinical.csv", patients())
    write_table(tmp_path / "drug_auc_long.csv", [row])
    with pytest.raises(DataError, match=what):
        beataml.load(tmp_path)


def test_real_cohort_holds_562_patients_of_368_ex_vivo_responses(tmp_path: Path) -> None:
    folder = real_folder("beataml")
    cohort = beataml.load(folder)
    drugs = [cohort.outcome(name) for name in sorted(set(cohort.outcomes.name.tolist()))]
    assert (len(cohort), len(cohort.outcomes)) == (562, 37_883)
    assert int((~np.isnan(drugs)).any(axis=0).sum()) == 368
    fits = read_table(folder / "drug_auc_long.csv")
    assert (len(fits), len({row["inhibitor"] for row in fits})) == (61_088, 166)
    assert len(drugs) == len({row["inhibitor"] for row in fits if row["auc"]}) == 154
    assert sum((~np.isnan(aucs)).sum() >= 60 for aucs in drugs) == 139
    assert cohort.sequenced is not None
    assert sum(s is not None for s in cohort.sequenced) == 527
    assert int((~np.isnan(cohort.values("cell_gmp"))).sum()) == 226


def test_real_cohort_without_outcomes_is_the_same_otherwise(tmp_path: Path) -> None:
    folder = real_folder("beataml")
    cohort = beataml.load(folder)
    bare = without(read_table(folder / "clinical.csv"), *columns_of_role("beataml", "outcome", "left_out"))
    write_table(tmp_path / "clinical.csv", bare)
    for file in (beataml.MUTATIONS, beataml.SAMPLES):
        shutil.copyfile(folder / file, tmp_path / file)
    scored = beataml.load(tmp_path)
    assert len(scored.outcomes) == 0
    assert told(scored.clinical) == told(cohort.clinical)
    assert told(scored.variants) == told(cohort.variants)
    assert scored.groups["center"].tolist() == cohort.groups["center"].tolist()
