"""The warfarin study written plainly: pandas, scikit-learn and LightGBM as they come, on the same splits.

For each split it does as the study does. Link (root or log) and the weights (in tenths) of a Huber
regression and a LightGBM are chosen by the mean absolute error in three inner folds that keep sites
together; both are fitted again on the whole training part. 90% intervals come from out-of-fold residuals by
race, and for patients without CYP2C9, VKORC1 or both from the same inner models with those columns emptied.
Every comparator of the study answers. At the end it tells everybody's error by protocol, race and sex.

There are two ways to choose. `by_grid_search` is scikit-learn's own: GridSearchCV over a VotingRegressor,
which fits both members anew for every weight. `by_blending` is that of somebody who minds the time: each
member is fitted once a link and fold, and weights are sought among the answers. Encoded patients, splits
and published formulas are the study's, so encoding is on its account alone. Splits go to two processes, and
each LightGBM has one thread.

What it does not do, and the study does: site intercepts in the regression, the one-standard-error rule,
trees tuned for few patients; and of the document calibration, abstention, decision, equity and transport.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from lightgbm import LGBMRegressor
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import HuberRegressor
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from training.comparators import comparator
from training.prepared import Prepared
from training.splits import Split
from training.study import Study

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
Margin = Callable[[pd.DataFrame], Numbers]
LINKS: Mapping[str, tuple[Callable[[Numbers], Numbers], Callable[[Numbers], Numbers]]] = {
    "root": (np.sqrt, np.square),
    "log": (np.log, np.exp),
}
WEIGHTS = [(1.0 - tenth / 10, tenth / 10) for tenth in range(11)]
_RACE, _RACES, _SMALLEST = "race", "clinical.race.", 50


@dataclass(frozen=True)
class PlainCohort:
    """The patients as tables: what the model reads, and what the site recogniser reads."""

    study: Study
    prepared: Prepared
    table: pd.DataFrame
    every: pd.DataFrame

    @property
    def dose(self) -> Numbers:
        """What was observed (n,)."""
        return self.prepared.design.observed


@dataclass(frozen=True)
class Chosen:
    """A link, the margin by everybody's model, and by each inner fold's for the patients it had not seen."""

    link: str
    whole: Margin
    inner: Sequence[tuple[Index, Margin]]


Choose = Callable[["PlainCohort", Index], Chosen]


@dataclass(frozen=True)
class PlainRun:
    """Seconds that splits took, on the clock and of processors, held-out patients' answers, and figures by
    protocol and group."""

    seconds: float
    processor: float
    answers: pd.DataFrame
    figures: pd.DataFrame

    def alone(self, protocol: str) -> dict[str, dict[str, float]]:
        """By split of a protocol the model's mean absolute error and coverage."""
        own = self.answers[self.answers["protocol"] == protocol]
        error = (own["model"] - own["dose"]).abs()
        told = pd.DataFrame({"mae": error, "coverage90": own["covered"]}).groupby(own["split"]).mean()
        return {str(name): figures.to_dict() for name, figures in told.iterrows()}


def plain_cohort(study: Study, prepared: Prepared) -> PlainCohort:
    """The study's encoded patients as data frames, race as text."""
    matrix = prepared.design.matrix
    table = pd.DataFrame(matrix.values, columns=list(matrix.names))
    table = table.drop(columns=[name for name in table if name.startswith(_RACES)])
    table[_RACE] = [text or "not_recorded" for text in prepared.cohort.texts(_RACE).tolist()]
    every = prepared.design.every
    values = matrix.values if every is None else every.values
    return PlainCohort(study, prepared, table, pd.DataFrame(values).dropna(axis=1, how="all"))


def plain_study(cohort: PlainCohort, splits: Sequence[Split], choose: Choose) -> PlainRun:
    """These splits in two processes, whose start is not counted."""
    with Parallel(n_jobs=2) as pool:
        pool(delayed(plain_cohort)(cohort.study, cohort.prepared) for _ in range(2))
        began, here = time.perf_counter(), time.process_time()
        answered = pool(delayed(_answers)(cohort, choose, split) for split in splits)
        answers = pd.concat([own for own, _ in answered], ignore_index=True)
        figures = _figures(cohort, answers)
        there = sum(seconds for _, seconds in answered)
        return PlainRun(time.perf_counter() - began, time.process_time() - here + there, answers, figures)


