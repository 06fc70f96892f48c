"""Records to put into a store."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import text

from serving.store.database import writing
from serving.store.records import (
    FeedbackRecord,
    ModelVerdictRecord,
    OutcomeRecord,
    PredictionRecord,
    VerdictRecord,
    new_id,
)
from serving.store.store import Store

TIME = "2026-01-01T00:00:00.000+00:00"
PREDICTION = PredictionRecord(
    "0" * 32, TIME, "tiny", 1, "d" * 64, "patient-7", '{"patient": "π"}', '{"value": 1.5}', 1.25
)


def predictions(n: int, patient_id: str = "patient-7", **others: object) -> list[PredictionRecord]:
    """So many answers about one patient."""
    return [replace(PREDICTION, id=new_id(), patient_id=patient_id, **others) for _ in range(n)]


def outcome(prediction_id: str, value: float = 31.5, **others: object) -> OutcomeRecord:
    """What became of the patient of a prediction."""
    return replace(OutcomeRecord(new_id(), TIME, prediction_id, "weekly_dose", value, "mg/wk"), **others)


def feedback(prediction_id: str, detail: str = "too high for me") -> FeedbackRecord:
    """What somebody thinks of a prediction."""
    return FeedbackRecord(new_id(), TIME, prediction_id, "comment", detail, "dr-who")


def verdict(prediction_id: str, comment: str = "", by: str = "dr-who", **others: object) -> VerdictRecord:
    """What somebody who inspected a prediction thinks of it."""
    record = VerdictRecord(new_id(), TIME, prediction_id, "agree", (), comment, by, "reviewer")
    return replace(record, **others)


def model_verdict(digest: str = "d" * 64, by: str = "dr-who", **others: object) -> ModelVerdictRecord:
    """What somebody who inspected a version of a model thinks of it."""
    record = ModelVerdictRecord(new_id(), TIME, "tiny", 2, digest, "agree", (), "", by, "reviewer")
    return replace(record, **others)


def tamper(store: Store, *statements: str) -> None:
    """Change the database behind the store's back, as an administrator of it could."""
    with writing(store.engine) as connection:
        for statement in statements:
            connection.execute(text(statement))
