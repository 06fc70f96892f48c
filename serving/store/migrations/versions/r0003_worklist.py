"""The verdicts with the head of their chain, and the worklist, which is filled once the service runs."""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, LargeBinary, Text, insert

from serving.store.chain import VERDICT_LOG, Head
from serving.store.tables import HEADS
from serving.store.worklist import LISTED

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables and their heads."""
    _verdicts()
    _worklist()
    keys, head = context.config.attributes["earlier"].keys, Head()
    for name in (VERDICT_LOG.head, LISTED):
        first = {"name": name, "n": head.n, "chain": head.link, "mac": head.mac(keys, name)}
        op.get_bind().execute(insert(HEADS).values(first))


def _verdicts() -> None:
    op.create_table(
        "verdicts",
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("id", Text, nullable=False, unique=True),
        *(Column(name, Text, nullable=False) for name in ("tenant", "time", "prediction_id", "key_id")),
        Column("patient_key", LargeBinary),
        Column("content", LargeBinary),
        Column("content_hash", LargeBinary, nullable=False),
        Column("chain", LargeBinary, nullable=False),
        Column("erasure", Text),
        Column("tombstone", LargeBinary),
    )
    op.create_index("verdicts_by_prediction", "verdicts", ["prediction_id"])
    op.create_index("verdicts_by_patient", "verdicts", ["patient_key"])


def _worklist() -> None:
    op.create_table(
        "worklist",
        Column("tenant", Text, primary_key=True),
        Column("id", Text, primary_key=True),
        *(Column(name, Text, nullable=False) for name in ("time", "study")),
        Column("version", Integer, nullable=False),
        Column("kind", Text, nullable=False),
        Column("declined", Boolean, nullable=False),
        Column("width", Double),
        *(Column(name, Text, nullable=False) for name in ("notices", "verdict")),
        Column("readers", Integer, nullable=False),
        Column("key_id", Text, nullable=False),
        Column("content", LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
