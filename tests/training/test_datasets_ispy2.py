"""I-SPY2: the arm is a fact and a group, its drug's target is told, and the protein array may be missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.training.made_up_sources import made_up, read_table, real_folder, told, without, write_table
from training.datasets import ispy2

RPPA = {
    "ERBB2.Y1248": "erbb2_y1248",
    "EGFR.Y1173": "egfr_y1173",
    "mTOR.S2448": "mtor_s2448",
    "TIE2.Y992": "tie2_y992",
}


def test_arm_is_a_fact_with_its_target_and_a_group(tmp_path: Path) -> None:
    rows = made_up("ispy2", 5)
    for row, arm in zip(rows, ("Ctr", "Pembro", "VC", "TDM1/P", "MK2206"), strict=True):
        row["arm"] = arm
    cohort = ispy2.load(write_table(tmp_path / "ispy2.csv", rows).parent)
    arms = ["control", "pembrolizumab", "veliparib_carboplatin", "tdm1_pertuzumab", "mk2206"]
    assert cohort.texts("arm").tolist() == arms
    assert cohort.groups["arm"].tolist() == arms
    assert cohort.texts("arm_class").tolist() == ["control", "io", "parp", "her2", "akt"]


def test_patient_without_protein_array_has_no_such_fact(tmp_path: Path) -> None:
    rows = made_up("ispy2", 8)
    for row in rows[:3]:
        row.update(dict.fromkeys(RPPA, ""))
    cohort = ispy2.load(write_table(tmp_path / "ispy2.csv", rows).parent)
    for name in RPPA.values():
        assert np.isnan(cohort.values(name)[:3]).all()
        assert not np.isnan(cohort.values(name)).all()
    bare = ispy2.load(write_table(tmp_path / "bare" / "ispy2.csv", without(rows, *RPPA)).parent)
    assert not set(RPPA.values()) & set(bare.clinical.name.tolist())


def test_real_cohort_holds_791_patients_in_10_arms(tmp_path: Path) -> None:
    folder = real_folder("ispy2")
    cohort = ispy2.load(folder)
    assert (len(cohort), len(set(cohort.groups["arm"]))) == (791, 10)
    assert np.nansum(cohort.outcome("pcr")) == 253
    shares = [np.isnan(cohort.values(name)).mean() for name in RPPA.values()]
    assert 0.24 < min(shares) < max(shares) < 0.50
    bare = ispy2.load(
        write_table(tmp_path / "ispy2.csv", without(read_table(folder / "ispy2.csv"), "pCR")).parent
    )
    assert len(bare.outcomes) == 0
    assert told(bare.clinical) == told(cohort.clinical)
