"""One chain through all predictions, and one through all verdicts, each with a keyed head: what shows that a
row was altered, lost or added.

Each row's link is the SHA-256 of the link before, the row's plain columns and its content hash (SHA-256 of
the patient's keyed hash and the sealed content). The head says how many rows there are and the last link,
under a keyed hash (HMAC) that is renewed in the transaction that adds rows. There is one head for all workers
and not one for each: its row is what writers lock (`BEGIN IMMEDIATE` in SQLite, `SELECT ... FOR UPDATE` in
PostgreSQL), rows that wait share a commit, and one order leaves no way to drop a whole worker's chain.

Erasing a patient deletes content and patient hash but leaves the content hash, on which the chain rests, and
a tombstone: a keyed hash of row and erasure. So an erased row still counts, and one that was emptied by
anybody without the keys shows.

What shows without more: every edit, deletion, insertion, reordering and truncation, the tail's included, by
anybody who cannot read the key file. What does not: the whole store put back to an earlier state of itself,
head and all. For that, keep the head that `log verify` prints somewhere else and give it back with `--head`.
Whoever holds the keys can write any history; keep them from whoever administers the database.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table, select

from features.errors import IntegrityError, SettingsError
from serving.store.database import reading, streamed
from serving.store.keys import KeyRing, told
from serving.store.tables import ERASURES, HEADS, PREDICTIONS, VERDICTS

HEAD = "predictions"
START = b"\0" * 32


@dataclass(frozen=True, slots=True)
class Log:
    """A table whose rows are chained: the name of its head, and the plain columns that a link binds."""

    head: str
    table: Table
    plain: tuple[str, ...]


PREDICTION_LOG = Log(
    HEAD,
    PREDICTIONS,
    ("seq", "id", "tenant", "time", "study", "version", "digest", "latency_ms", "key_id"),
)
VERDICT_LOG = Log("verdicts", VERDICTS, ("seq", "id", "tenant", "time", "prediction_id", "key_id"))


@dataclass(frozen=True, slots=True)
class Head:
    """How many rows there are, and the last one's link."""

    n: int = 0
    link: bytes = START

    def mac(self, keys: KeyRing, name: str = HEAD) -> bytes:
        """What only a holder of the keys can say of this head of a log."""
        return keys.vouched("head", name, self.n, self.link.hex())

    def checked(self, keys: KeyRing, mac: bytes, name: str = HEAD) -> Head:
        """Itself; raises IntegrityError when the keyed hash is another's."""
        if not hmac.compare_digest(self.mac(keys, name), bytes(mac)):
            raise IntegrityError(f"the head of the log of {name} was not written by this service's keys")
        return self

    def __str__(self) -> str:
        return f"{self.n}:{self.link.hex()}"

    @classmethod
    def read(cls, text: str) -> Head:
        """A head as `log verify` printed it."""
        found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text)
        if found is None:
            raise SettingsError("a head is a count, a colon and 64 hex digits, as `log verify` prints it")
        return cls(int(found[1]), bytes.fromhex(found[2]))


@dataclass(frozen=True, slots=True)
class Verified:
    """What a walk along the chain found; `broken` is the first wrong row's number, `why` what is wrong."""

    head: Head
    n_rows: int
    n_erased: int
    broken: int | None = None
    why: str = ""


def content_hash(patient_key: bytes, content: bytes) -> bytes:
    """What stays of a row's content when the content goes."""
    return hashlib.sha256(patient_key + content).digest()


def link(before: bytes, row: Mapping[Any, Any], log: Log = PREDICTION_LOG) -> bytes:
    """The hash that binds a row of a log to the one before it."""
    plain = told(*[row[name] for name in log.plain])
    return hashlib.sha256(before + row["content_hash"] + plain).digest()


def tombstone(keys: KeyRing, row_id: str, hashed: bytes, erasure: str) -> bytes:
    """What only a holder of the keys can leave in the place of a row's content."""
    return keys.vouched("tombstone", row_id, hashed.hex(), erasure)


def verify(engine: Engine, keys: KeyRing, known: Head | None = None, log: Log = PREDICTION_LOG) -> Verified:
    """Walks the whole chain of a log; `known` is an earlier head that must lie on it."""
    with reading(engine) as connection:
        head, fault = _head(connection, keys, log)
        erasures = set(connection.execute(select(ERASURES.c.id)).scalars())
        walk = _Walk(keys, erasures, known, log)
        with streamed(connection, select(log.table).order_by(log.table.c.seq)) as rows:
            why = next(filter(None, map(walk.step, rows)), "")
    if why:
        return Verified(head, walk.n, walk.n_erased, walk.n + 1, why)
    why = fault or walk.end(head)
    return Verified(head, walk.n, walk.n_erased, walk.n + 1 if why else None, why)


class _Walk:
    """Where a walk along the chain stands."""

    def __init__(self, keys: KeyRing, erasures: set[str], known: Head | None, log: Log) -> None:
        self._keys, self._erasures, self._known, self._log = keys, erasures, known, log
        self._link = START
        self.n = self.n_erased = 0

    def step(self, row: Mapping[Any, Any]) -> str:
        """What is wrong with the next row, or nothing."""
        before, self._link = self._link, link(self._link, row, self._log)
        if row["seq"] != self.n + 1:
            return "a row is missing, was added or stands elsewhere"
        if self._link != row["chain"]:
            return f"a column was altered, or the row does not follow {before.hex()[:8]}"
        if why := self._content(row):
            return why
        self.n += 1
        if self._known is not None and self._known.n == self.n and self._known.link != self._link:
            return "the log is another than the one whose head was noted"
        return ""

    def end(self, head: Head) -> str:
        """What is wrong with where the chain ends, or nothing."""
        if (head.n, head.link) != (self.n, self._link):
            return f"the chain ends here, but its head counts {head.n} rows"
        if self._known is not None and self._known.n > self.n:
            return f"the log is older than the head that was noted, of {self._known.n} rows"
        return ""

    def _content(self, row: Mapping[Any, Any]) -> str:
        if row["content"] is not None:
            if row["patient_key"] is None:
                return "the patient's hash was taken away"
            right = content_hash(row["patient_key"], row["content"]) == row["content_hash"]
            return "" if right else "the content was altered"
        self.n_erased += 1
        left = tombstone(self._keys, row["id"], row["content_hash"], str(row["erasure"]))
        if row["erasure"] not in self._erasures or not hmac.compare_digest(left, row["tombstone"] or b""):
            return "the content was taken away by other means than erasure"
        return ""


def _head(connection: Connection, keys: KeyRing, log: Log) -> tuple[Head, str]:
    found = connection.execute(select(HEADS).where(HEADS.c.name == log.head)).one_or_none()
    if found is None:
        return Head(), "the head is missing"
    head = Head(found.n, bytes(found.chain))
    try:
        return head.checked(keys, found.mac, log.head), ""
    except IntegrityError as error:
        return head, str(error)
