"""The questions on the way to patients alike, what this patient answers, and what they leave out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from serving.review.standing import Context, Standing
from serving.review.words import MINUS, feature_value, sentence, unit
from serving.similar import asks_yes_or_no

_MOST_LEFT_OUT = 3
_LEAST = 0.005
_ANSWERS = {"below": "no", "at_least": "yes", "not_recorded": "not recorded"}
_LOGGED = "{log2(TPM+1)}"

Json = Mapping[str, Any]  # Any: a step, or a feature of an explanation, as it was written


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, this patient's answer to it, and the value behind it with where it lies among others."""

    question: str
    answer: str
    value: str
    standing: Standing | None
    is_logged: bool = False


def asked_of(path: Sequence[Json], row: Mapping[str, float], context: Context) -> tuple[Asked, ...]:
    """The steps of a way as questions; `row` has the patient's values by feature, each told once."""
    told = (_asked(step, row[step["feature"]], context) for step in path)
    names = [step["feature"] for step in path]
    return tuple(
        replace(one, value="", standing=None) if names[i] in names[:i] else one for i, one in enumerate(told)
    )


def _asked(step: Json, own: float, context: Context) -> Asked:
    name, at_least = step["feature"], step["value"]
    label, answer = sentence(step["label"]), _ANSWERS[step["is"]]
    known = None if own != own else own
    standing = context.standing(name, known, step["unit"])
    is_logged = step["unit"] == _LOGGED
    if at_least is None:
        return Asked(f"{label}?", answer, "", None, is_logged)
    if known is None:
        said = "not recorded, read as no"
    else:
        said = "" if asks_yes_or_no(name, at_least) else feature_value(name, known, step["unit"])
    if asks_yes_or_no(name, at_least):
        return Asked(f"{label}?", answer, said, standing)
    amount = f"{at_least:g} {unit(step['unit'])}".strip().replace("-", MINUS)
    return Asked(f"{label} {amount} or more?", answer, said, standing, is_logged)


def left_out(moved: Sequence[Json], path: Sequence[Json]) -> tuple[str, ...]:
    """What moved an answer most of all that the questions do not ask, with its direction; a gene once.

    `moved` are the features explained, the largest first.
    """
    seen = {_subject(step["feature"]) for step in path}
    found: list[str] = []
    for one in moved:
        subject, amount = _subject(one["name"]), one["contribution"]
        if len(found) == _MOST_LEFT_OUT or abs(amount) < _LEAST:
            break
        if subject not in seen:
            seen.add(subject)
            found.append(f"{one['label']} ({'up' if amount > 0 else 'down'})")
    return tuple(found)


def _subject(name: str) -> str:
    """What a feature is about, such as a gene, whatever is measured of it."""
    return name.rpartition(".")[0]
