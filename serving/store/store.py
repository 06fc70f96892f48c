"""The store of one worker: every row that the service keeps, on one database, under one key ring."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

from sqlalchemy import Engine, inspect, text

from features.errors import RxplainError
from serving.settings import Settings
from serving.store.attachments import feedback, outcomes
from serving.store.audit import Audit
from serving.store.chain import VERDICT_LOG, Head, Verified, verify
from serving.store.database import open_engine, reading
from serving.store.erasure import erase_patient, retain
from serving.store.keys import KeyRing, made_keys, read_keys
from serving.store.model_verdicts import ModelVerdicts
from serving.store.once import Idempotency, ReplayGuard
from serving.store.predictions import Predictions
from serving.store.records import Erasure, StoredAnswer
from serving.store.verdicts import Verdicts
from serving.store.worklist import Worklist
from serving.store.writer import Writer

_log = logging.getLogger("rxplain.store")
_RETAIN_EVERY_S = 3600.0
_LIST_EVERY_S, _LIST_WITHIN_S = 1.0, 10.0
REVISION = "0003"
"""The newest revision under `migrations/versions`."""


class Store:
    """The store, open until `close`.

    `predictions`, `outcomes`, `feedback`, `verdicts`, `model_verdicts` and `audit` append and find,
    `worklist` lists; every row belongs to a tenant, and another tenant's is not found. Methods named
    `append`, `note`, `idempotent` and `seen_jti` are for the event loop and return once the row is on disk.
    """

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self.engine, self.keys = engine, keys
        self._writer = Writer(engine, keys)
        self.predictions = Predictions(engine, keys, self._writer)
        self.outcomes = outcomes(engine, keys)
        self.feedback = feedback(engine, keys)
        self.verdicts = Verdicts(engine, keys)
        self.model_verdicts = ModelVerdicts(engine, keys)
        self.worklist = Worklist(engine, keys)
        self.audit = Audit(engine, self._writer)
        self._idempotency = Idempotency(engine, keys)
        self._seen = ReplayGuard(engine, keys)

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The store of these settings; its tables are made or brought up to date where they are not."""
        keys = key_ring(settings)
        engine = open_engine(settings.store_url)
        try:
            if revision_of(engine) != REVISION:
                importlib.import_module("serving.store.migrate").migrate(engine, keys, settings.home)
            return cls(engine, keys)
        except BaseException:
            engine.dispose()
            raise

    async def idempotent(
        self, key: str, tenant: str, route: str, body: bytes, make: Callable[[], Awaitable[StoredAnswer]]
    ) -> StoredAnswer:
        """The answer to an idempotency key; see `serving.store.once.Idempotency.answer`."""
        return await self._idempotency.answer(key, tenant, route, body, make)

    async def seen_jti(self, issuer: str, jti: str, expires: float) -> bool:
        """Whether a checked token was used before by any worker; from now on it was."""
        return await self._seen.seen(issuer, jti, expires)

    def verify(self, known: Head | None = None) -> Verified:
        """What a walk along the chain of predictions finds; see `serving.store.chain`."""
        return verify(self.engine, self.keys, known)

    def verify_verdicts(self, known: Head | None = None) -> Verified:
        """What a walk along the chain of verdicts finds."""
        return verify(self.engine, self.keys, known, VERDICT_LOG)

    def erase(self, tenant: str, patient_id: str, by: str = "") -> Erasure:
        """Leaves nothing of a tenant's patient."""
        return erase_patient(self.engine, self.keys, tenant, patient_id, by)

    def retain(self, days: float) -> tuple[Erasure, ...]:
        """Erases what is older than so many days."""
        return retain(self.engine, self.keys, days)

    async def keep(self, days: float | None, told: Callable[[bool], None]) -> None:
        """Erases what is older than so many days, every hour for ever; None keeps all.

        `told` hears each time whether it succeeded.
        """
        while days is not None:
            try:
                await asyncio.to_thread(self.retain, days)
                told(True)
            except RxplainError as error:
                _log.error("what is too old could not be erased", exc_info=error)
                told(False)
            await asyncio.sleep(_RETAIN_EVERY_S)

    async def keep_listed(self) -> None:
        """Lists the answers given meanwhile, for ever: once they pause, at the latest after ten seconds.

        So whoever answers many does not share the processor with it; a page lists what it lacks by itself.
        """
        seen, waited = -1, 0.0
        while True:
            await asyncio.sleep(_LIST_EVERY_S)
            waited += _LIST_EVERY_S
            try:
                n = await asyncio.to_thread(self.worklist.n_answers)
                if n == seen or waited >= _LIST_WITHIN_S:
                    waited = 0.0
                    await asyncio.to_thread(self.worklist.catch_up)
                seen = n
            except RxplainError as error:
                _log.error("answers could not be listed", exc_info=error)

    def close(self) -> None:
        """Close every connection; what was answered is already on disk."""
        self._writer.close()
        self.engine.dispose()


def key_ring(settings: Settings) -> KeyRing:
    """The configured key file's ring; without one, that of the home, made on the first start."""
    return read_keys(settings.keys) if settings.keys else made_keys(settings.home / "keys.json")


def key_file(settings: Settings) -> Path:
    """Where the keys lie."""
    return settings.keys or settings.home / "keys.json"


def revision_of(engine: Engine) -> str | None:
    """The revision that a database's tables are at; None before the first."""
    with reading(engine) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)
