"""What a model must be better than: fixed dose, mean dose, the published formulas, a site recognizer."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from features.errors import StudyError
from models.estimators import TreeSettings, fit_trees
from training.design import Design

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
Comparator = Callable[[Design, Index, Index], Numbers]

FIXED_DOSE_MG_WEEK = 35.0
_HEIGHT, _WEIGHT = "clinical.height.value", "clinical.weight.value"
_SEX = "clinical.sex.is_male"
_RACES = ("clinical.race.is_asian", "clinical.race.is_black", "clinical.race.is_not_stated")
_RECOGNIZER = TreeSettings(num_leaves=15, n_trees=150, min_data_in_leaf=20, max_bin=63)


@cache
def iwpc_table(formula: str) -> Mapping[str, float]:
    """Coefficients of one IWPC 2009 formula by term (doi:10.1056/NEJMoa0809329)."""
    text = (resources.files("training") / "studies" / "iwpc_2009.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    known = dict.fromkeys(row["formula"] for row in rows)
    if formula not in known:
        raise StudyError(f"formula '{formula}' is not known; use one of {', '.join(known)}")
    return {row["term"]: float(row["coefficient"]) for row in rows if row["formula"] == formula}


def iwpc_dose(formula: str, inputs: Mapping[str, Numbers]) -> Numbers:
    """Weekly dose in mg by a published formula; height and weight must be there, the rest may be NaN."""
    terms = _terms(inputs)
    root = sum(coefficient * terms[term] for term, coefficient in iwpc_table(formula).items())
    return np.square(np.asarray(root, dtype=np.float64))


def _terms(inputs: Mapping[str, Numbers]) -> dict[str, Numbers]:
    vkorc1 = inputs["genotype.VKORC1.rs9923231_T_count"]
    two, three = inputs["genotype.CYP2C9.*2_count"], inputs["genotype.CYP2C9.*3_count"]
    diplotypes = {"*1/*2": (1, 0), "*1/*3": (0, 1), "*2/*2": (2, 0), "*2/*3": (1, 1), "*3/*3": (0, 2)}
    race = dict(zip(("asian", "black", "missing_or_mixed"), (inputs[name] for name in _RACES), strict=True))
    return {
        "intercept": np.ones(len(vkorc1)),
        "age_decade": np.floor(inputs["clinical.age.value"] / 10.0),
        "height_cm": inputs[_HEIGHT],
        "weight_kg": inputs[_WEIGHT],
        "vkorc1_A/G": (vkorc1 == 1) * 1.0,
        "vkorc1_A/A": (vkorc1 == 2) * 1.0,
        "vkorc1_unknown": np.isnan(vkorc1) * 1.0,
        **{f"cyp2c9_{d}": ((two == n2) & (three == n3)) * 1.0 for d, (n2, n3) in diplotypes.items()},
        "cyp2c9_unknown": np.isnan(two) * 1.0,
        **{f"race_{name}": indicator for name, indicator in race.items()},
        "enzyme_inducer": np.nan_to_num(inputs["medication.cyp_inducer.taken"]),
        "amiodarone": np.nan_to_num(inputs["medication.amiodarone.taken"]),
    }


def with_body_size(inputs: Mapping[str, Numbers], train: Index) -> dict[str, Numbers]:
    """Missing height and weight filled by regression on the other, sex and race, fitted on `train`."""
    filled = dict(inputs)
    for target, other in ((_HEIGHT, _WEIGHT), (_WEIGHT, _HEIGHT)):
        predictors = np.column_stack([inputs[name] for name in (other, _SEX, *_RACES)])
        known = ~np.isnan(predictors).any(axis=1)
        usable = train[(known & ~np.isnan(inputs[target]))[train]]
        fitted = LinearRegression().fit(predictors[usable], inputs[target][usable])
        missing = np.isnan(inputs[target])
        filled[target] = np.where(missing, np.nanmean(inputs[target][train]), inputs[target])
        answerable = missing & known
        if answerable.any():
            filled[target][answerable] = fitted.predict(predictors[answerable])
    return filled


def _formula(formula: str) -> Comparator:
    def dose(design: Design, train: Index, test: Index) -> Numbers:
        filled = with_body_size(design.formula, train)
        return iwpc_dose(formula, {name: column[test] for name, column in filled.items()})

    return dose


def _fixed(_design: Design, _train: Index, test: Index) -> Numbers:
    return np.full(len(test), FIXED_DOSE_MG_WEEK)


def _mean(design: Design, train: Index, test: Index) -> Numbers:
    return np.full(len(test), design.observed[train].mean())


def _site_recognizer(design: Design, train: Index, test: Index) -> Numbers:
    """Boosted trees on all that can be encoded, told what each site did not record."""
    nothing_absent = np.zeros(design.every.values.shape[1], dtype=bool)
    root = np.sqrt(design.observed[train])
    trees = fit_trees(design.every.values[train], root, _RECOGNIZER, nothing_absent)
    return np.square(trees.margin(design.every.values[test]))


COMPARATORS: Mapping[str, Comparator] = {
    "iwpc_pharmacogenetic": _formula("pharmacogenetic"),
    "iwpc_clinical": _formula("clinical"),
    "fixed_35": _fixed,
    "cohort_mean": _mean,
    "site_recognizer": _site_recognizer,
}
