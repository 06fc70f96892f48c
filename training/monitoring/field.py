"""How a model does in the field: what became of patients it answered, in the order they came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.answers import Answers
from models.calibration import fit_calibration
from models.outcome import BinaryOutcome
from models.reference import SMALLEST_CELL
from training.discrimination import auc
from training.monitoring.alarms import Alarm, coverage_alarm, rate_alarm

Numbers = NDArray[np.float64]
_CHANCE = 0.05


@dataclass(frozen=True)
class Seen:
    """Patients whose outcome came in, in order: answers, what was observed (n,), and who they are by
    variable."""

    answers: Answers
    observed: Numbers
    levels: Mapping[str, NDArray]


def field_figures(seen: Seen, n_drugs: int = 1) -> dict[str, Any]:
    """Error or discrimination, coverage and calibration of all, and coverage by subgroup, with alarms.

    An alarm of one of k groups takes k times the evidence, and of one of `n_drugs` that many times more, so
    that all together rarely cry wolf.
    """
    known = ~np.isnan(seen.observed) & ~np.isnan(seen.answers.value)
    n = int(known.sum())
    if n < SMALLEST_CELL:
        note = f"figures need {SMALLEST_CELL} outcomes of patients answered"
        return {"n": n if n == 0 else None, "note": note}
    held = _held(seen.answers, seen.observed)
    groups = [
        (variable, str(level), known & (labels == level))
        for variable, labels in seen.levels.items()
        for level in sorted({str(label) for label in labels[known].tolist()})
    ]
    large = [(v, level, rows) for v, level, rows in groups if int(rows.sum()) >= SMALLEST_CELL]
    chance = _CHANCE / n_drugs / (2 + len(large))
    promised = seen.answers.level
    told: dict[str, Any] = {
        "n": n,
        "coverage": _coverage(held[known], promised, chance),
        **_accuracy(seen, known, chance),
        "subgroups": {},
    }
    for variable, level, rows in large:
        told["subgroups"].setdefault(variable, {})[level] = _coverage(held[rows], promised, chance)
    return told


def _held(answers: Answers, observed: Numbers) -> Numbers:
    """1 where the interval, or the set of outcomes that cannot be ruled out, held what was observed."""
    if answers.possible is None:
        return ((answers.lower <= observed) & (observed <= answers.upper)).astype(np.float64)
    possible = np.array(answers.possible).reshape(-1, 2)
    return np.where(observed > 0.5, possible[:, 0], possible[:, 1]).astype(np.float64)


def _coverage(held: Numbers, promised: float, chance: float) -> dict[str, Any]:
    return {
        "n": len(held),
        "promised": promised,
        "value": round(float(held.mean()), 6),
        **_told(coverage_alarm(held, promised, chance)),
    }


def _accuracy(seen: Seen, known: NDArray[np.bool_], chance: float) -> dict[str, Any]:
    observed, answered = seen.observed[known], seen.answers.value[known]
    if not isinstance(seen.answers.outcome, BinaryOutcome):
        slope, intercept = np.polyfit(answered, observed, 1) if np.ptp(answered) > 0 else (np.nan, np.nan)
        figures = {
            "mae": float(np.abs(observed - answered).mean()),
            "bias": float((answered - observed).mean()),
            "slope": float(slope),
            "intercept": float(intercept),
        }
        return _finite(figures)
    figures = {"brier": float(np.square(answered - observed).mean()), "rate": float(observed.mean())}
    if min(observed.sum(), (1.0 - observed).sum()) >= SMALLEST_CELL:
        shift, scale = fit_calibration(seen.answers.margin[known], observed, trust=1e-9)
        figures |= {"auc": auc(observed, answered), "slope": scale, "intercept": shift}
    return _finite(figures) | {"rate_alarm": _told(rate_alarm(observed, answered, chance))}


def _finite(figures: Mapping[str, float]) -> dict[str, Any]:
    return {name: round(value, 6) for name, value in figures.items() if np.isfinite(value)}


def _told(alarm: Alarm) -> dict[str, Any]:
    evidence = round(alarm.evidence, 4)
    return {"alarm": alarm.raised, "raised_after": alarm.raised_after, "evidence": evidence}
