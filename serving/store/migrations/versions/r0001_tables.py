"""The tables, and the head of a chain without rows."""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import BigInteger, Column, Double, Integer, LargeBinary, Table, Text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _predictions()
    _heads()
    for name in ("outcomes", "feedback"):
        _about_a_prediction(name)
    _idempotency()
    op.create_table(
        "seen",
        Column("jti_hash", LargeBinary, primary_key=True),
        Column("expires", Double, nullable=False),
    )
    op.create_index("seen_by_expiry", "seen", ["expires"])
    op.create_table(
        "access",
        Column("id", Text, primary_key=True),
        *(Column(name, Text, nullable=False) for name in ("time", "subject", "tenant", "method", "route")),
        Column("status", Integer, nullable=False),
        Column("record_id", Text),
    )
    op.create_table(
        "erasures",
        Column("id", Text, primary_key=True),
        *(Column(name, Text, nullable=False) for name in ("time", "tenant", "cause", "by")),
        Column("n_predictions", BigInteger, nullable=False),
        Column("n_others", BigInteger, nullable=False),
    )


def _predictions() -> None:
    op.create_table(
        "predictions",
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("id", Text, nullable=False, unique=True),
        *(Column(name, Text, nullable=False) for name in ("tenant", "time", "study")),
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
    )
    op.create_index("predictions_by_patient", "predictions", ["patient_key"])


def _heads() -> None:
    heads: Table = op.create_table(
        "heads",
        Column("name", Text, primary_key=True),
        Column("n", BigInteger, nullable=False),
        Column("chain", LargeBinary, nullable=False),
        Column("mac", LargeBinary, nullable=False),
    )
    op.bulk_insert(heads, [context.config.attributes["earlier"].first_head()])


def _about_a_prediction(name: str) -> None:
    op.create_table(
        name,
        Column("id", Text, primary_key=True),
        *(Column(column, Text, nullable=False) for column in ("tenant", "time", "prediction_id")),
        Column("patient_key", LargeBinary, nullable=False),
        Column("key_id", Text, nullable=False),
        Column("content", LargeBinary, nullable=False),
    )
    op.create_index(f"{name}_by_prediction", name, ["prediction_id"])
    op.create_index(f"{name}_by_patient", name, ["patient_key"])


def _idempotency() -> None:
    op.create_table(
        "idempotency",
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
    )
    op.create_index("idempotency_by_expiry", "idempotency", ["expires"])
    op.create_index("idempotency_by_patient", "idempotency", ["patient_key"])
