"""How well the study's model answers for unseen patients, beside its comparators, as one document."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from training.answers import answer_sections
from training.biomarkers import biomarkers
from training.comparators import comparator
from training.design import Design
from training.equity_remarks import equity_remarks, undeclared_remarks
from training.external import Surroundings, surrounded
from training.holdout import MODEL, HeldOut, answer_splits
from training.kin import kin_groups, kin_of
from training.learning_curve import learning_curve_section
from training.leave_out import equity_of
from training.measures import Measures, measures_of
from training.randomisation import randomisation, randomisation_remarks
from training.remarks import remarks, simple_remarks
from training.splits import Split, protocol_splits
from training.study import Study
from training.study_parts import Protocol
from training.suspicions import overlaps, suspicions
from training.transport import transport, transport_remarks

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
Report = Callable[[int, int], None]
SMALLEST_CELL = 10
THIRDS = ("low", "middle", "high")


@dataclass(frozen=True)
class Evaluation:
    """The figures as a document (see `to_json`), and held-out (observed, answered) pairs for figures.

    `pairs` (n, 2) are of the last protocol, without ids.
    """

    document: Mapping[str, object]
    pairs: Numbers

    def to_json(self) -> str:
        """`protocols.<name>.<who>.<metric>` with value, lower, upper; subgroups, sites, wins, remarks."""
        return json.dumps(self.document, indent=1, allow_nan=False)


def evaluate(
    study: Study,
    cohort: Cohort,
    design: Design,
    fingerprint: str,
    report: Report,
    others: Mapping[str, Cohort] = MappingProxyType({}),
) -> Evaluation:
    """Every protocol of the study on its population; `fingerprint` names the cohort in the document.

    `others` are the patients of each protocol of kind `external`.
    """
    for name in study.comparators:
        comparator(name)
    kin, around = kin_of(cohort), surrounded(study, cohort, design, others)
    own = study_splits(study, cohort, design.observed, kin.whole)
    splits = [*own, *around.splits]
    held_out = answer_splits(around.design, study, splits, lambda done: report(done, len(splits)))
    by_protocol = {p: [h for h in held_out if h.split.protocol == p.name] for p in study.protocols}
    document = _document(study, around, fingerprint, by_protocol)
    curve = learning_curve_section(study, design, own, measures_of(study, design))
    document |= {"learning_curve": curve} if curve else {}
    doubts = suspicions(study, cohort, design, kin)
    document["suspicions"] = {**doubts.document(), **overlaps(own, len(cohort), around.left_out)}
    told = [*doubts.sentences(), *simple_remarks(document)]
    if study.equity is not None:
        document["equity"] = fair = equity_of(study, study.equity, cohort, design, _first_own(by_protocol))
        told += equity_remarks(study, fair)
    told += undeclared_remarks(study)
    if study.biomarkers is not None:
        document["biomarkers"] = biomarkers(study, design, subgroup_levels(study, cohort))
    if study.randomisation is not None:
        document["randomisation"] = found = randomisation(study, cohort, design, lambda _done: None)
        told += randomisation_remarks(study, found)
    document["remarks"] = [*told, *_listed(document["remarks"])]
    return Evaluation(document, _pairs(around.design, by_protocol))


def _first_own(by_protocol: Mapping[Protocol, Sequence[HeldOut]]) -> Sequence[HeldOut]:
    """The held-out answers of the first protocol that holds out the study's own patients."""
    return next(held for protocol, held in by_protocol.items() if protocol.kind != "external")


def _listed(found: object) -> Sequence[object]:
    return found if isinstance(found, list) else []


def study_splits(study: Study, cohort: Cohort, observed: Numbers, kin: Index | None = None) -> list[Split]:
    """Every split of every protocol of the study that holds out its own patients, in order."""
    whole = kin_groups(cohort) if kin is None else kin
    return [
        split for protocol in study.protocols for split in protocol_splits(protocol, cohort, whole, observed)
    ]


def _pairs(design: Design, by_protocol: Mapping[Protocol, Sequence[HeldOut]]) -> Numbers:
    """(observed, answered) of the last protocol; of repeated folds each patient once, answers averaged."""
    protocol, held = list(by_protocol.items())[-1]
    pairs = np.vstack([np.column_stack([design.observed[h.split.test], h.answers[MODEL]]) for h in held])
    if protocol.kind != "folds":
        return pairs
    patients = np.concatenate([h.split.test for h in held])
    counts = np.bincount(patients)
    sums = np.bincount(patients, weights=pairs[:, 1])
    seen = np.flatnonzero(counts)
    return np.column_stack([design.observed[seen], sums[seen] / counts[seen]])


