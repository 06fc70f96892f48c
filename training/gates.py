"""What a candidate must show to be served, judged on its evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from features.errors import StudyError
from training.evaluate import Evaluation
from training.study import Study
from training.study_parts import Gate


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate: what was asked, what was found (the worst, where it looks at several), and whether it holds."""

    name: str
    asked: str
    found: float
    passed: bool


def judge(study: Study, evaluation: Evaluation) -> tuple[GateResult, ...]:
    """Every gate of the study, in its order."""
    return tuple(_judge(gate, evaluation.document) for gate in study.gates)


def _judge(gate: Gate, document: Mapping[str, object]) -> GateResult:
    found = list(_figures(document, gate.figure.split("."), gate.minimum_n))
    if not found:
        raise StudyError(f"gate '{gate.name}': the evaluation has no figure '{gate.figure}'")
    worst = min(found, key=lambda value: _room(gate, value))
    return GateResult(gate.name, _asked(gate), worst, _room(gate, worst) >= 0.0)


def _room(gate: Gate, value: float) -> float:
    """How far a figure lies within the gate's bounds; negative when it misses one."""
    above = math.inf if gate.at_least is None else value - gate.at_least
    below = math.inf if gate.at_most is None else gate.at_most - value
    return min(above, below)


def _asked(gate: Gate) -> str:
    bounds = [("at least", gate.at_least), ("at most", gate.at_most)]
    return ", ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)


def _figures(found: object, path: Sequence[str], minimum_n: int) -> Iterator[float]:
    """The numbers a dotted path leads to; `*` follows every level of `minimum_n` patients or more."""
    if not path:
        if isinstance(found, int | float):
            yield float(found)
        return
    if not isinstance(found, Mapping):
        return
    if path[0] != "*":
        yield from _figures(found.get(path[0]), path[1:], minimum_n)
        return
    for level in found.values():
        n = level.get("n", 0) if isinstance(level, Mapping) else 0
        if n >= minimum_n:
            yield from _figures(level, path[1:], minimum_n)
