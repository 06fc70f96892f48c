"""How well a panel answers for unseen patients, drug by drug, beside a ridge and LightGBM for each drug."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from lightgbm import LGBMRegressor
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from features.cohort import Cohort
from features.errors import StudyError
from training.coverage import coverage_section
from training.design import Design
from training.evaluate import SMALLEST_CELL, Evaluation, study_splits
from training.holdout import LEVEL, LEVELS, MODEL, spread_out
from training.kin import kin_of
from training.panel import learn_panel, panel_part
from training.panel_figures import Repeat, difference_figure, drug_figures, panel_figures
from training.redraw import Rows, draws
from training.splits import Split
from training.study import Study
from training.study_parts import Protocol
from training.suspicions import overlaps, suspicions

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
Report = Callable[[int, int], None]
_PENALTIES = np.logspace(0, 5, 16)


@dataclass(frozen=True)
class HeldOutPanel:
    """One split's held-out patients: answers (n, drugs) by who gave them, and what the intervals held, those
    of 90% (n, drugs) and those of each of `LEVELS` (n, drugs, levels)."""

    split: Split
    answers: Mapping[str, Numbers]
    held: Numbers
    covered: Numbers
    weights: Mapping[str, float]


def evaluate_panel(
    study: Study, cohort: Cohort, design: Design, fingerprint: str, report: Report
) -> Evaluation:
    """Every protocol of the study on its population; `fingerprint` names the cohort in the document."""
    unknown = [name for name in study.comparators if name not in _COMPARATORS]
    if unknown:
        known = ", ".join(_COMPARATORS)
        raise StudyError(f"comparator '{unknown[0]}' is not one of a panel; use {known}")
    splits = study_splits(study, cohort, np.zeros(len(cohort)))
    held = spread_out(answer_panel_split, design, study, splits, lambda done: report(done, len(splits)))
    by_protocol = {p: [h for h in held if h.split.protocol == p.name] for p in study.protocols}
    outcomes = _outcomes(design)
    repeats = {
        p.name: {who: _repeats(p, own, who, outcomes.shape) for who in (MODEL, *study.comparators)}
        for p, own in by_protocol.items()
    }
    document: dict[str, object] = {
        "study": study.name,
        "study_sha256": study.sha256,
        "cohort_fingerprint": fingerprint,
        "n": len(cohort),
        "n_drugs": len(design.drugs),
        "leading": "spearman",
        "protocols": {
            name: {who: panel_figures(outcomes, own) for who, own in whos.items()}
            for name, whos in repeats.items()
        },
        "differences": {
            name: {w: difference_figure(outcomes, whos[MODEL], own) for w, own in whos.items() if w != MODEL}
            for name, whos in repeats.items()
        },
        "drugs": {n: drug_figures(outcomes, whos, design.drugs, MODEL) for n, whos in repeats.items()},
        "subgroups": {n: _subgroups(study, cohort, design, whos) for n, whos in repeats.items()},
        "sites": {},
        "wins": {},
        "choices": _choices(by_protocol),
    }
    document["wins"] = {name: _wins(found, study) for name, found in _mapping(document["drugs"]).items()}
    labels = {name: np.array([t or "not_recorded" for t in cohort.texts(name)]) for name in study.subgroups}
    document["calibration"] = {
        p.name: {"coverage": _coverage(own, outcomes, labels)} for p, own in by_protocol.items() if own
    }
    kin = kin_of(cohort)
    doubts = suspicions(study, cohort, design, kin)
    document["suspicions"] = {**doubts.document(), **overlaps(splits, len(cohort), {})}
    document["remarks"] = [*doubts.sentences(), *_remarks(document, study), *study.caveats]
    return Evaluation(document, _pairs(outcomes, next(iter(repeats.values()))[MODEL]))


def answer_panel_split(design: Design, study: Study, split: Split) -> HeldOutPanel:
    """Learns from the split's training part alone and answers every drug for those held out."""
    train, test = split.train, split.test
    strata = design.strata[test].tolist()
    lacking = sorted(set(strata) & design.masks.keys())
    learned = learn_panel(panel_part(design, study, train), study, study.seed, lacking)
    margins = learned.margins(np.ascontiguousarray(design.matrix.values[test]), strata)
    outcomes = _outcomes(design)
    value = study.outcome.outcome(study.links[0]).from_margin(margins)
    answers = {MODEL: value} | {
        name: _COMPARATORS[name](design, outcomes, train, test) for name in study.comparators
    }
    by_level = [learned.held(outcomes[test], margins, strata, level) for level in LEVELS]
    held = learned.held(outcomes[test], margins, strata, LEVEL)
    return HeldOutPanel(split, answers, held, np.stack(by_level, axis=2), learned.weights)


def _coverage(
    held: Sequence[HeldOutPanel], outcomes: Numbers, labels: Mapping[str, NDArray]
) -> dict[str, object]:
    """What intervals hold at several levels, over every drug of every patient held out."""
    patients = np.concatenate([np.repeat(h.split.test, outcomes.shape[1]) for h in held])
    covered = np.concatenate([h.covered.reshape(-1, len(LEVELS)) for h in held])
    observed = np.concatenate([outcomes[h.split.test].ravel() for h in held])
    known = ~np.isnan(observed)
    rows = Rows(len(outcomes), patients[known], observed[known], {}, covered[known])
    return coverage_section(rows, labels, draws(len(outcomes)))


