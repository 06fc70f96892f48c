"""The tables as the newest revision leaves them; the revisions themselves are under `migrations/versions`.

Columns named `*_key` and `*_hash` are keyed hashes; `content` is sealed; nothing else tells of a patient.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

METADATA = MetaData()

PREDICTIONS = Table(
    "predictions",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("tenant", Text, nullable=False),
    Column("time", Text, nullable=False),
    Column("study", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("latency_ms", Double, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("patient_key", LargeBinary),
    Column("content", LargeBinary),
    Column("content_hash", LargeBinary, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("erasure", Text),
    Column("tombstone", LargeBinary),
    Index("predictions_by_patient", "patient_key"),
)
HEADS = Table(
    "heads",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)


def _about_a_prediction(name: str) -> Table:
    return Table(
        name,
        METADATA,
        Column("id", Text, primary_key=True),
        Column("tenant", Text, nullable=False),
        Column("time", Text, nullable=False),
        Column("prediction_id", Text, nullable=False),
        Column("patient_key", LargeBinary, nullable=False),
        Column("key_id", Text, nullable=False),
        Column("content", LargeBinary, nullable=False),
        Index(f"{name}_by_prediction", "prediction_id"),
        Index(f"{name}_by_patient", "patient_key"),
    )


OUTCOMES = _about_a_prediction("outcomes")
FEEDBACK = _about_a_prediction("feedback")
VERDICTS = Table(
    "verdicts",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("tenant", Text, nullable=False),
    Column("time", Text, nullable=False),
    Column("prediction_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("patient_key", LargeBinary),
    Column("content", LargeBinary),
    Column("content_hash", LargeBinary, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("erasure", Text),
    Column("tombstone", LargeBinary),
    Index("verdicts_by_prediction", "prediction_id"),
    Index("verdicts_by_patient", "patient_key"),
)
"""On answers, and on model versions: see `serving.store.verdict_rows`."""
WORKLIST = Table(
    "worklist",
    METADATA,
    Column("tenant", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("time", Text, nullable=False),
    Column("study", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("declined", Boolean, nullable=False),
    Column("width", Double),
    Column("notices", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("readers", Integer, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""What a list of answers is made from: nothing in plain that tells of a patient; `id` sorts by time."""
IDEMPOTENCY = Table(
    "idempotency",
    METADATA,
    Column("key_hash", LargeBinary, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    Column("owner", Text, nullable=False),
    Column("claimed_until", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("patient_key", LargeBinary),
    Column("status", Integer),
    Column("media", Text),
    Column("key_id", Text),
    Column("content", LargeBinary),
    Index("idempotency_by_expiry", "expires"),
    Index("idempotency_by_patient", "patient_key"),
)
SEEN = Table(
    "seen",
    METADATA,
    Column("jti_hash", LargeBinary, primary_key=True),
    Column("expires", Double, nullable=False),
    Index("seen_by_expiry", "expires"),
)
ACCESS = Table(
    "access",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("time", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("record_id", Text),
)
ERASURES = Table(
    "erasures",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("time", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("n_predictions", BigInteger, nullable=False),
    Column("n_others", BigInteger, nullable=False),
)
