"""What those who inspected an answer think of it: sealed, chained, and only ever added to.

Each verdict is a row of a hash chain of its own with a keyed head, like the predictions' (see
`serving.store.chain`), so that one that was altered, deleted, added or moved shows in `log verify`. The state
that the worklist shows beside an answer is renewed in the same transaction.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from features.errors import IntegrityError
from serving.errors import RequestError
from serving.store.chain import VERDICT_LOG, Head, content_hash, link
from serving.store.database import reading, writing
from serving.store.keys import KeyRing
from serving.store.records import VerdictRecord
from serving.store.tables import HEADS, PREDICTIONS, VERDICTS, WORKLIST
from serving.store.worklist import catch_up

SPLIT = "split"
"""The state of an answer on which its readers differ."""

_PLAIN = ("id", "time", "prediction_id")
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
            if mine is not None and _says(mine) == _says(record):
                return mine
            self._chain(connection, record, tenant, patient_key)
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
            yield self._record(row)

    def _chain(self, connection: Connection, record: VerdictRecord, tenant: str, patient_key: bytes) -> None:
        named = HEADS.c.name == VERDICT_LOG.head
        found = connection.execute(select(HEADS).where(named).with_for_update()).one_or_none()
        if found is None:
            raise IntegrityError("the head of the log of verdicts is missing")
        head = Head(found.n, bytes(found.chain)).checked(self._keys, found.mac, VERDICT_LOG.head)
        row = {"seq": head.n + 1, **self._row(record, tenant, patient_key)}
        head = Head(head.n + 1, link(head.link, row, VERDICT_LOG))
        connection.execute(insert(VERDICTS).values({**row, "chain": head.link}))
        values = {"n": head.n, "chain": head.link, "mac": head.mac(self._keys, VERDICT_LOG.head)}
        connection.execute(update(HEADS).where(named).values(values))

    def _row(self, record: VerdictRecord, tenant: str, patient_key: bytes) -> dict[str, Any]:
        told = asdict(record)
        plain = {name: told.pop(name) for name in _PLAIN}
        content = self._keys.close(_place(tenant, plain), json.dumps(told, allow_nan=False).encode())
        return {
            **plain,
            "tenant": tenant,
            "key_id": self._keys.current,
            "patient_key": patient_key,
            "content": content,
            "content_hash": content_hash(patient_key, content),
        }

    def _record(self, row: Mapping[Any, Any]) -> VerdictRecord:
        plain = {name: row[name] for name in _PLAIN}
        told = json.loads(self._keys.open(row["key_id"], _place(row["tenant"], plain), bytes(row["content"])))
        return VerdictRecord(**plain, **{**told, "reasons": tuple(told["reasons"])})


def counting(told: Sequence[VerdictRecord]) -> tuple[VerdictRecord, ...]:
    """The verdicts that count: of each reader the last one, in the order in which readers came."""
    return tuple({one.by: one for one in told}.values())


def state_of(told: Sequence[VerdictRecord]) -> tuple[str, int]:
    """What all readers say, `SPLIT` where they differ, nothing where nobody has; and how many they are."""
    own = counting(told)
    said = {one.verdict for one in own}
    return (said.pop() if len(said) == 1 else SPLIT if said else ""), len(own)


def _says(record: VerdictRecord) -> tuple[str, tuple[str, ...], str]:
    return record.verdict, record.reasons, record.comment


def _of(prediction_id: str, tenant: str) -> tuple[Any, ...]:
    return _OWN.prediction_id == prediction_id, _OWN.tenant == tenant


def _place(tenant: str, plain: Mapping[str, Any]) -> str:
    return "/".join(("verdicts", tenant, *(plain[name] for name in _PLAIN)))


def _patient_key(connection: Connection, prediction_id: str, tenant: str) -> bytes:
    own = PREDICTIONS.c
    asked = select(own.patient_key).where(own.id == prediction_id, own.tenant == tenant).with_for_update()
    found = connection.execute(asked).scalar()
    if found is None:
        raise RequestError("unknown-prediction", "Use the id of an answer given by this service.")
    return bytes(found)
