"""Synthetic patients and what a model must say of them, so that it can prove itself wherever it is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from features.errors import BundleError, RxplainError
from features.readers.document import read_documents
from models.answers import Answers
from models.response import ResponseModel

LEVEL = 0.9
_RELATIVE = 1e-12


def record(model: ResponseModel, documents: Sequence[object]) -> dict[str, object]:
    """The probe patients' documents and the model's full answers to them."""
    answers = model.explain(read_documents(documents), LEVEL)
    return {"level": LEVEL, "documents": list(documents), "answers": _plain(answers)}


def check(model: ResponseModel, probes: Mapping[str, object]) -> None:
    """Refuse a model that does not answer its probe patients as recorded.

    Features, margin and contributions must agree bit for bit; what goes through the link (`value`,
    `lower`, `upper`) within 1e-12, since exp and log differ between machines in the last bit.
    """
    documents, recorded = probes.get("documents"), probes.get("answers")
    if not isinstance(documents, list) or not isinstance(recorded, dict) or probes.get("level") != LEVEL:
        raise BundleError("probes.json does not hold level, documents and answers; fetch the bundle again")
    try:
        found = _plain(model.explain(read_documents(documents), LEVEL))
    except RxplainError as error:
        raise BundleError("probes.json: a probe patient can no longer be answered; " + _REMEDY) from error
    differing = [name for name in found if not _agree(name, found[name], recorded.get(name))]
    if differing:
        raise BundleError(
            "probes.json: the model answers its probe patients otherwise than at training "
            f"({', '.join(differing)}); {_REMEDY}"
        )


_REMEDY = "fetch the bundle again, install the versions it was trained with, or retrain with rxplain fit"
_THROUGH_LINK = ("value", "lower", "upper")


def _plain(answers: Answers) -> dict[str, object]:
    contributions = () if answers.contributions is None else answers.contributions.tolist()
    return {
        "features": [_numbers(row) for row in answers.values.tolist()],
        "margin": _numbers(answers.margin.tolist()),
        "value": _numbers(answers.value.tolist()),
        "lower": _numbers(answers.lower.tolist()),
        "upper": _numbers(answers.upper.tolist()),
        "contributions": [_numbers(row) for row in contributions],
        "base": answers.base,
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
