"""What alembic runs: the revisions, in the transaction that `serving.store.migrate` holds."""

from __future__ import annotations

from alembic import context


def run() -> None:
    """Run the revisions that are asked for."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


run()
