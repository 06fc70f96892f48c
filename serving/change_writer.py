"""What a change does to an answer, as JSON text: the new numbers, the difference, and why."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from features.errors import IntegrityError
from models.answers import Answers
from models.model_set import ModelSet
from models.results import ADDITIVITY_TOLERANCE
from serving import json_text
from serving.answer import AnswerWriter
from serving.basis import condensed
from serving.explaining import largest

Numbers = NDArray[np.float64]


class ChangeWriter:
    """Writes what changes do to the answers of one bundle."""

    def __init__(self, models: ModelSet, answers: AnswerWriter) -> None:
        self._models = models
        self._answers = answers

    def write(self, before: Answers, changes: Iterable[tuple[str, Answers]], depth: str) -> str:
        """One row for each change, by its name and the answer under it, in their order."""
        return f"[{','.join([self._row(before, name, after, depth) for name, after in changes])}]"

    def _row(self, before: Answers, name: str, after: Answers, depth: str) -> str:
        prediction, known = after[0], self._answers.constants[after.outcome.drug]
        notices = condensed(prediction.notices, self._answers.blocks)
        moved = np.flatnonzero(_differ(before.values[0], after.values[0])).tolist()
        names = json_text.names(after.features[i].name for i in moved)
        both = not (before.is_declined(0) or after.is_declined(0))
        return (
            f'{{"name":{json_text.text(name)},{known.numbers(prediction)},"inputs_changed":{names},'
            f'"notices":{json_text.notices(notices)},'
            f'"difference":{self._difference(before, after) if both else "null"},'
            f'"difference_explained":{self._explained(before, after, depth) if both else "null"}}}'
        )

    def _difference(self, before: Answers, after: Answers) -> str:
        value, *ends = self._models.change(after, before, 0)
        lower, upper = ("null" if end is None else json_text.bounded(end) for end in ends)
        return f'{{"value":{value!r},"lower":{lower},"upper":{upper}}}'

    def _explained(self, before: Answers, after: Answers, depth: str) -> str:
        """Each feature's share of the difference of the margins; they and `base` add up to it."""
        if depth == "none" or before.contributions is None or after.contributions is None:
            return "null"
        amounts = after.contributions[0] - before.contributions[0]
        base, margin = float(after.base[0] - before.base[0]), float(after.margin[0] - before.margin[0])
        if not abs(base + float(amounts.sum()) - margin) <= 2.0 * ADDITIVITY_TOLERANCE:
            raise IntegrityError("the shares of a difference do not add up to it; no number is given")
        shown, rest = largest(amounts) if depth == "top" else (list(range(len(amounts))), None)
        heads, number = self._answers.explanations.heads, json_text.number
        told = zip(before.values[0].tolist(), after.values[0].tolist(), amounts.tolist(), strict=True)
        features = [
            f'{number(new)},"before":{number(old)},"contribution":{share!r}}}' for old, new, share in told
        ]
        rows = ",".join([heads[i] + features[i] for i in shown])
        scale = self._answers.constants[after.outcome.drug].scale
        others = "" if rest is None else f',"other_features":{rest!r}'
        return f'{{"scale":{scale},"base":{base!r},"margin":{margin!r},"features":[{rows}]{others}}}'


def _differ(before: Numbers, after: Numbers) -> NDArray[np.bool_]:
    return ~((before == after) | (np.isnan(before) & np.isnan(after)))
