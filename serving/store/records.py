"""What the store is given and gives back, in plain: frozen records; sealing is the store's own affair."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """One prediction as it was recorded; `request` and `answer` are JSON texts as sent, `time` is UTC.

    Of an erased one `patient_id`, `request` and `answer` are empty.
    """

    id: str
    time: str
    study: str
    version: int
    digest: str
    patient_id: str
    request: str
    answer: str
    latency_ms: float

    @property
    def is_erased(self) -> bool:
        """Whether only the tombstone is left."""
        return not self.answer


@dataclass(frozen=True, slots=True)
class OutcomeRecord:
    """What became of the patient of a prediction: `name` is the outcome, `value` in its own `unit`.

    An outcome is amended by another of the same name and `option`; the last one counts. `option` is the drug
    of a panel, None elsewhere; `observed` is the day it was seen, `by` who reported it.
    """

    id: str
    time: str
    prediction_id: str
    name: str
    value: float
    unit: str
    option: str | None = None
    observed: str | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class FeedbackRecord:
    """What somebody did with an answer or thinks of it; `detail` is their own words or a JSON text."""

    id: str
    time: str
    prediction_id: str
    kind: str
    detail: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """What somebody who inspected an answer thinks of it, with their name to it.

    `verdict` is one of `serving.verdicts.VERDICTS`, `reasons` are codes, `role` is what `by` is here for.
    `amends` is the id of the same reader's verdict before, whose place this one takes.
    """

    id: str
    time: str
    prediction_id: str
    verdict: str
    reasons: tuple[str, ...]
    comment: str
    by: str
    role: str
    amends: str | None = None


@dataclass(frozen=True, slots=True)
class ModelVerdictRecord:
    """What somebody who inspected a model version thinks of it, with their name to it.

    The version is known by its bundle's `digest`; `reasons` are codes of `serving.verdicts.MODEL_REASONS`,
    all else is as of a `VerdictRecord`.
    """

    id: str
    time: str
    study: str
    version: int
    digest: str
    verdict: str
    reasons: tuple[str, ...]
    comment: str
    by: str
    role: str
    amends: str | None = None


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """Who asked for what: the route's template, never the path; `record_id` where it was about one record."""

    time: str
    subject: str
    tenant: str
    method: str
    route: str
    status: int
    record_id: str | None = None


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer that is given again to the same idempotency key.

    `patient_id` is whom it tells of, if anybody, so that it is erased with the patient; `repeated` is True
    when it was given before.
    """

    status: int
    media: str
    body: bytes
    patient_id: str | None = None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, when and why; nothing in it tells of whom. `traces` says what a scan still found."""

    id: str
    time: str
    tenant: str
    cause: Literal["patient", "retention"]
    by: str
    n_predictions: int
    n_others: int
    traces: tuple[str, ...] = ()


def new_id() -> str:
    """32 hex digits that sort by time: 48 bits of milliseconds, 80 random bits."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"