def _document(
    study: Study,
    around: Surroundings,
    fingerprint: str,
    by_protocol: Mapping[Protocol, Sequence[HeldOut]],
) -> dict[str, object]:
    who, design = (MODEL, *study.comparators), around.design
    measures = measures_of(study, design)
    levels = _levels(study, around)
    document: dict[str, object] = {
        "study": study.name,
        "study_sha256": study.sha256,
        "cohort_fingerprint": fingerprint,
        "n": len(around.cohorts[0]),
        "leading": measures.leading,
        "protocols": {
            p.name: {name: measures.figures(p, held, name, None) for name in who}
            for p, held in by_protocol.items()
        },
        "differences": {
            p.name: {name: measures.gain(p, held, name) for name in study.comparators}
            for p, held in by_protocol.items()
        },
        "subgroups": {p.name: _subgroups(p, held, measures, who, levels) for p, held in by_protocol.items()},
        "sites": _sites(measures, by_protocol),
        "splits": {p.name: [_alone(measures, h) for h in held] for p, held in by_protocol.items()},
        "wins": {p.name: _wins(measures, held, study.comparators) for p, held in by_protocol.items()},
        "choices": _choices(by_protocol),
    }
    document |= answer_sections(study, design, by_protocol, levels, measures, document["protocols"])
    section = transport(study, design, [h for held in by_protocol.values() for h in held])
    document["remarks"] = [*transport_remarks(study, section), *remarks(study, document)]
    return document | ({} if section is None else {"transport": section})


def subgroup_levels(study: Study, cohort: Cohort) -> dict[str, NDArray]:
    """Each patient's level of each of the study's subgroups."""
    return {
        name: np.array([text or "not_recorded" for text in cohort.texts(name)]) for name in study.subgroups
    }


def _levels(study: Study, around: Surroundings) -> dict[str, NDArray]:
    """Each patient's level of each variable that figures are told by."""
    each = [subgroup_levels(study, cohort) for cohort in around.cohorts]
    levels = {name: np.concatenate([own[name] for own in each]) for name in study.subgroups}
    if study.outcome.is_binary:
        return levels
    observed = around.design.observed
    cuts = np.quantile(observed, [1 / 3, 2 / 3])
    thirds = np.array(THIRDS)[np.searchsorted(cuts, observed)]
    return {**levels, "dose_third": thirds}


def _subgroups(
    protocol: Protocol,
    held: Sequence[HeldOut],
    measures: Measures,
    who: Sequence[str],
    levels: Mapping[str, NDArray],
) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for variable, labels in levels.items():
        found[variable] = {}
        for level in dict.fromkeys([*(t for t in THIRDS if t in labels), *sorted(set(labels.tolist()))]):
            chosen = labels == level
            if chosen.sum() >= SMALLEST_CELL:
                figures = {name: measures.figures(protocol, held, name, chosen) for name in who}
                found[variable][level] = {"n": int(chosen.sum()), **figures}
    return found


def _sites(
    measures: Measures, by_protocol: Mapping[Protocol, Sequence[HeldOut]]
) -> dict[str, dict[str, object]]:
    """Figures of each group held out, of the protocols that hold groups out."""
    sites: dict[str, dict[str, object]] = {}
    held_groups = (h for protocol, held in by_protocol.items() if protocol.kind == "group" for h in held)
    for h in held_groups:
        if len(h.split.test) < SMALLEST_CELL:
            continue
        own = {name: measures.alone(h, name) for name in h.answers}
        finite = {metric: value for metric, value in own[MODEL].items() if np.isfinite(value)}
        told = {metric: round(value, 6) for metric, value in finite.items()}
        leading = measures.leading
        others = {name: round(found[leading], 6) for name, found in own.items() if name != MODEL}
        sites[h.split.name] = {"n": len(h.split.test), **told, f"comparators_{leading}": others}
    return sites


def _alone(measures: Measures, held: HeldOut) -> dict[str, object]:
    """One split: how many learned and were held out, and everybody's figures where enough were."""
    sizes = {"name": held.split.name, "n_train": len(held.split.train), "n_test": len(held.split.test)}
    if len(held.split.test) < SMALLEST_CELL:
        return {**sizes, "figures": {}}
    found = {who: measures.alone(held, who) for who in held.answers}
    told = {who: {m: round(v, 6) for m, v in own.items() if np.isfinite(v)} for who, own in found.items()}
    return {**sizes, "figures": told}


def _wins(measures: Measures, held: Sequence[HeldOut], comparators: Sequence[str]) -> dict[str, float]:
    """In which share of the splits the model answers better than a comparator, by the leading metric."""
    shares = {
        name: float(np.mean([measures.is_better(h, MODEL, name) for h in held])) for name in comparators
    }
    return {name: round(share, 6) for name, share in shares.items()}


def _choices(by_protocol: Mapping[Protocol, Sequence[HeldOut]]) -> list[dict[str, object]]:
    """What the training parts chose, and in how many splits."""
    found = []
    for protocol, held in by_protocol.items():
        counted = Counter(json.dumps(h.choice, sort_keys=True) for h in held)
        found += [{"protocol": protocol.name, **json.loads(c), "splits": n} for c, n in counted.most_common()]
    return found
