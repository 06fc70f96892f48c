"""What may happen once only, across all workers: an idempotency key's answer, and a token's `jti`.

A key is claimed in one commit before the work and answered in another after it; whoever asks meanwhile waits,
then is told to come back. Claims of a worker that died can be taken over after `CLAIM_S`. Should it have died
between the prediction's row and the key's answer, the next one makes a second row: an answer may be recorded
twice, never given unrecorded. Keys and tokens are kept as keyed hashes, answers sealed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from serving.errors import RequestError
from serving.store.database import writing
from serving.store.keys import KeyRing
from serving.store.records import StoredAnswer, new_id
from serving.store.tables import IDEMPOTENCY, SEEN

KEPT_S = 24 * 3600.0
CLAIM_S = 30.0
WAIT_S = 2.0
_LOOK_AGAIN_S = 0.05
_OWN = IDEMPOTENCY.c


class Idempotency:
    """The answers that were given to idempotency keys."""

    def __init__(
        self, engine: Engine, keys: KeyRing, clock: Callable[[], float] = time.time, wait_s: float = WAIT_S
    ) -> None:
        self._engine, self._keys, self._clock, self._wait_s = engine, keys, clock, wait_s

    async def answer(
        self, key: str, tenant: str, route: str, body: bytes, make: Callable[[], Awaitable[StoredAnswer]]
    ) -> StoredAnswer:
        """The answer to this key: what `make` gives the first time, the same again for 24 hours.

        Raises the 422 problem `idempotency-mismatch` when the key came with another body or route, and 409
        `idempotency-in-progress` when another request of this key is still at work after two seconds. An
        error of `make` is raised and not kept, so that the client may try again.
        """
        key_hash = self._keys.hidden(tenant, "idempotency", key)
        body_hash = self._keys.hidden(tenant, "body", route, body.hex())
        owner, until = new_id(), self._clock() + self._wait_s
        while True:
            row = await asyncio.to_thread(self._claim, key_hash, body_hash, tenant, owner)
            if row is None:
                return await self._make(key_hash, tenant, owner, make)
            if bytes(row["body_hash"]) != body_hash:
                raise RequestError("idempotency-mismatch", "Send another key with another request.")
            if row["content"] is not None:
                return self._again(row)
            if self._clock() >= until:
                raise RequestError("idempotency-in-progress", "Ask again in a moment.", retry_after_s=1)
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _make(
        self, key_hash: bytes, tenant: str, owner: str, make: Callable[[], Awaitable[StoredAnswer]]
    ) -> StoredAnswer:
        try:
            made = await make()
        except BaseException:
            await asyncio.shield(asyncio.to_thread(self._forget, key_hash, owner))
            raise
        await asyncio.to_thread(self._keep, key_hash, tenant, owner, made)
        return made

    def _claim(self, key_hash: bytes, body_hash: bytes, tenant: str, owner: str) -> Mapping[Any, Any] | None:
        """None when the claim is now the owner's, else the row that stands in its way."""
        now = self._clock()
        claim = {"owner": owner, "claimed_until": now + CLAIM_S, "expires": now + KEPT_S}
        try:
            with writing(self._engine) as connection:
                connection.execute(delete(IDEMPOTENCY).where(_OWN.expires < now))
                asked = select(IDEMPOTENCY).where(_OWN.key_hash == key_hash).with_for_update()
                row = connection.execute(asked).mappings().one_or_none()
                if row is None:
                    new = {"key_hash": key_hash, "tenant": tenant, "body_hash": body_hash, **claim}
                    connection.execute(insert(IDEMPOTENCY).values(new))
                    return None
                is_left = row["content"] is None and row["claimed_until"] < now
                if is_left and bytes(row["body_hash"]) == body_hash:
                    connection.execute(update(IDEMPOTENCY).where(_OWN.key_hash == key_hash).values(claim))
                    return None
                return row
        except IntegrityError:  # another worker's claim came first: look at it
            return self._claim(key_hash, body_hash, tenant, owner)

    def _keep(self, key_hash: bytes, tenant: str, owner: str, made: StoredAnswer) -> None:
        place = f"idempotency/{tenant}/{key_hash.hex()}/{made.status}/{made.media}"
        values = {
            "status": made.status,
            "media": made.media,
            "key_id": self._keys.current,
            "content": self._keys.close(place, made.body),
            "patient_key": None if made.patient_id is None else self._keys.hidden(tenant, made.patient_id),
        }
        mine = _OWN.key_hash == key_hash, _OWN.owner == owner
        with writing(self._engine) as connection:
            connection.execute(update(IDEMPOTENCY).where(*mine).values(values))

    def _forget(self, key_hash: bytes, owner: str) -> None:
        mine = _OWN.key_hash == key_hash, _OWN.owner == owner
        with writing(self._engine) as connection:
            connection.execute(delete(IDEMPOTENCY).where(*mine))

    def _again(self, row: Mapping[Any, Any]) -> StoredAnswer:
        hashed = bytes(row["key_hash"]).hex()
        place = f"idempotency/{row['tenant']}/{hashed}/{row['status']}/{row['media']}"
        body = self._keys.open(row["key_id"], place, bytes(row["content"]))
        return StoredAnswer(row["status"], row["media"], body, repeated=True)


class ReplayGuard:
    """The tokens that were used, until they expire."""

    def __init__(self, engine: Engine, keys: KeyRing, clock: Callable[[], float] = time.time) -> None:
        self._engine, self._keys, self._clock = engine, keys, clock

    async def seen(self, issuer: str, jti: str, expires: float) -> bool:
        """Whether any worker was shown this token before; from now on it was. `expires` is the token's `exp`.

        The token must have been checked before, its expiry too.
        """
        return await asyncio.to_thread(self.note, issuer, jti, expires)

    def note(self, issuer: str, jti: str, expires: float) -> bool:
        """The same outside an event loop."""
        row = {"jti_hash": self._keys.hidden(issuer, "jti", jti), "expires": expires}
        try:
            with writing(self._engine) as connection:
                connection.execute(delete(SEEN).where(SEEN.c.expires < self._clock() - CLAIM_S))
                connection.execute(insert(SEEN).values(row))
        except IntegrityError:
            return True
        return False
