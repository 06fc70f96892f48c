"""Synthetic patients and what a model must say of them, so that it can prove itself wherever it is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from features.errors import BundleError, RxplainError
from features.readers.document import read_documents
from models.answers import Answers
from models.model_set import ModelSet
from models.strict import sha256

LEVEL = 0.9
_RELATIVE = 1e-12


def record(models: ModelSet, documents: Sequence[object]) -> dict[str, object]:
    """The probe patients' documents and the models' full answers to them, by drug or treatment."""
    return {"level": LEVEL, "documents": list(documents), "answers": _answers(models, documents)}


def check(models: ModelSet, probes: Mapping[str, object]) -> None:
    """Refuse models that do not answer their probe patients as recorded.

    Features, margin and contributions must agree bit for bit; what goes through the link (`value`,
    `lower`, `upper`) within 1e-12, since exp and log differ between machines in the last bit.
    """
    documents, recorded = probes.get("documents"), probes.get("answers")
    if not isinstance(documents, list) or not isinstance(recorded, dict) or probes.get("level") != LEVEL:
        raise BundleError("probes.json does not hold level, documents and answers; fetch the bundle again")
    try:
        found = _answers(models, documents)
    except RxplainError as error:
        raise BundleError("probes.json: a probe patient can no longer be answered; " + _REMEDY) from error
    differing = _differing(found, recorded)
    if differing:
        raise BundleError(
            "probes.json: the model answers its probe patients otherwise than at training "
            f"({', '.join(differing)}); {_REMEDY}"
        )


def _answers(models: ModelSet, documents: Sequence[object]) -> dict[str, dict[str, object]]:
    """By option, what is said of the probe patients; as plain data."""
    cohort = read_documents(documents, models.spec)
    answers = models.answer(cohort, LEVEL, explain=True)
    tell = _plain if len(answers) <= _FEW_OPTIONS else _brief
    return {option: tell(own) for option, own in answers.items()}


def _brief(answers: Answers) -> dict[str, object]:
    """The same with the wide tables as digests of their bits, since a hundred drugs fill a file."""
    told = _plain(answers)
    contributions = np.zeros(0) if answers.contributions is None else answers.contributions
    digests = {
        name: sha256(np.ascontiguousarray(table).tobytes())
        for name, table in (("features", answers.values), ("contributions", contributions))
    }
    return {**told, **digests, "notices": [len(own) for own in answers.notices]}


def _differing(found: Mapping[str, Mapping[str, object]], recorded: Mapping) -> list[str]:
    if found.keys() != recorded.keys():
        return ["the options answered"]
    pairs = ((own, recorded[option]) for option, own in found.items())
    faults = {n for own, kept in pairs for n in own if not _agree(n, own[n], kept.get(n))}
    return sorted(faults)


_REMEDY = "fetch the bundle again, install the versions it was trained with, or retrain with rxplain fit"
_FEW_OPTIONS = 10
_THROUGH_LINK = ("value", "lower", "upper")


def _plain(answers: Answers) -> dict[str, object]:
    contributions = () if answers.contributions is None else answers.contributions.tolist()
    possible = answers.possible
    return {
        "features": [_numbers(row) for row in answers.values.tolist()],
        "margin": _numbers(answers.margin.tolist()),
        "value": _numbers(answers.value.tolist()),
        "lower": _numbers(answers.lower.tolist()),
        "upper": _numbers(answers.upper.tolist()),
        "contributions": [_numbers(row) for row in contributions],
        "base": _numbers(answers.base.tolist()),
        "possible": None if possible is None else [list(own) for own in possible],
        "notices": [[[n.code, n.severity, n.feature] for n in own] for own in answers.notices],
    }


def _numbers(row: list[float]) -> list[float | None]:
    """JSON has no NaN and no infinity: neither is a number here."""
    return [number if math.isfinite(number) else None for number in row]


def _agree(name: str, found: object, recorded: object) -> bool:
    if name not in _THROUGH_LINK or not isinstance(found, list) or not isinstance(recorded, list):
        return found == recorded
    return len(found) == len(recorded) and all(map(_close, found, recorded))


def _close(found: float | None, recorded: float | None) -> bool:
    if found is None or recorded is None:
        return found is recorded
    return math.isclose(found, recorded, rel_tol=_RELATIVE)
