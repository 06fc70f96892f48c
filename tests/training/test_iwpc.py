"""The IWPC table becomes a cohort: strands turned, silence kept, the outcome apart, nothing else let in."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import CohortError, DataError
from tests.training.conftest import iwpc_rows, write_iwpc
from training.datasets import catalog, iwpc
from training.datasets.iwpc_columns import INPUTS, LEFT_OUT, to_cohort


def table(**columns: list) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    return pd.DataFrame({"PharmGKB Subject ID": [f"p{i}" for i in range(n)], **columns}, dtype=object)


@pytest.mark.parametrize(
    ("column", "rsid", "gene_strand", "forward"),
    [
        ("VKORC1     -1639 consensus", "rs9923231", "A/G", "C/T"),
        ("VKORC1     -1639 consensus", "rs9923231", "A/A", "T/T"),
        ("VKORC1 1173 consensus", "rs9934438", "C/C", "G/G"),
        ("VKORC1 1542 consensus", "rs8050894", "G/G", "C/C"),
        ("VKORC1 3730 consensus", "rs7294", "G/G", "C/C"),
        ("VKORC1 2255 consensus", "rs2359612", "T/T", "A/A"),
        ("VKORC1 497 consensus", "rs2884737", "T/T", "A/A"),
        ("VKORC1     -4451 consensus", "rs17880887", "C/C", "G/G"),
    ],
)
def test_gene_strand_letters_are_turned_to_the_forward_strand(
    column: str, rsid: str, gene_strand: str, forward: str
) -> None:
    assert to_cohort(table(**{column: [gene_strand]})).calls(rsid).tolist() == [forward]


def test_cells_become_facts_and_empty_cells_none() -> None:
    cohort = to_cohort(
        table(
            Age=["60 - 69", "90+", None],
            **{
                "Simvastatin (Zocor)": ["YES", "0", ""],
                "Race (OMB)": ["Unknown", "Asian", "White"],
                "Indication for Warfarin Treatment": ["1 or 2", "3; 8", None],
            },
        )
    )
    np.testing.assert_array_equal(cohort.values("age"), [65.0, 95.0, np.nan])
    np.testing.assert_array_equal(cohort.taking("simvastatin"), [1.0, 0.0, np.nan])
    assert cohort.texts("race").tolist() == ["not_stated", "asian", "white"]
    np.testing.assert_array_equal(cohort.values("indication_dvt"), [1.0, 0.0, np.nan])
    np.testing.assert_array_equal(cohort.values("indication_other"), [0.0, 1.0, np.nan])


def test_what_is_known_only_afterwards_is_no_fact_before() -> None:
    rows = iwpc_rows(3, seed=1)
    cohort = to_cohort(pd.DataFrame(rows))
    assert not set(LEFT_OUT) & set(INPUTS)
    assert set(cohort.outcomes.name.tolist()) == {"weekly_dose", "stable_dose_recorded"}
    assert not {"weekly_dose", "inr"} & set(cohort.clinical.name.tolist())


def test_column_order_and_missing_outcomes_change_no_other_fact() -> None:
    given = pd.DataFrame(iwpc_rows(20, seed=1))
    bare = given.drop(columns=["Therapeutic Dose of Warfarin", "Subject Reached Stable Dose of Warfarin"])
    turned = to_cohort(bare[bare.columns[::-1]])
    assert len(turned.outcomes) == 0
    assert turned.fingerprint() == to_cohort(bare).fingerprint()
    np.testing.assert_array_equal(turned.values("weight"), to_cohort(given).values("weight"))


def test_faults_are_told_together_and_without_values() -> None:
    wrong = table(
        Age=["66", "60 - 69"], **{"Height (cm)": ["7.0", "tall"], "VKORC1 1173 consensus": ["A/G", "C/C"]}
    )
    with pytest.raises(CohortError) as refused:
        to_cohort(wrong)
    told = str(refused.value)
    assert len(refused.value.faults) == 3
    assert "2 cells (first in row 1)" in told
    assert "tall" not in told
    assert "66" not in told


def test_repeated_ids_and_foreign_tables_are_refused() -> None:
    with pytest.raises(CohortError, match="ids are repeated"):
        to_cohort(pd.DataFrame({"PharmGKB Subject ID": ["a", "a"], "Age": ["60 - 69"] * 2}))
    with pytest.raises(CohortError, match="none of the IWPC input columns"):
        to_cohort(pd.DataFrame({"PharmGKB Subject ID": ["a"], "colour": ["red"]}))


class _Evil:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("touched-by-a-pickle"),))


def test_pickle_with_a_foreign_type_runs_nothing() -> None:
    with pytest.raises(DataError, match="which a table does not need"):
        iwpc.read_pickled_table(pickle.dumps(_Evil()))
    assert not Path("touched-by-a-pickle").exists()
    with pytest.raises(DataError, match="not a pickled table"):
        iwpc.read_pickled_table(b"nonsense")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PharmGKB Subject ID,Age,Age\np,60 - 69,60 - 69\n",
        "PharmGKB Subject ID,Age\np,60 - 69,x\n",
        '"a\n',
    ],
)
def test_broken_csv_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "iwpc.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"iwpc\.csv"):
        iwpc.load(tmp_path)


def test_truncated_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "iwpc.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="Parquet"):
        iwpc.load(tmp_path)


def test_csv_and_parquet_hold_the_same_patients(tmp_path: Path) -> None:
    rows = iwpc_rows(30, seed=2)
    write_iwpc(tmp_path / "text", rows)
    (tmp_path / "columns").mkdir()
    pd.DataFrame(rows).replace("", None).to_parquet(tmp_path / "columns" / "iwpc.parquet")
    assert iwpc.load(tmp_path / "text").fingerprint() == iwpc.load(tmp_path / "columns").fingerprint()


def test_altered_table_is_found_by_its_digest(tmp_path: Path) -> None:
    path = write_iwpc(tmp_path, iwpc_rows(5, seed=2))
    path.with_name("iwpc.csv.sha256").write_text("0" * 64 + "  iwpc.csv\n")
    assert "does not match" in iwpc.verify(tmp_path)
    with pytest.raises(DataError, match="does not match"):
        iwpc.load(tmp_path)


def test_source_that_is_absent_says_what_to_do(tmp_path: Path) -> None:
    state = catalog.verify("iwpc", tmp_path)
    assert (state.present, state.verified) == (False, False)
    assert "rxplain data obtain iwpc" in state.problem
    with pytest.raises(DataError, match="use one of iwpc"):
        catalog.find_source("other")


@pytest.mark.slow
def test_obtaining_twice_changes_nothing(iwpc_source: Path) -> None:
    parquet = iwpc_source / "iwpc" / "iwpc.parquet"
    before = parquet.stat().st_mtime_ns
    assert catalog.obtain("iwpc", iwpc_source) == parquet
    assert parquet.stat().st_mtime_ns == before
    assert catalog.verify("iwpc", iwpc_source).n_patients == 6256