def _outcomes(design: Design) -> Numbers:
    if design.outcomes is None:
        raise StudyError("the study has no panel")
    return design.outcomes


def _drug_mean(_design: Design, outcomes: Numbers, train: Index, test: Index) -> Numbers:
    return np.tile(np.nanmean(outcomes[train], axis=0), (len(test), 1))


def _ridge_each(design: Design, outcomes: Numbers, train: Index, test: Index) -> Numbers:
    """A ridge for each drug on median-filled standardised columns with indicators of what is missing."""
    answered = np.empty((len(test), outcomes.shape[1]))
    with threadpool_limits(1):
        for i, observed in enumerate(outcomes.T):
            rows = train[~np.isnan(observed[train])]
            fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
            fitted = make_pipeline(fill, StandardScaler(), RidgeCV(_PENALTIES))
            fitted.fit(design.matrix.values[rows], observed[rows])
            answered[:, i] = fitted.predict(design.matrix.values[test])
    return answered


def _lightgbm_each(design: Design, outcomes: Numbers, train: Index, test: Index) -> Numbers:
    """LightGBM as it comes, for each drug."""
    answered = np.empty((len(test), outcomes.shape[1]))
    for i, observed in enumerate(outcomes.T):
        rows = train[~np.isnan(observed[train])]
        fitted = LGBMRegressor(n_jobs=1, verbosity=-1, random_state=0)
        fitted.fit(design.matrix.values[rows], observed[rows])
        answered[:, i] = fitted.predict(design.matrix.values[test])
    return answered


_COMPARATORS: Mapping[str, Callable[[Design, Numbers, Index, Index], Numbers]] = {
    "drug_mean": _drug_mean,
    "ridge_each": _ridge_each,
    "lightgbm_each": _lightgbm_each,
}


def _repeats(
    protocol: Protocol, held: Sequence[HeldOutPanel], who: str, shape: tuple[int, ...]
) -> list[Repeat]:
    """Held-out answers put together where each patient is held out once: a repeat, or all groups."""
    found: dict[str, Repeat] = {}
    for h in held:
        name = h.split.name.partition(".")[0] if protocol.kind == "folds" else h.split.name
        name = "" if protocol.kind in ("group", "time") else name
        repeat = found.setdefault(name, Repeat(np.full(shape, np.nan), np.full(shape, np.nan)))
        repeat.answered[h.split.test] = h.answers[who]
        if who == MODEL:
            repeat.held[h.split.test] = h.held
    return list(found.values())


def _subgroups(
    study: Study, cohort: Cohort, design: Design, whos: Mapping[str, Sequence[Repeat]]
) -> dict[str, dict[str, object]]:
    """Figures by the study's variables, and by which modality patients lack."""
    lacking = np.array([s if s in design.masks else "complete" for s in design.strata.tolist()], dtype=object)
    texts = {name: np.array([t or "not_recorded" for t in cohort.texts(name)]) for name in study.subgroups}
    found: dict[str, dict[str, object]] = {}
    for variable, labels in {**texts, "modalities": lacking}.items():
        found[variable] = {}
        for level in sorted(set(labels.tolist())):
            chosen = labels == level
            if chosen.sum() >= SMALLEST_CELL:
                figures = {who: panel_figures(_outcomes(design), own, chosen) for who, own in whos.items()}
                found[variable][level] = {"n": int(chosen.sum()), **figures}
    return found


def _wins(drugs: Mapping, study: Study) -> dict[str, float]:
    """In which share of the drugs the model's correlation is higher than a comparator's."""
    shares = {}
    for name in study.comparators:
        pairs = [(d[MODEL].get("spearman"), d[name].get("spearman", 0.0)) for d in drugs.values()]
        better = [own > other for own, other in pairs if own is not None]
        shares[name] = round(float(np.mean(better)), 6) if better else 0.0
    return shares


def _choices(by_protocol: Mapping[Protocol, Sequence[HeldOutPanel]]) -> list[dict[str, object]]:
    """The mean weight that each block was given."""
    found = []
    for protocol, held in by_protocol.items():
        sums: Counter[str] = Counter()
        for h in held:
            sums.update(h.weights)
        means = {block: round(total / len(held), 6) for block, total in sums.items()}
        found.append({"protocol": protocol.name, "block_weights": means, "splits": len(held)})
    return found


def _remarks(document: Mapping, study: Study) -> list[str]:
    sentences = []
    for protocol, figures in document["differences"].items():
        own = document["protocols"][protocol][MODEL]["spearman"]["value"]
        for name, gain in figures.items():
            ends = f"{gain['value']:+.3f} ({gain['lower']:+.3f} to {gain['upper']:+.3f})"
            share = f"{document['wins'][protocol][name]:.0%} of {document['n_drugs']} drugs"
            sentences.append(
                f"{protocol}: mean Spearman {own:.3f}, {ends} against {name}; higher for {share}."
            )
    return sentences


def _mapping(found: object) -> Mapping:
    return found if isinstance(found, Mapping) else {}


def _pairs(outcomes: Numbers, repeats: Sequence[Repeat]) -> Numbers:
    known = ~(np.isnan(outcomes) | np.isnan(repeats[0].answered))
    return np.column_stack([outcomes[known], repeats[0].answered[known]])
