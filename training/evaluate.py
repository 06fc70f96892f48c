"""How well the study's model answers for unseen patients, beside its comparators, as one document."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from features.errors import Fault, StudyError
from training.comparators import COMPARATORS
from training.design import Design
from training.holdout import MODEL, HeldOut, answer_splits
from training.remarks import remarks
from training.splits import protocol_splits, twin_groups
from training.statistics import Figure, clustered_figures, metrics, repeated_split_figures, tally
from training.study import Protocol, Study

Numbers = NDArray[np.float64]
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


def evaluate(study: Study, cohort: Cohort, design: Design, fingerprint: str, report: Report) -> Evaluation:
    """Every protocol of the study on its population; `fingerprint` names the cohort in the document."""
    unknown = [name for name in study.comparators if name not in COMPARATORS]
    if unknown:
        remedy = f"use {', '.join(COMPARATORS)}"
        faults = [Fault("comparators", f"'{name}' is not known", remedy) for name in unknown]
        raise StudyError(f"{len(faults)} faults in the study", faults)
    twins = twin_groups(cohort)
    splits = [split for protocol in study.protocols for split in protocol_splits(protocol, cohort, twins)]
    held_out = answer_splits(design, study, splits, lambda done: report(done, len(splits)))
    by_protocol = {p: [h for h in held_out if h.split.protocol == p.name] for p in study.protocols}
    return Evaluation(_document(study, cohort, design, fingerprint, by_protocol), _pairs(design, by_protocol))


def _pairs(design: Design, by_protocol: Mapping[Protocol, Sequence[HeldOut]]) -> Numbers:
    last = list(by_protocol.values())[-1]
    return np.vstack([np.column_stack([design.observed[h.split.test], h.answers[MODEL]]) for h in last])


def _document(
    study: Study,
    cohort: Cohort,
    design: Design,
    fingerprint: str,
    by_protocol: Mapping[Protocol, Sequence[HeldOut]],
) -> dict[str, object]:
    who = (MODEL, *study.comparators)
    levels = _levels(study, cohort, design)
    document: dict[str, object] = {
        "study": study.name,
        "study_sha256": study.sha256,
        "cohort_fingerprint": fingerprint,
        "n": len(cohort),
        "protocols": {p.name: _figures(p, held, design, who, None) for p, held in by_protocol.items()},
        "subgroups": {p.name: _subgroups(p, held, design, who, levels) for p, held in by_protocol.items()},
        "sites": _sites(design, by_protocol),
        "wins": {p.name: _wins(design, held, study.comparators) for p, held in by_protocol.items()},
        "choices": _choices(by_protocol),
    }
    return {**document, "remarks": remarks(study, document)}


def _figures(
    protocol: Protocol,
    held: Sequence[HeldOut],
    design: Design,
    who: Sequence[str],
    chosen: NDArray[np.bool_] | None,
) -> dict[str, dict[str, Figure]]:
    figures = {}
    for name in who:
        tallies = np.array([_tally(design, h, name, chosen) for h in held])
        if protocol.kind == "random":
            figures[name] = repeated_split_figures(tallies, protocol.test_share)
        else:
            figures[name] = clustered_figures(tallies)
    return figures


def _tally(design: Design, held: HeldOut, who: str, chosen: NDArray[np.bool_] | None) -> Numbers:
    rows = np.ones(len(held.split.test), dtype=bool) if chosen is None else chosen[held.split.test]
    ends = (held.lower[rows], held.upper[rows]) if who == MODEL else None
    return tally(design.observed[held.split.test][rows], held.answers[who][rows], ends)


def _levels(study: Study, cohort: Cohort, design: Design) -> dict[str, NDArray]:
    """Each patient's level of each variable that figures are told by."""
    levels = {
        name: np.array([text or "not_recorded" for text in cohort.texts(name)]) for name in study.subgroups
    }
    cuts = np.quantile(design.observed, [1 / 3, 2 / 3])
    thirds = np.array(THIRDS)[np.searchsorted(cuts, design.observed)]
    return {**levels, "dose_third": thirds}


def _subgroups(
    protocol: Protocol,
    held: Sequence[HeldOut],
    design: Design,
    who: Sequence[str],
    levels: Mapping[str, NDArray],
) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for variable, labels in levels.items():
        found[variable] = {}
        for level in dict.fromkeys([*(t for t in THIRDS if t in labels), *sorted(set(labels.tolist()))]):
            chosen = labels == level
            if chosen.sum() >= SMALLEST_CELL:
                figures = _figures(protocol, held, design, who, chosen)
                found[variable][level] = {"n": int(chosen.sum()), **figures}
    return found


def _sites(design: Design, by_protocol: Mapping[Protocol, Sequence[HeldOut]]) -> dict[str, dict[str, object]]:
    """Figures of each group held out, of the protocols that hold groups out."""
    sites: dict[str, dict[str, object]] = {}
    held_groups = (h for protocol, held in by_protocol.items() if protocol.kind == "group" for h in held)
    for h in held_groups:
        if len(h.split.test) < SMALLEST_CELL:
            continue
        own = {name: metrics(_tally(design, h, name, None)) for name in h.answers}
        model = {metric: float(value[0]) for metric, value in own[MODEL].items()}
        told = {metric: round(value, 6) for metric, value in model.items() if np.isfinite(value)}
        others = {name: round(float(found["mae"][0]), 6) for name, found in own.items() if name != MODEL}
        sites[h.split.name] = {"n": len(h.split.test), **told, "comparators_mae": others}
    return sites


def _wins(design: Design, held: Sequence[HeldOut], comparators: Sequence[str]) -> dict[str, float]:
    """In which share of the splits the model's mean absolute error is lower than a comparator's."""

    def error(h: HeldOut, name: str) -> float:
        return float(np.abs(h.answers[name] - design.observed[h.split.test]).mean())

    shares = {name: float(np.mean([error(h, MODEL) < error(h, name) for h in held])) for name in comparators}
    return {name: round(share, 6) for name, share in shares.items()}


def _choices(by_protocol: Mapping[Protocol, Sequence[HeldOut]]) -> list[dict[str, object]]:
    """What the training parts chose, and in how many splits."""
    found = []
    for protocol, held in by_protocol.items():
        counted = Counter(json.dumps(h.choice, sort_keys=True) for h in held)
        found += [{"protocol": protocol.name, **json.loads(c), "splits": n} for c, n in counted.most_common()]
    return found