def by_grid_search(cohort: PlainCohort, train: Index) -> Chosen:
    """Link and weights by GridSearchCV; the intervals' models by fitting the best once more in every fold."""
    table, dose, sites = _part(cohort, train)
    vote = VotingRegressor([("linear", _linear(cohort)), ("trees", _trees(cohort))])
    grid = [
        {"func": [there], "inverse_func": [back], "regressor__weights": WEIGHTS}
        for there, back in LINKS.values()
    ]
    search = GridSearchCV(
        TransformedTargetRegressor(vote), grid, scoring="neg_mean_absolute_error", cv=GroupKFold(3)
    )
    search.fit(table, dose, groups=sites)
    best = search.best_estimator_
    link = next(name for name, (there, _) in LINKS.items() if there is best.func)
    inner = [(held, model.regressor_.predict) for held, model in _folds(best, table, dose, sites)]
    return Chosen(link, best.regressor_.predict, inner)


def by_blending(cohort: PlainCohort, train: Index) -> Chosen:
    """Link and weights sought in the out-of-fold answers of each member, fitted once a link and fold."""
    table, dose, sites = _part(cohort, train)
    members = (_linear(cohort), _trees(cohort))
    fitted = {
        link: [_folds(member, table, there(dose), sites) for member in members]
        for link, (there, _) in LINKS.items()
    }
    errors = {}
    for link, folds in fitted.items():
        margins = np.column_stack([_out_of_fold(table, own) for own in folds])
        errors |= {(link, w): mean_absolute_error(dose, LINKS[link][1](margins @ w)) for w in WEIGHTS}
    link, weights = min(errors, key=lambda option: errors[option])
    whole = [member.fit(table, LINKS[link][0](dose)).predict for member in members]
    linear, trees = fitted[link]
    inner = [
        (held, _blend([one.predict, other.predict], weights))
        for (held, one), (_, other) in zip(linear, trees, strict=True)
    ]
    return Chosen(link, _blend(whole, weights), inner)


def _blend(members: Sequence[Margin], weights: Sequence[float]) -> Margin:
    return lambda table: np.average([margin(table) for margin in members], axis=0, weights=weights)


def _part(cohort: PlainCohort, train: Index) -> tuple[pd.DataFrame, Numbers, NDArray]:
    return cohort.table.iloc[train], cohort.dose[train], cohort.prepared.design.inner[train].astype(str)


def _folds(
    model: object, table: pd.DataFrame, target: Numbers, sites: NDArray
) -> list[tuple[Index, Pipeline]]:
    """Each inner fold's held-out patients and the model that learned from the others."""
    found = cross_validate(
        model,
        table,
        target,
        groups=sites,
        cv=GroupKFold(3),
        scoring="neg_mean_absolute_error",
        return_estimator=True,
        return_indices=True,
    )
    return list(zip(found["indices"]["test"], found["estimator"], strict=True))


def _out_of_fold(table: pd.DataFrame, folds: Sequence[tuple[Index, Pipeline]]) -> Numbers:
    margins = np.empty(len(table))
    for held, model in folds:
        margins[held] = model.predict(table.iloc[held])
    return margins


def _linear(cohort: PlainCohort) -> Pipeline:
    asked = cohort.study.linear
    if asked is None:
        raise ValueError("the plain study is of studies with a linear learner")
    huber = HuberRegressor(epsilon=asked.epsilon, alpha=asked.alpha, max_iter=2000)
    return make_pipeline(_columns(cohort, SimpleImputer(strategy="median")), StandardScaler(), huber)


def _trees(cohort: PlainCohort) -> Pipeline:
    """LightGBM's defaults, on one thread."""
    boosted = LGBMRegressor(n_jobs=1, verbosity=-1, random_state=cohort.study.seed)
    return make_pipeline(_columns(cohort, "passthrough"), boosted)


