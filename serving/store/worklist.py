"""The answers of a tenant as a list, newest first, filtered by what stands in plain beside each.

Answers are listed after they were given, so that giving them costs no more: some seconds later in the
background, and before anybody looks. A head named `worklist` says up to which row of the log they are.
Pages go by the id of the row where the last one ended, so that a page far down costs what the first does and
answers that come meanwhile move nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.sql import ColumnElement

from features.errors import IntegrityError
from serving.store.chain import HEAD, Head
from serving.store.database import reading, writing
from serving.store.glance import glance_row, place
from serving.store.keys import KeyRing
from serving.store.predictions import prediction_record
from serving.store.tables import HEADS, PREDICTIONS, WORKLIST

MOST_COUNTED = 1000
"""Answers are counted up to here; of more it is only said that there are more."""

LISTED = "worklist"
_OWN = WORKLIST.c
_BATCH = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """What is listed; None filters nothing.

    `verdict` is a state of `serving.store.verdicts.state_of`, nothing for what nobody signed, or `signed`;
    `least_width` leaves narrower intervals out; `readers` is how many signed; `patient` is the keyed hash of
    one patient.
    """

    kinds: tuple[str, ...]
    study: str | None = None
    notice: str | None = None
    declined: bool | None = None
    least_width: float | None = None
    verdict: str | None = None
    readers: int | None = None
    patient: bytes | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One answer of the list; `label` is what was sealed of it: whom it is about, and what it says."""

    id: str
    time: str
    study: str
    version: int
    kind: str
    declined: bool
    width: float | None
    notices: tuple[str, ...]
    verdict: str
    readers: int
    label: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Some answers, newest first; whether newer and older ones are listed too, and how many in all.

    `n` stops at `MOST_COUNTED` + 1.
    """

    rows: tuple[Listed, ...]
    has_newer: bool
    has_older: bool
    n: int


class Worklist:
    """The list of answers of one store."""

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self._engine, self._keys = engine, keys

    def page(
        self,
        tenant: str,
        asked: Asked,
        size: int,
        older_than: str | None = None,
        newer_than: str | None = None,
    ) -> Page:
        """So many answers of a tenant before or after one id; the newest where neither is given."""
        self.catch_up()
        chosen = [_OWN.tenant == tenant, *_conditions(asked)]
        with reading(self._engine) as connection:
            counted = select(_OWN.id).where(*chosen).limit(MOST_COUNTED + 1).subquery()
            n = connection.execute(select(func.count()).select_from(counted)).scalar_one()
            if newer_than is not None:
                query = select(WORKLIST).where(*chosen, _OWN.id > newer_than).order_by(_OWN.id)
            else:
                before = [] if older_than is None else [_OWN.id < older_than]
                query = select(WORKLIST).where(*chosen, *before).order_by(_OWN.id.desc())
            found = connection.execute(query.limit(size + 1)).mappings().all()
        has_more = len(found) > size
        rows = tuple(map(self._listed, found[:size]))
        if newer_than is not None:
            return Page(rows[::-1], has_more, True, n)
        return Page(rows, older_than is not None, has_more, n)

    def catch_up(self) -> int:
        """Lists every answer that is not listed yet; how many."""
        return catch_up(self._engine, self._keys)

    def n_answers(self) -> int:
        """How many answers were ever given."""
        with reading(self._engine) as connection:
            found = connection.execute(select(HEADS.c.n).where(HEADS.c.name == HEAD)).scalar_one_or_none()
            return int(found or 0)

    def hidden(self, tenant: str, patient_id: str) -> bytes:
        """The keyed hash under which a tenant's patient is found; it says nothing to who lacks the keys."""
        return self._keys.hidden(tenant, patient_id)

    def _listed(self, row: Mapping[Any, Any]) -> Listed:
        sealed = bytes(row["content"])
        label = json.loads(self._keys.open(row["key_id"], place(row["tenant"], row["id"]), sealed))
        plain = {name: row[name] for name in ("id", "time", "study", "version", "kind", "width")}
        state = {name: row[name] for name in ("verdict", "readers")}
        notices = tuple(row["notices"].split())
        return Listed(**plain, **state, declined=bool(row["declined"]), notices=notices, label=label)


def catch_up(engine: Engine, keys: KeyRing) -> int:
    """Lists every answer that is not listed yet, and is not erased; how many.

    A row that does not open is left out: it stops nobody, and `log verify` names it.
    """
    n = 0
    while _is_behind(engine):
        n += _listed_next(engine, keys)
    return n


def _is_behind(engine: Engine) -> bool:
    own = HEADS.c
    with reading(engine) as connection:
        asked = select(own.name, own.n).where(own.name.in_((HEAD, LISTED)))
        found = {row.name: row.n for row in connection.execute(asked)}
    return found.get(LISTED, 0) < found.get(HEAD, 0)


def _listed_next(engine: Engine, keys: KeyRing) -> int:
    """Lists some answers in one short transaction, so that no answer waits long for it."""
    own, mark = PREDICTIONS.c, HEADS.c.name == LISTED
    with writing(engine) as connection:
        after = connection.execute(select(HEADS.c.n).where(mark).with_for_update()).scalar_one()
        asked = select(PREDICTIONS).where(own.seq > after).order_by(own.seq).limit(_BATCH)
        found = connection.execute(asked.with_for_update(read=True)).mappings().all()
        rows = list(_glances(found, keys))
        if rows:
            connection.execute(insert(WORKLIST), rows)
        head = Head(found[-1]["seq"] if found else _last(connection))
        values = {"n": head.n, "mac": head.mac(keys, LISTED)}
        connection.execute(update(HEADS).where(mark).values(values))
    return len(rows)


def _last(connection: Connection) -> int:
    """How many answers the log's head counts, where the rows themselves are gone."""
    return int(connection.execute(select(HEADS.c.n).where(HEADS.c.name == HEAD)).scalar_one())


def _glances(found: Sequence[Mapping[Any, Any]], keys: KeyRing) -> Iterator[dict[str, Any]]:
    for row in found:
        if row["content"] is None:
            continue
        try:
            record = prediction_record(keys, row)
        except IntegrityError:
            continue
        yield glance_row(keys, record, row["tenant"])


def _conditions(asked: Asked) -> Iterator[ColumnElement[bool]]:
    yield _OWN.kind.in_(asked.kinds)
    if asked.study is not None:
        yield _OWN.study == asked.study
    if asked.notice is not None:
        yield _OWN.notices.contains(f" {asked.notice} ", autoescape=True)
    if asked.declined is not None:
        yield _OWN.declined == asked.declined
    if asked.least_width is not None:
        yield _OWN.width >= asked.least_width
    if asked.verdict is not None:
        yield _OWN.verdict != "" if asked.verdict == "signed" else _OWN.verdict == asked.verdict
    if asked.readers is not None:
        yield _OWN.readers == asked.readers
    if asked.patient is not None:
        about = select(PREDICTIONS.c.id).where(PREDICTIONS.c.patient_key == asked.patient)
        yield _OWN.id.in_(about)
