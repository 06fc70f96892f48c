"""Whom the study is about."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from features.errors import CohortError
from tests.training.conftest import iwpc_rows
from training.datasets.catalog import load
from training.datasets.iwpc_columns import to_cohort
from training.population import select_population
from training.study import load_study


def test_each_rule_leaves_out_whom_it_says() -> None:
    rows = iwpc_rows(8, seed=1)
    rows[1]["Therapeutic Dose of Warfarin"] = ""
    rows[2]["Age"] = ""
    rows[3]["Height (cm)"] = rows[3]["Weight (kg)"] = ""
    rows[4]["CYP2C9 consensus"] = "*1/*5"
    rows[5]["Therapeutic Dose of Warfarin"] = "315.0"
    rows[6]["Subject Reached Stable Dose of Warfarin"] = ""
    found = select_population(load_study("warfarin"), to_cohort(pd.DataFrame(rows)))
    assert found.cohort.patient_ids == ("made-up-0", "made-up-7")
    assert sum(n for _, n in found.exclusions) == 6
    assert all(n <= 1 for _, n in found.exclusions)


def test_nobody_left_is_refused() -> None:
    bare = pd.DataFrame(iwpc_rows(3, seed=1)).drop(columns="Therapeutic Dose of Warfarin")
    with pytest.raises(CohortError, match="none of the 3 patients"):
        select_population(load_study("warfarin"), to_cohort(bare))


@pytest.mark.slow
def test_the_published_population_has_5741_patients(iwpc_source: Path) -> None:
    study = load_study("warfarin")
    assert len(select_population(study, load(study.dataset, iwpc_source)).cohort) == 5741