def _columns(cohort: PlainCohort, measured: object) -> ColumnTransformer:
    """Silence read as no where the study says so, race as indicators, the rest as `measured` has it."""
    silent = [name for name in cohort.table if name in cohort.study.spec.absent]
    rest = [name for name in cohort.table if name not in (*silent, _RACE)]
    no = SimpleImputer(strategy="constant", fill_value=0.0)
    races = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer([("rest", measured, rest), ("no", no, silent), ("race", races, [_RACE])])


def _answers(cohort: PlainCohort, choose: Choose, split: Split) -> tuple[pd.DataFrame, float]:
    """One row for each held-out patient: what everybody answered, and whether the interval held the dose.

    With the processor's seconds that it took.
    """
    began = time.process_time()
    with threadpool_limits(1):
        chosen = choose(cohort, split.train)
        there, back = LINKS[chosen.link]
        margin = chosen.whole(cohort.table.iloc[split.test])
        low, high = _ends(cohort, chosen, split).T
        observed = there(cohort.dose[split.test])
        held = (margin + low <= observed) & (observed <= margin + high)
        answers = pd.DataFrame(
            {
                "protocol": split.protocol,
                "split": split.name,
                "patient": split.test,
                "dose": cohort.dose[split.test],
                "covered": held * 100.0,
                "model": back(margin),
                **{name: _comparison(name, cohort, split) for name in cohort.study.comparators},
            }
        )
        return answers, time.process_time() - began


def _ends(cohort: PlainCohort, chosen: Chosen, split: Split) -> Numbers:
    """The 5% and 95% quantiles (n_test, 2) of the residuals of each held-out patient's stratum."""
    design = cohort.prepared.design
    table, observed = cohort.table.iloc[split.train], LINKS[chosen.link][0](cohort.dose[split.train])
    emptied = {"": table} | {
        name: table.assign(**dict.fromkeys(columns, np.nan)) for name, columns in design.masks.items()
    }
    residuals = {name: observed.copy() for name in emptied}
    for held, margin in chosen.inner:
        for name, own in emptied.items():
            residuals[name][held] -= margin(own.iloc[held])
    strata = design.strata[split.train]
    for stratum in set(strata.tolist()) - set(design.masks):
        if (strata == stratum).sum() >= _SMALLEST:
            residuals[stratum] = residuals[""][strata == stratum]
    ends = {name: np.quantile(own, [0.05, 0.95]) for name, own in residuals.items()}
    return np.array([ends.get(stratum, ends[""]) for stratum in design.strata[split.test]])


def _comparison(name: str, cohort: PlainCohort, split: Split) -> Numbers:
    """A comparator's answers; the site recogniser by LightGBM's own interface."""
    if name != "site_recognizer":
        return comparator(name)(cohort.prepared.design, cohort.study, split.train, split.test)
    trees = LGBMRegressor(n_estimators=150, num_leaves=15, n_jobs=1, verbosity=-1)
    trees.fit(cohort.every.iloc[split.train], np.sqrt(cohort.dose[split.train]))
    return np.square(trees.predict(cohort.every.iloc[split.test]))


def _figures(cohort: PlainCohort, answers: pd.DataFrame) -> pd.DataFrame:
    """Mean absolute error, share within 20% and coverage by protocol, who answered, and group of patients."""
    who = ["model", *cohort.study.comparators]
    error = answers[who].sub(answers["dose"], axis=0).abs()
    within = 100.0 * error.le(0.2 * answers["dose"], axis=0)
    told = pd.concat({"mae": error, "within20": within, "coverage90": answers[["covered"]]}, axis=1)
    found = {"everybody": told.groupby([answers["protocol"]]).mean()}
    for variable in cohort.study.subgroups:
        labels = pd.Series(cohort.prepared.cohort.texts(variable)[answers["patient"]]).fillna("not_recorded")
        found |= {str(level): own.groupby(answers["protocol"]).mean() for level, own in told.groupby(labels)}
    return pd.concat(found, names=["group"])
