"""What those who inspected an answer think of it: sealed, chained, and only ever added to.

Each verdict is a row of a hash chain of its own with a keyed head, like the predictions' (see
`serving.store.chain`), so that one that was altered, deleted, added or moved shows in `log verify`. The state
that the worklist shows beside an answer is renewed in the same transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, select, update

from serving.errors import RequestError
from serving.store.database import reading, writing
from serving.store.keys import KeyRing
from serving.store.records import ModelVerdictRecord, VerdictRecord
from serving.store.tables import PREDICTIONS, VERDICTS, WORKLIST
from serving.store.verdict_rows import add, locked_head, opened, sealed
from serving.store.worklist import catch_up

SPLIT = "split"
"""The state of an answer on which its readers differ."""

AnyVerdict = TypeVar("AnyVerdict", VerdictRecord, ModelVerdictRecord)
_OWN = VERDICTS.c


class Verdicts:
    """The verdicts of one store."""

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self._engine, self._keys = engine, keys

    async def append(self, record: VerdictRecord, tenant: str) -> VerdictRecord:
        """The verdict as it was kept, once it is on disk: it amends the same reader's one before.

        One that repeats the reader's own last word is not kept again; that last word is returned. Raises the
        404 problem when the tenant has no such prediction or it was erased, 503 when it cannot be kept.
        """
        return await asyncio.to_thread(self.write, record, tenant)

    def write(self, record: VerdictRecord, tenant: str) -> VerdictRecord:
        """The same outside an event loop."""
        catch_up(self._engine, self._keys)
        with writing(self._engine) as connection:
            patient_key = _patient_key(connection, record.prediction_id, tenant)
            known = list(self._read(connection, _of(record.prediction_id, tenant)))
            mine = next((one for one in reversed(known) if one.by == record.by), None)
            record = replace(record, amends=None if mine is None else mine.id)
            if mine is not None and repeats(record, mine):
                return mine
            row = sealed(self._keys, tenant, asdict(record), patient_key)
            add(connection, self._keys, locked_head(connection, self._keys), row)
            state, readers = state_of([*known, record])
            listed = WORKLIST.c.tenant == tenant, WORKLIST.c.id == record.prediction_id
            connection.execute(update(WORKLIST).where(*listed).values(verdict=state, readers=readers))
        return record

    def of_prediction(self, prediction_id: str, tenant: str) -> tuple[VerdictRecord, ...]:
        """What was said of the tenant's prediction, oldest first; nothing of an unknown or erased one."""
        with reading(self._engine) as connection:
            return tuple(self._read(connection, _of(prediction_id, tenant)))

    def of_patient(self, patient_id: str, tenant: str) -> tuple[VerdictRecord, ...]:
        """What was said of any of a patient's predictions, oldest first."""
        chosen = _OWN.patient_key == self._keys.hidden(tenant, patient_id), _OWN.tenant == tenant
        with reading(self._engine) as connection:
            return tuple(self._read(connection, chosen))

    def _read(self, connection: Connection, chosen: Iterable[Any]) -> Iterator[VerdictRecord]:
        asked = select(VERDICTS).where(*chosen, _OWN.content.is_not(None)).order_by(_OWN.seq)
        for row in connection.execute(asked).mappings():
            yield VerdictRecord(**opened(self._keys, row))


def counting(told: Sequence[AnyVerdict]) -> tuple[AnyVerdict, ...]:
    """The verdicts that count: of each reader the last one, in the order in which readers came."""
    return tuple({one.by: one for one in told}.values())


def state_of(told: Sequence[AnyVerdict]) -> tuple[str, int]:
    """What all readers say, `SPLIT` where they differ, nothing where nobody has; and how many they are."""
    own = counting(told)
    said = {one.verdict for one in own}
    return (said.pop() if len(said) == 1 else SPLIT if said else ""), len(own)


def repeats(one: AnyVerdict, before: AnyVerdict) -> bool:
    """Whether a verdict says nothing but what the one before said."""
    return (one.verdict, one.reasons, one.comment) == (before.verdict, before.reasons, before.comment)


def _of(prediction_id: str, tenant: str) -> tuple[Any, ...]:
    return _OWN.prediction_id == prediction_id, _OWN.tenant == tenant


def _patient_key(connection: Connection, prediction_id: str, tenant: str) -> bytes:
    own = PREDICTIONS.c
    asked = select(own.patient_key).where(own.id == prediction_id, own.tenant == tenant).with_for_update()
    found = connection.execute(asked).scalar()
    if found is None:
        raise RequestError("unknown-prediction", "Use the id of an answer given by this service.")
    return bytes(found)
