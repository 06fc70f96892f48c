"""Forgetting: one patient by name, or everybody's content once it is older than it may become.

A prediction keeps its place in the chain, and so does a verdict: content and patient hash go, content hash
and a tombstone stay (see `serving.store.chain`). Verdicts on model versions are about no patient and stay
whole. Outcomes, feedback, kept answers and the worklist's rows of the patient are deleted. Afterwards the
files are cleared: see `serving.store.traces`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Label,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)

from serving.store.chain import PREDICTION_LOG, VERDICT_LOG, Log, tombstone
from serving.store.database import writing
from serving.store.keys import NONCE_BYTES, KeyRing
from serving.store.records import Erasure, new_id
from serving.store.tables import ERASURES, FEEDBACK, IDEMPOTENCY, OUTCOMES, PREDICTIONS, VERDICTS, WORKLIST
from serving.store.traces import clear
from serving.store.verdict_rows import on_models

_OTHERS = (OUTCOMES, FEEDBACK, IDEMPOTENCY)
_BATCH = 1000
_MOST_SOUGHT = 200


def erase_patient(engine: Engine, keys: KeyRing, tenant: str, patient_id: str, by: str = "") -> Erasure:
    """Leaves nothing of a tenant's patient in the store; raises the 503 problem when it cannot be kept.

    `traces` of the result says where something could not be cleared; it is empty when nothing is left.
    """
    key = keys.hidden(tenant, patient_id)
    with writing(engine) as connection:
        chosen = and_(PREDICTIONS.c.patient_key == key, PREDICTIONS.c.tenant == tenant)
        erasure, sought = _forget(connection, keys, chosen, _new(tenant, "patient", by))
        said = and_(VERDICTS.c.patient_key == key, VERDICTS.c.tenant == tenant)
        n = _forget_verdicts(connection, keys, said, erasure, sought)
        for table in _OTHERS:
            own = and_(table.c.patient_key == key, table.c.tenant == tenant)
            contents = connection.execute(select(table.c.content).where(own)).scalars().all()
            sought += [bytes(content[:NONCE_BYTES]) for content in contents if content is not None]
            n += connection.execute(delete(table).where(own)).rowcount
        erasure = _noted(connection, replace(erasure, n_others=n))
    return replace(erasure, traces=clear(engine, (key, *sought)))


def retain(engine: Engine, keys: KeyRing, days: float, now: datetime | None = None) -> tuple[Erasure, ...]:
    """Erases the content of whatever is older than so many days, by tenant; what was erased."""
    before = ((now or datetime.now(UTC)) - timedelta(days=days)).isoformat(timespec="milliseconds")
    sought: list[bytes] = []
    done: list[Erasure] = []
    with writing(engine) as connection:
        for tenant in _tenants(connection, before):
            own = PREDICTIONS.c
            chosen = and_(own.tenant == tenant, own.time < before, own.content.is_not(None))
            erasure, found = _forget(connection, keys, chosen, _new(tenant, "retention", ""))
            left = select(own.id).where(own.tenant == tenant, own.content.is_not(None))
            gone = or_(VERDICTS.c.time < before, VERDICTS.c.prediction_id.not_in(left))
            kept = VERDICTS.c.content.is_not(None), not_(on_models())
            said = and_(VERDICTS.c.tenant == tenant, *kept, gone)
            n = _forget_verdicts(connection, keys, said, erasure, found)
            for table in (OUTCOMES, FEEDBACK):
                gone = table.c.prediction_id.not_in(left)
                old = and_(table.c.tenant == tenant, or_(table.c.time < before, gone))
                n += connection.execute(delete(table).where(old)).rowcount
            done.append(_noted(connection, replace(erasure, n_others=n)))
            sought += found
    if not done:
        return ()
    traces = clear(engine, sought[:_MOST_SOUGHT])
    return tuple(replace(erasure, traces=traces) for erasure in done)


def _forget(
    connection: Connection, keys: KeyRing, chosen: ColumnElement[bool], erasure: Erasure
) -> tuple[Erasure, list[bytes]]:
    """Empties the chosen predictions; how many, and the nonces that are to be found nowhere any more."""
    rows = _emptied(connection, keys, chosen, erasure, PREDICTION_LOG)
    sought = [bytes(row.nonce) for row in rows]
    for part in _parts(rows):
        listed = and_(WORKLIST.c.tenant == erasure.tenant, WORKLIST.c.id.in_([row.id for row in part]))
        sought += map(bytes, connection.execute(select(_nonce(WORKLIST)).where(listed)).scalars())
        connection.execute(delete(WORKLIST).where(listed))
    return replace(erasure, n_predictions=len(rows)), sought


def _forget_verdicts(
    connection: Connection,
    keys: KeyRing,
    chosen: ColumnElement[bool],
    erasure: Erasure,
    sought: list[bytes],
) -> int:
    """Empties the chosen verdicts and adds their nonces to those sought; how many."""
    rows = _emptied(connection, keys, chosen, erasure, VERDICT_LOG)
    sought += [bytes(row.nonce) for row in rows]
    return len(rows)


def _emptied(
    connection: Connection, keys: KeyRing, chosen: ColumnElement[bool], erasure: Erasure, log: Log
) -> Sequence[Any]:
    own = log.table.c
    asked = select(own.seq, own.id, own.content_hash, _nonce(log.table)).where(chosen)
    rows = connection.execute(asked).all()
    emptied = (
        update(log.table)
        .where(own.seq == bindparam("row"))
        .values(content=None, patient_key=None, erasure=erasure.id, tombstone=bindparam("left"))
    )
    for part in _parts(rows):
        left = [
            {"row": seq, "left": tombstone(keys, one, bytes(hashed), erasure.id)}
            for seq, one, hashed, _ in part
        ]
        connection.execute(emptied, left)
    return rows


def _nonce(table: Table) -> Label[Any]:
    return func.substr(table.c.content, 1, NONCE_BYTES).label("nonce")


def _noted(connection: Connection, erasure: Erasure) -> Erasure:
    kept = {name: value for name, value in asdict(erasure).items() if name != "traces"}
    connection.execute(insert(ERASURES).values(kept))
    return erasure


def _new(tenant: str, cause: Literal["patient", "retention"], by: str) -> Erasure:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Erasure(new_id(), now, tenant, cause, by, 0, 0)


def _tenants(connection: Connection, before: str) -> Sequence[str]:
    """Who has something that is older."""
    found: set[str] = set()
    for table in (PREDICTIONS, OUTCOMES, FEEDBACK, VERDICTS):
        old = and_(table.c.time < before, table.c.content.is_not(None))
        old = and_(old, not_(on_models())) if table is VERDICTS else old
        found |= set(connection.execute(select(table.c.tenant).where(old).distinct()).scalars())
    return sorted(found)


def _parts(rows: Sequence[Any]) -> list[Sequence[Any]]:
    return [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
