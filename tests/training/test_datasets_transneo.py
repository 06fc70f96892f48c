"""TransNEO: codes turned, side files a modality that may be missing, and nothing from after surgery."""

from __future__ import annotations

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
from training.datasets import transneo

BLOCKS = ("dna_", "rna_", "path_", "regimen_")


def variant(patient: str, gene: str = "TP53", consequence: str = "Missense_Mutation") -> dict[str, str]:
    place = {"Chr": "17", "Start": "7577120", "Ref_Allele": "C", "Tumor_Alt_Allele": "T"}
    said = {"Donor.ID": patient, "Hugo_Symbol": gene, "MAF_Variant": consequence, "tumour.vaf": "0.4"}
    return said | place


def write_beside(folder: Path) -> Path:
    """Variants of one patient of the cohort and of a stranger, and who was sequenced."""
    sequenced: Rows = [
        {"Donor.ID": p, "DNA.sequenced": s} for p, s in (("007", "YES"), ("008", "YES"), ("009", "NO"))
    ]
    write_table(folder / transneo.SEQUENCED, [*sequenced, {"Donor.ID": "T900", "DNA.sequenced": "YES"}])
    write_table(folder / transneo.VARIANTS, [variant("007"), variant("T900", "PIK3CA")])
    segment = {"chr": "17", "startpos": "1", "endpos": "80000000", "nMajor": "10", "nMinor": "1"}
    write_table(folder / transneo.SEGMENTS, [{"Trial.ID": p} | segment for p in ("007", "T900")])
    write_table(folder / transneo.PURITY, [{"Trial.ID": "007", "purity": "0.6", "ploidy": "2.1"}])
    return folder


def test_minus_one_is_negative(tmp_path: Path) -> None:
    rows = made_up("transneo", 2)
    for row, code in zip(rows, ("-1", "1"), strict=True):
        row.update(dict.fromkeys(("ER.status", "HER2.status", "LN.at.diagnosis"), code))
    cohort = transneo.load(write_table(tmp_path / "transneo.csv", rows).parent)
    for name in ("er", "her2", "node_positive"):
        assert cohort.values(name).tolist() == [0.0, 1.0]
    rows[0]["ER.status"] = "0"
    with pytest.raises(
        DataError, match=r"column 'ER.status': 1 cells \(the first in line 2\) are not one of -1, 1"
    ):
        transneo.load(write_table(tmp_path / "transneo.csv", rows).parent)


def test_blocks_can_be_told_apart_by_their_names(tmp_path: Path) -> None:
    cohort = transneo.load(write_table(tmp_path / "transneo.csv", made_up("transneo")).parent)
    names = set(cohort.clinical.name.tolist())
    plain = {name for name in names if not name.startswith(BLOCKS)}
    assert plain == {
        "age",
        "er",
        "her2",
        "node_positive",
        "ductal",
        "grade",
        "size_at_diagnosis",
        "er_allred",
    }
    assert [sum(name.startswith(block) for name in names) for block in BLOCKS] == [11, 40, 1, 6]


def test_side_files_add_findings_of_the_cohort_s_own_patients(tmp_path: Path) -> None:
    write_table(tmp_path / "transneo.csv", made_up("transneo", 4))
    alone, cohort = transneo.load(tmp_path), transneo.load(write_beside(tmp_path))
    assert (alone.sequenced, len(alone.variants)) == (None, 0)
    assert cohort.patient_ids == alone.patient_ids == ("007", "008", "009", "010")
    wanted = ("tumour.TP53.mutated", "tumour.PIK3CA.mutated", "tumour.ERBB2.amplified")
    nan = np.nan
    expected = [[1, 0, 1], [0, 0, nan], [nan, nan, nan], [nan, nan, nan]]
    np.testing.assert_array_equal(encode(cohort, FeatureSpec(wanted)).values, expected)
    np.testing.assert_array_equal(cohort.values("tumour_purity"), [0.6, nan, nan, nan])


def test_fault_of_a_side_file_names_the_file(tmp_path: Path) -> None:
    write_table(tmp_path / "transneo.csv", made_up("transneo", 4))
    write_beside(tmp_path)
    write_table(tmp_path / transneo.VARIANTS, [variant("007", consequence="Purple")])
    with pytest.raises(DataError, match=r"somatic_variants\.csv\.gz line 2 column 'MAF_Variant'"):
        transneo.load(tmp_path)
    write_table(tmp_path / transneo.VARIANTS, [variant("009")])
    with pytest.raises(DataError, match="not among the sequenced"):
        transneo.load(tmp_path)


def test_real_cohort_holds_147_patients_with_and_without_side_files(tmp_path: Path) -> None:
    folder = real_folder("transneo")
    cohort = transneo.load(folder)
    assert len(cohort) == 147
    assert np.nansum(cohort.outcome("pcr")) == 38
    assert sum(s is not None for s in cohort.sequenced) == 147  # type: ignore[union-attr]
    bare = without(read_table(folder / "transneo.csv"), *columns_of_role("transneo", "outcome", "left_out"))
    scored = transneo.load(write_table(tmp_path / "transneo.csv", bare).parent)
    assert (scored.patient_ids, len(scored.outcomes), scored.sequenced) == (cohort.patient_ids, 0, None)
    assert set(told(scored.clinical)) <= set(told(cohort.clinical))
