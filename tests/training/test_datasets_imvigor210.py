"""IMvigor210: sequencing and expression may each be missing, of a patient or of the folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from features.encode import FeatureSpec, encode
from features.errors import DataError
from tests.training.made_up_sources import (
    columns_of_role,
    made_up,
    read_table,
    real_folder,
    told,
    without,
    write_table,
)
from training.datasets import imvigor210

GENES = ("TP53", "ERBB2", "CDKN2A")
ALTERED = tuple(f"tumour.{gene}.altered" for gene in GENES)


def call(patient: str, gene: str, text: str) -> dict[str, str]:
    return {
        "sample": f"S{patient}",
        "ANONPT_ID": patient,
        "gene": gene,
        "alteration_type": "known_short",
        "fmone_call": text,
    }


def write_calls(folder: Path) -> None:
    """Calls of 007 and of a stranger; 008 was sequenced and has none, the others were not."""
    short = "c.949C>T_p.Q317*(0.27,74)"
    write_table(folder / imvigor210.CALLS, [call("007", "TP53", short), call("900", "ERBB2", short)])
    rows = [{"sample": f"S{p}", "ANONPT_ID": p} for p in ("007", "008", "900")]
    write_table(folder / imvigor210.SAMPLES, rows)
    (folder / imvigor210.GENES).write_text("\n".join(GENES) + "\n")


def write_expression(folder: Path, patients: tuple[str, ...], unit: float = 1.0) -> None:
    """Made-up log2(TPM + 0.001) of a few genes."""
    levels = {"CXCL9": 3.0, "STAT1": 7.0, "CD8A": -1.0, "TGFB1": 5.0}
    rows = [{"gene": g} | {f"P{p}": f"{unit * level:.4f}" for p in patients} for g, level in levels.items()]
    write_table(folder / imvigor210.EXPRESSION, rows)


def test_response_is_one_and_its_absence_none(tmp_path: Path) -> None:
    rows = made_up("imvigor210", 3)
    for row, said in zip(rows, ("R", "NR", ""), strict=True):
        row["response_label"] = said
    cohort = imvigor210.load(write_table(tmp_path / "clinical.csv", rows).parent)
    np.testing.assert_array_equal(cohort.outcome("response"), [1.0, 0.0, np.nan])


def test_words_of_the_source_become_facts(tmp_path: Path) -> None:
    row = made_up("imvigor210", 1)[0] | {
        "Sex": "F", "Race": "OTHER", "IC Level": "IC2+", "TC Level": "TC0", "Met Disease Status": "LN Only",
        "Tobacco Use History": "PREVIOUS", "TCGA Subtype": "IV", "TMB (FMOne mutation burden per MB)": "18.0",
    }  # fmt: skip
    cohort = imvigor210.load(write_table(tmp_path / "clinical.csv", [row]).parent)
    texts = {
        name: cohort.texts(name)[0] for name in ("sex", "race", "metastasis", "tobacco_use", "tcga_subtype")
    }
    assert texts == {
        "sex": "female",
        "race": None,
        "metastasis": "lymph_node_only",
        "tobacco_use": "previous",
        "tcga_subtype": "iv",
    }
    numbers = [cohort.values(name)[0] for name in ("pd_l1_ic", "pd_l1_tc", "tumour_tmb")]
    assert numbers == [2.0, 0.0, 18.0]


def test_patient_who_was_not_sequenced_is_unknown_not_wild_type(tmp_path: Path) -> None:
    write_table(tmp_path / "clinical.csv", made_up("imvigor210", 3))
    write_calls(tmp_path)
    cohort = imvigor210.load(tmp_path)
    assert cohort.patient_ids == ("007", "008", "009")
    nan = np.nan
    expected = [[1, 0, 0], [0, 0, 0], [nan, nan, nan]]
    np.testing.assert_array_equal(encode(cohort, FeatureSpec(ALTERED)).values, expected)


def test_expression_reaches_the_patients_who_were_measured(tmp_path: Path) -> None:
    write_table(tmp_path / "clinical.csv", made_up("imvigor210", 3))
    write_expression(tmp_path, ("009", "007", "900"))
    cohort = imvigor210.load(tmp_path)
    assert cohort.has_expression().tolist() == [True, False, True]
    level = np.log2(2.0**7 - 0.001 + 1.0)
    np.testing.assert_allclose(cohort.expression_of("STAT1"), [level, np.nan, level], rtol=1e-12)


def test_folder_may_lack_calls_and_expression(tmp_path: Path) -> None:
    write_table(tmp_path / "clinical.csv", made_up("imvigor210", 3))
    cohort = imvigor210.load(tmp_path)
    assert (cohort.sequenced, cohort.expression, len(cohort)) == (None, None, 3)


def test_cohort_of_whom_nobody_was_measured_is_read(tmp_path: Path) -> None:
    write_table(tmp_path / "clinical.csv", made_up("imvigor210", 2))
    write_expression(tmp_path, ("900",))
    cohort = imvigor210.load(tmp_path)
    assert not cohort.has_expression().any()
    assert np.isnan(encode(cohort, FeatureSpec(("expression.STAT1.log2_tpm",))).values).all()


@pytest.mark.parametrize("file", [imvigor210.GENES, imvigor210.SAMPLES])
def test_calls_without_a_list_beside_them_are_refused(tmp_path: Path, file: str) -> None:
    write_table(tmp_path / "clinical.csv", made_up("imvigor210", 3))
    write_calls(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(DataError, match=f"without {file}.*put {file} beside it"):
        imvigor210.load(tmp_path)


def test_fault_of_a_side_file_names_it(tmp_path: Path) -> None:
    write_table(tmp_path / "clinical.csv", made_up("imvigor210", 3))
    write_expression(tmp_path, ("007",), unit=100.0)
    with pytest.raises(DataError, match=r"expression_log2tpm_1768genes\.csv\.gz"):
        imvigor210.load(tmp_path)
    (tmp_path / imvigor210.EXPRESSION).unlink()
    write_calls(tmp_path)
    write_table(tmp_path / imvigor210.CALLS, [call("007", "TP53", "purple")])
    with pytest.raises(DataError, match=r"fmone_alterations_long\.csv line 2 column 'fmone_call'"):
        imvigor210.load(tmp_path)


def test_real_cohort_holds_224_evaluable_patients(tmp_path: Path) -> None:
    folder = real_folder("imvigor210")
    cohort, clinical = imvigor210.load(folder), read_table(folder / "clinical.csv")
    assert len(cohort) == 224
    assert np.nansum(cohort.outcome("response")) == 52
    assert cohort.has_expression().tolist() == [row["has_expression"] == "True" for row in clinical]
    assert cohort.sequenced is not None
    assert [s is not None for s in cohort.sequenced] == [row["has_fmone"] == "True" for row in clinical]
    scored = shutil.copytree(folder, tmp_path / "scored", copy_function=shutil.copyfile)
    (scored).chmod(0o755)
    (scored / "clinical.csv").unlink()
    afterwards = columns_of_role("imvigor210", "outcome", "left_out")
    write_table(scored / "clinical.csv", without(clinical, *afterwards))
    bare = imvigor210.load(scored)
    assert len(bare.outcomes) == 0
    assert told(bare.clinical) == told(cohort.clinical)
    assert told(bare.variants) == told(cohort.variants)
    np.testing.assert_array_equal(bare.expression_of("CXCL9"), cohort.expression_of("CXCL9"))
