"""What alembic runs: the revisions on the connection that `serving.store.migrate` holds, in its transaction."""

from __future__ import annotations

from alembic import context


def run() -> None:
    """Run the revisions that are asked for."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


run()
