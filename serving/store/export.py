"""Rows given out in plain, one JSON object a line: of one patient, of a study, or who signed its versions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from serving.store.attachments import latest
from serving.store.store import Store


def patient_lines(store: Store, tenant: str, patient_id: str) -> Iterator[str]:
    """Everything the store holds of a tenant's patient: predictions, outcomes, verdicts, feedback.

    `request` and `answer` are the texts as they were received and sent.
    """
    for record in store.predictions.of_patient(patient_id, tenant):
        yield _line({"row": "prediction", "tenant": tenant, **asdict(record)})
    for outcome in store.outcomes.of_patient(patient_id, tenant):
        yield _line({"row": "outcome", "tenant": tenant, **asdict(outcome)})
    for verdict in store.verdicts.of_patient(patient_id, tenant):
        yield _line({"row": "verdict", "tenant": tenant, **asdict(verdict)})
    for said in store.feedback.of_patient(patient_id, tenant):
        yield _line({"row": "feedback", "tenant": tenant, **asdict(said)})


def study_lines(store: Store, study: str) -> Iterator[str]:
    """What a study was asked, in order: tenant, request as it was received, and the outcomes that count."""
    for tenant, record in store.predictions.of_study(study):
        known = latest(store.outcomes.of_prediction(record.id, tenant))
        outcomes = [
            {"name": one.name, "option": one.option, "value": one.value, "unit": one.unit} for one in known
        ]
        told = {"id": record.id, "tenant": tenant, "time": record.time, "version": record.version}
        yield _line({**told, "digest": record.digest, "request": record.request, "outcomes": outcomes})


def signed_lines(store: Store, study: str) -> Iterator[str]:
    """Who signed which version of a study: the last word of each reader of each tenant, without comments."""
    for tenant, one in store.model_verdicts.last_words(study):
        told: dict[str, object] = {"tenant": tenant, "by": one.by, "role": one.role, "time": one.time}
        told |= {"study": one.study, "version": one.version, "digest": one.digest}
        yield _line({**told, "verdict": one.verdict, "reasons": one.reasons})


def _line(document: dict[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False)
