"""The rows of version 0.1's `predictions.db`, where one lies in the home."""

from __future__ import annotations

from alembic import context, op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Prove the earlier log and bring its rows over."""
    context.config.attributes["earlier"].bring_over(op.get_bind())
