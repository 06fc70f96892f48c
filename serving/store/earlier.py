"""The prediction log of version 0.1, `predictions.db` in plain text: proved, brought over, and taken away.

Its chain must hold before; each row is read back from the store and compared after. The file is removed only
once all its rows are durable in the store, since it holds in plain what the store seals.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select, update

from features.errors import IntegrityError
from serving.access.caller import LOCAL
from serving.store.chain import HEAD, START, Head, link
from serving.store.database import reading, streamed
from serving.store.keys import KeyRing
from serving.store.predictions import prediction_record, prediction_row
from serving.store.records import PredictionRecord
from serving.store.tables import HEADS, PREDICTIONS

FILE = "predictions.db"
_COLUMNS = "id, time, study, version, digest, patient_id, request, answer, latency_ms"
_BATCH = 200


@dataclass(frozen=True)
class Earlier:
    """The earlier log that lies in a home, if one does, and the keys of the store that takes it in."""

    home: Path
    keys: KeyRing

    @property
    def path(self) -> Path:
        """Where it lies, or would."""
        return self.home / FILE

    def records(self) -> Iterator[PredictionRecord]:
        """Its rows in order; raises IntegrityError at the first whose chain does not hold."""
        if not self.path.is_file():
            return
        chain, position = START, 0
        with closing(sqlite3.connect(self.path)) as log:
            if not log.execute("SELECT 1 FROM sqlite_master WHERE name = 'predictions'").fetchone():
                return
            query = f"SELECT seq, chain, {_COLUMNS} FROM predictions ORDER BY seq"
            for position, (seq, recorded, *row) in enumerate(log.execute(query), start=1):
                chain = hashlib.sha256(chain + "\x1f".join(map(str, row)).encode()).digest()
                if (chain, position) != (recorded, seq):
                    raise IntegrityError(
                        f"row {position} of the earlier log {FILE} was altered, so it is not brought over; "
                        "keep it as evidence outside RXPLAIN_HOME, then start again"
                    )
                yield PredictionRecord(*row)

    def first_head(self) -> dict[str, object]:
        """The head's row of a chain without rows."""
        head = Head()
        return {"name": HEAD, "n": head.n, "chain": head.link, "mac": head.mac(self.keys)}

    def bring_over(self, connection: Connection) -> int:
        """Writes its rows to the end of the store's chain and reads them back; how many there were."""
        found = connection.execute(select(HEADS).where(HEADS.c.name == HEAD).with_for_update()).one()
        first = head = Head(found.n, bytes(found.chain)).checked(self.keys, found.mac)
        for records in _batched(self.records()):
            rows = [prediction_row(self.keys, record, LOCAL.tenant) for record in records]
            for row in rows:
                row["seq"] = head.n + 1
                row["chain"] = link(head.link, row)
                head = Head(head.n + 1, row["chain"])
            connection.execute(insert(PREDICTIONS), rows)
        values = {"n": head.n, "chain": head.link, "mac": head.mac(self.keys)}
        connection.execute(update(HEADS).where(HEADS.c.name == HEAD).values(values))
        self._compare(connection, first.n, head.n)
        return head.n - first.n

    def _compare(self, connection: Connection, after: int, last: int) -> None:
        asked = select(PREDICTIONS).where(PREDICTIONS.c.seq > after).order_by(PREDICTIONS.c.seq)
        n = 0
        with streamed(connection, asked) as kept:
            for n, (row, record) in enumerate(zip(kept, self.records(), strict=True), start=1):
                if astuple(prediction_record(self.keys, row)) != astuple(record):
                    raise IntegrityError(
                        f"row {n} of the earlier log was not kept as it was; nothing changed"
                    )
        if n != last - after:
            raise IntegrityError("the earlier log changed while it was read; stop the service that writes it")


def retire(engine: Engine, earlier: Earlier) -> bool:
    """Removes the earlier log when the store holds every one of its rows; whether it did."""
    if not earlier.path.is_file():
        return False
    with reading(engine) as connection:
        for records in _batched(earlier.records()):
            ids = [record.id for record in records]
            known = connection.execute(select(PREDICTIONS.c.id).where(PREDICTIONS.c.id.in_(ids))).all()
            if len(known) != len(ids):
                return False
    for ending in ("", "-wal", "-shm"):
        earlier.path.with_name(FILE + ending).unlink(missing_ok=True)
    return True


def _batched(records: Iterator[PredictionRecord]) -> Iterator[list[PredictionRecord]]:
    part: list[PredictionRecord] = []
    for record in records:
        part.append(record)
        if len(part) == _BATCH:
            yield part
            part = []
    if part:
        yield part
