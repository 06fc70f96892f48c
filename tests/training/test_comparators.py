"""The published formulas answer as published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.errors import StudyError
from features.matrix import Feature, FeatureMatrix
from training.comparators import comparator, iwpc_dose, iwpc_table, with_body_size
from training.datasets.catalog import load
from training.design import FORMULA_INPUTS, Design, build_design
from training.kin import twin_groups
from training.population import select_population
from training.splits import protocol_splits
from training.statistics import metrics, tally
from training.study import Protocol, load_study


def patient(**changed: float) -> dict[str, np.ndarray]:
    facts = dict.fromkeys(FORMULA_INPUTS, 0.0)
    facts |= {"clinical.age.value": 65.0, "clinical.height.value": 170.0, "clinical.weight.value": 70.0}
    short = {name.split(".", 1)[1].replace("*", ""): name for name in FORMULA_INPUTS}
    facts |= {short[name]: value for name, value in changed.items()}
    return {name: np.array([value]) for name, value in facts.items()}


@pytest.mark.parametrize(
    ("changed", "root"),
    [
        ({}, 5.6044 - 0.2614 * 6 + 0.0087 * 170 + 0.0128 * 70),
        ({"VKORC1.rs9923231_T_count": 1.0}, 6.411 - 0.8677),
        ({"VKORC1.rs9923231_T_count": np.nan, "CYP2C9.2_count": np.nan, "CYP2C9.3_count": np.nan}, 5.7068),
        ({"CYP2C9.2_count": 1.0, "CYP2C9.3_count": 1.0}, 6.411 - 1.9206),
        ({"CYP2C9.3_count": 2.0, "race.is_asian": 1.0}, 6.411 - 2.3312 - 0.1092),
        ({"cyp_inducer.taken": 1.0, "amiodarone.taken": np.nan}, 6.411 + 1.1816),
    ],
)
def test_pharmacogenetic_formula_worked_by_hand(changed: dict[str, float], root: float) -> None:
    assert iwpc_dose("pharmacogenetic", patient(**changed))[0] == pytest.approx(root**2, abs=1e-9)


def test_clinical_formula_worked_by_hand() -> None:
    root = 4.0376 - 0.2546 * 6 + 0.0118 * 170 + 0.0134 * 70 + 0.4060 - 0.5695
    found = iwpc_dose("clinical", patient(**{"race.is_black": 1.0, "amiodarone.taken": 1.0}))
    assert found[0] == pytest.approx(root**2, abs=1e-9)


def test_tables_hold_the_published_terms() -> None:
    assert len(iwpc_table("pharmacogenetic")) == 18
    assert len(iwpc_table("clinical")) == 9


def test_unknown_formula_is_refused_with_the_known_ones() -> None:
    with pytest.raises(StudyError, match=r"'pharmacogenomic' is not known; use one of .*pharmacogenetic"):
        iwpc_dose("pharmacogenomic", patient())


def test_missing_height_is_told_by_weight_and_learned_from_training_patients_alone() -> None:
    rng = np.random.default_rng(0)
    inputs = {name: np.zeros(50) for name in FORMULA_INPUTS}
    inputs["clinical.weight.value"] = rng.normal(75, 10, 50)
    inputs["clinical.height.value"] = 100.0 + inputs["clinical.weight.value"]
    inputs["clinical.height.value"][40] = np.nan
    inputs["clinical.height.value"][41:] = 500.0
    filled = with_body_size(inputs, np.arange(40))
    assert filled["clinical.height.value"][40] == pytest.approx(100.0 + inputs["clinical.weight.value"][40])
    assert np.isnan(inputs["clinical.height.value"][40])


@pytest.mark.slow
def test_published_figures_are_reproduced(iwpc_source: Path) -> None:
    """Figures of the table 'Published figures to stand beside', recomputed on 100 random 80/20 splits."""
    study = load_study("warfarin")
    cohort = select_population(study, load(study.dataset, iwpc_source)).cohort
    design = build_design(study, cohort)
    splits = protocol_splits(Protocol("random", "random", splits=100), cohort, twin_groups(cohort))
    published = {
        "iwpc_pharmacogenetic": (8.53, 0.465, 46.6),
        "iwpc_clinical": (10.21, 0.280, 38.8),
        "fixed_35": (13.22, -0.04, 30.4),
    }
    for name, (mae, r2, within20) in published.items():
        answer = comparator(name)
        found = metrics(
            np.array(
                [tally(design.observed[s.test], answer(design, study, s.train, s.test), None) for s in splits]
            )
        )
        assert found["mae"].mean() == pytest.approx(mae, abs=0.02)
        assert found["r2"].mean() == pytest.approx(r2, abs=0.01)
        assert found["within20"].mean() == pytest.approx(within20, abs=0.3)


class _Every(Design):
    """As much of a design as the site recogniser reads."""

    def __init__(self, values: np.ndarray, observed: np.ndarray) -> None:
        features = tuple(Feature(f"f{i}", "made_up", None, "1", "") for i in range(values.shape[1]))
        ids = tuple(f"p{i}" for i in range(len(values)))
        object.__setattr__(self, "observed", observed)
        object.__setattr__(self, "every", FeatureMatrix(ids, features, values))


def test_columns_that_nobody_has_recorded_are_nothing_to_the_site_recogniser() -> None:
    rng = np.random.default_rng(2)
    values = np.where(rng.random((400, 4)) < 0.2, np.nan, rng.normal(size=(400, 4)))
    observed = np.square(5.0 + np.nan_to_num(values[:, 1]).clip(-3.0, 3.0))
    empty = np.full(400, np.nan)
    wide = np.column_stack([empty, values[:, :3], empty, values[:, 3]])
    told = load_study("warfarin"), np.arange(300), np.arange(300, 400)
    few, many = (comparator("site_recognizer")(_Every(own, observed), *told) for own in (values, wide))
    assert np.array_equal(few, many)
    assert np.corrcoef(few, observed[300:])[0, 1] > 0.9
