"""What those who inspected a model version think of it, in the same sealed chain as verdicts on answers.

A verdict belongs to the tenant whose reader signed, and no other tenant sees it; whether a version may be
promoted is asked of all tenants, since a promoted model answers all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Engine, select

from serving.store.database import reading, writing
from serving.store.keys import KeyRing
from serving.store.records import ModelVerdictRecord
from serving.store.tables import VERDICTS
from serving.store.verdict_rows import (
    OF_NOBODY,
    add,
    locked_head,
    model_subject,
    on_models,
    opened,
    sealed,
)
from serving.store.verdicts import counting, repeats

_OWN = VERDICTS.c


class ModelVerdicts:
    """The verdicts on model versions of one store."""

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self._engine, self._keys = engine, keys

    async def append(self, record: ModelVerdictRecord, tenant: str) -> ModelVerdictRecord:
        """The verdict as it was kept, once it is on disk: it amends the same reader's one before.

        One that repeats the reader's own last word is not kept again; that last word is returned. Raises the
        503 problem when it cannot be kept.
        """
        return await asyncio.to_thread(self.write, record, tenant)

    def write(self, record: ModelVerdictRecord, tenant: str) -> ModelVerdictRecord:
        """The same outside an event loop."""
        with writing(self._engine) as connection:
            head = locked_head(connection, self._keys)
            known = [one for _, one in self._read(connection, _of(record.digest, tenant))]
            mine = next((one for one in reversed(known) if one.by == record.by), None)
            if mine is not None and repeats(record, mine):
                return mine
            record = replace(record, amends=None if mine is None else mine.id)
            add(connection, self._keys, head, sealed(self._keys, tenant, _told(record), OF_NOBODY))
        return record

    def of_version(self, digest: str, tenant: str) -> tuple[ModelVerdictRecord, ...]:
        """What the tenant's readers said of a bundle, oldest first."""
        with reading(self._engine) as connection:
            return tuple(one for _, one in self._read(connection, _of(digest, tenant)))

    def of_study(self, study: str, tenant: str) -> tuple[ModelVerdictRecord, ...]:
        """What the tenant's readers said of any version of a study, oldest first."""
        with reading(self._engine) as connection:
            found = self._read(connection, (on_models(), _OWN.tenant == tenant))
            return tuple(one for _, one in found if one.study == study)

    def last_words(self, study: str) -> tuple[tuple[str, ModelVerdictRecord], ...]:
        """What counts of every tenant: of each reader the last verdict on each version, with the tenant."""
        said: dict[tuple[str, str], list[ModelVerdictRecord]] = {}
        with reading(self._engine) as connection:
            for tenant, one in self._read(connection, (on_models(),)):
                if one.study == study:
                    said.setdefault((tenant, one.digest), []).append(one)
        return tuple((tenant, one) for (tenant, _), told in said.items() for one in counting(told))

    def _read(
        self, connection: Connection, chosen: Iterable[Any]
    ) -> Iterator[tuple[str, ModelVerdictRecord]]:
        asked = select(VERDICTS).where(*chosen, _OWN.content.is_not(None)).order_by(_OWN.seq)
        for row in connection.execute(asked).mappings():
            told = opened(self._keys, row)
            told["digest"] = told.pop("prediction_id").partition(":")[2]
            yield row["tenant"], ModelVerdictRecord(**told)


def _told(record: ModelVerdictRecord) -> dict[str, Any]:
    told = asdict(record)
    told["prediction_id"] = model_subject(told.pop("digest"))
    return told


def _of(digest: str, tenant: str) -> tuple[Any, ...]:
    return _OWN.prediction_id == model_subject(digest), _OWN.tenant == tenant
