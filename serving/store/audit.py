"""Who asked for what: one row for each request that touched a record, kept as long as the store.

Rows tell the subject, the tenant, the route's template and a record's id, which says nothing by itself;
never a path, a value or a patient.
"""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Engine, select

from serving.store.database import reading
from serving.store.records import AccessRecord, new_id
from serving.store.tables import ACCESS
from serving.store.writer import Writer


class Audit:
    """The access audit of one worker."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine, self._writer = engine, writer

    async def note(self, *records: AccessRecord) -> None:
        """Return once the rows are on disk; raises a RequestError (503) when they cannot be.

        Rows noted in the same turn of the event loop as a prediction's share its commit. A prediction's own
        row already tells of its tenant, so that an answer need not wait for a second commit.
        """
        await self._writer.append(accesses=[{"id": new_id(), **asdict(record)} for record in records])

    def of_record(self, record_id: str, tenant: str) -> tuple[AccessRecord, ...]:
        """Who looked at one of the tenant's records, oldest first."""
        own = ACCESS.c
        with reading(self._engine) as connection:
            asked = select(ACCESS).where(own.record_id == record_id, own.tenant == tenant)
            rows = connection.execute(asked.order_by(own.id)).mappings().all()
        return tuple(AccessRecord(**{name: row[name] for name in row if name != "id"}) for row in rows)
