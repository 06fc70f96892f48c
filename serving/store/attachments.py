"""What is said of a prediction afterwards: outcomes and feedback, each sealed, and only ever added to.

A row that was altered or moved does not open; unlike with predictions, it does not show when one was deleted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine, Table, select

from serving.errors import RequestError
from serving.store.database import reading, writing
from serving.store.keys import KeyRing
from serving.store.records import FeedbackRecord, OutcomeRecord
from serving.store.tables import FEEDBACK, OUTCOMES, PREDICTIONS

_PLAIN = ("id", "time", "prediction_id")
Said = TypeVar("Said", OutcomeRecord, FeedbackRecord)


class Attachments(Generic[Said]):
    """The outcomes, or the feedback, of one store."""

    def __init__(self, engine: Engine, keys: KeyRing, table: Table, kind: type[Said]) -> None:
        self._engine, self._keys, self._table = engine, keys, table
        self._kind: type[Said] = kind

    async def append(self, record: Said, tenant: str) -> None:
        """Return once the record is on disk.

        Raises the 404 problem when the tenant has no such prediction or it was erased, 503 when it cannot be
        kept.
        """
        await asyncio.to_thread(self.write, record, tenant)

    def write(self, record: Said, tenant: str) -> None:
        """The same outside an event loop."""
        with writing(self._engine) as connection:
            patient_key = _patient_key(connection, record.prediction_id, tenant)
            connection.execute(self._table.insert().values(self._row(record, tenant, patient_key)))

    def of_prediction(self, prediction_id: str, tenant: str) -> tuple[Said, ...]:
        """What was said of the tenant's prediction, oldest first; nothing of an unknown or erased one."""
        own = self._table.c
        return tuple(self._read(own.prediction_id == prediction_id, own.tenant == tenant))

    def of_patient(self, patient_id: str, tenant: str) -> tuple[Said, ...]:
        """What was said of any of a patient's predictions, oldest first."""
        key = self._keys.hidden(tenant, patient_id)
        return tuple(self._read(self._table.c.patient_key == key, self._table.c.tenant == tenant))

    def _read(self, *chosen: Any) -> Iterator[Said]:
        with reading(self._engine) as connection:
            asked = select(self._table).where(*chosen).order_by(self._table.c.time, self._table.c.id)
            for row in connection.execute(asked).mappings():
                yield self._record(row)

    def _row(self, record: Said, tenant: str, patient_key: bytes) -> dict[str, Any]:
        told = asdict(record)
        plain = {name: told.pop(name) for name in _PLAIN}
        content = self._keys.close(self._place(tenant, plain), json.dumps(told, allow_nan=False).encode())
        sealed = {"patient_key": patient_key, "key_id": self._keys.current, "content": content}
        return {**plain, "tenant": tenant, **sealed}

    def _record(self, row: Mapping[Any, Any]) -> Said:
        plain = {name: row[name] for name in _PLAIN}
        told = self._keys.open(row["key_id"], self._place(row["tenant"], plain), bytes(row["content"]))
        return self._kind(**plain, **json.loads(told))

    def _place(self, tenant: str, plain: Mapping[str, Any]) -> str:
        return "/".join((self._table.name, tenant, *(plain[name] for name in _PLAIN)))


def outcomes(engine: Engine, keys: KeyRing) -> Attachments[OutcomeRecord]:
    """The outcomes of a store."""
    return Attachments(engine, keys, OUTCOMES, OutcomeRecord)


def feedback(engine: Engine, keys: KeyRing) -> Attachments[FeedbackRecord]:
    """The feedback of a store."""
    return Attachments(engine, keys, FEEDBACK, FeedbackRecord)


def latest(told: tuple[OutcomeRecord, ...]) -> tuple[OutcomeRecord, ...]:
    """The outcomes that count: of each name (and option) the one that was given last."""
    return tuple({(one.name, one.option): one for one in told}.values())


def _patient_key(connection: Connection, prediction_id: str, tenant: str) -> bytes:
    own = PREDICTIONS.c
    asked = select(own.patient_key).where(own.id == prediction_id, own.tenant == tenant).with_for_update()
    found = connection.execute(asked).scalar()
    if found is None:
        raise RequestError("unknown-prediction", "Use the id of an answer given by this service.")
    return bytes(found)
