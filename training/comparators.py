"""What a model must be better than: naive answers, published formulas, single blocks, everything joined.

`only:<block>` and `only:<block>+<block>` are ridge regressions on those blocks alone; `everything_linear` and
`everything_trees` read all columns joined without regard to blocks, the latter with LightGBM's defaults.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib import resources

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from features.errors import StudyError
from models.block_ridge import fit_block_logistic, fit_block_ridge, learned_settings
from models.estimators import TreeSettings, fit_trees
from training.design import Design
from training.learners import columns_of
from training.study import Study

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
Comparator = Callable[[Design, Study, Index, Index], Numbers]
ONLY = "only:"

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
    def dose(design: Design, _study: Study, train: Index, test: Index) -> Numbers:
        filled = with_body_size(design.formula, train)
        return iwpc_dose(formula, {name: column[test] for name, column in filled.items()})

    return dose


def _fixed(_design: Design, _study: Study, _train: Index, test: Index) -> Numbers:
    return np.full(len(test), FIXED_DOSE_MG_WEEK)


def _mean(design: Design, _study: Study, train: Index, test: Index) -> Numbers:
    return np.full(len(test), design.observed[train].mean())


def _site_recognizer(design: Design, _study: Study, train: Index, test: Index) -> Numbers:
    """Boosted trees on all that can be encoded, told what each site did not record."""
    if design.every is None:
        raise StudyError("the design holds nothing for 'site_recognizer'; name it in the study")
    known = ~np.isnan(design.every.values).all(axis=0)
    values, nothing_absent = design.every.values[:, known], np.zeros(int(known.sum()), dtype=bool)
    trees = fit_trees(values[train], np.sqrt(design.observed[train]), _RECOGNIZER, nothing_absent)
    return np.square(trees.margin(values[test]))


def _group_mean(design: Design, _study: Study, train: Index, test: Index) -> Numbers:
    """The mean of the training patients of the same group (such as the arm); of all where there is none."""
    means = {
        label: design.observed[train][design.within[train] == label].mean()
        for label in set(design.within[train])
    }
    overall = float(design.observed[train].mean())
    return np.array([means.get(label, overall) for label in design.within[test]], dtype=np.float64)


def _only(asked: Collection[str]) -> Comparator:
    """Ridge on some blocks or groups alone, each scaled by what it is worth to the training part."""

    def answer(design: Design, study: Study, train: Index, test: Index) -> Numbers:
        columns = columns_of(study, design.spec, {})
        pairs = list(zip(columns.blocks, columns.groups, strict=True))
        unknown = sorted(set(asked) - {label for pair in pairs for label in pair})
        if unknown:
            raise StudyError(f"comparator: no feature is of block or group {', '.join(unknown)}")
        chosen = np.array([not set(pair).isdisjoint(asked) for pair in pairs])
        groups = [group for (_, group), kept in zip(pairs, chosen.tolist(), strict=True) if kept]
        return _ridge_answers(design.matrix.values[:, chosen], groups, design, study, train, test)

    return answer


def _everything_linear(design: Design, study: Study, train: Index, test: Index) -> Numbers:
    values = design.matrix.values
    return _ridge_answers(values, ["all"] * values.shape[1], design, study, train, test)


def _ridge_answers(
    values: Numbers, blocks: list[str], design: Design, study: Study, train: Index, test: Index
) -> Numbers:
    outcome, is_binary = study.outcome.outcome(study.links[0]), study.outcome.is_binary
    observed, absent = design.observed[train], np.zeros(values.shape[1], dtype=bool)
    target = observed if is_binary else outcome.to_margin(observed)
    settings = learned_settings(values[train], target, blocks, is_binary, absent)
    fit = fit_block_logistic if is_binary else fit_block_ridge
    member = fit(values[train], target, blocks, settings, absent)
    return outcome.from_margin(member.margin(np.ascontiguousarray(values[test])))


def _everything_trees(design: Design, study: Study, train: Index, test: Index) -> Numbers:
    """LightGBM as it comes, on all columns joined."""
    kind = LGBMClassifier if study.outcome.is_binary else LGBMRegressor
    fitted = kind(random_state=study.seed, n_jobs=1, verbosity=-1)
    fitted.fit(design.matrix.values[train], design.observed[train])
    values = design.matrix.values[test]
    if study.outcome.is_binary:
        return np.asarray(fitted.booster_.predict(values, num_threads=1), dtype=np.float64)
    return np.asarray(fitted.predict(values), dtype=np.float64)


_COMPARATORS: Mapping[str, Comparator] = {
    "iwpc_pharmacogenetic": _formula("pharmacogenetic"),
    "iwpc_clinical": _formula("clinical"),
    "fixed_35": _fixed,
    "cohort_mean": _mean,
    "group_mean": _group_mean,
    "site_recognizer": _site_recognizer,
    "everything_linear": _everything_linear,
    "everything_trees": _everything_trees,
}


def comparator(name: str) -> Comparator:
    """The comparator of this name."""
    if name.startswith(ONLY):
        return _only(name.removeprefix(ONLY).split("+"))
    if name not in _COMPARATORS:
        raise StudyError(f"comparator '{name}' is not known; use {ONLY}<block> or {', '.join(_COMPARATORS)}")
    return _COMPARATORS[name]
