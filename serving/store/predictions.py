"""The predictions: what was asked, what was answered, by which bundle, and for which tenant.

A request is kept as the text that was received, an answer as the text that was sent, both sealed together
with the patient's id; the row itself shows only a keyed hash of that id.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.sql import Select

from serving.store.chain import Head, content_hash
from serving.store.database import reading, streamed
from serving.store.keys import KeyRing
from serving.store.records import PredictionRecord
from serving.store.tables import PREDICTIONS
from serving.store.writer import Row, Writer

_LENGTHS = struct.Struct(">II")


class Predictions:
    """The prediction log of one worker."""

    def __init__(self, engine: Engine, keys: KeyRing, writer: Writer) -> None:
        self._engine, self._keys, self._writer = engine, keys, writer

    async def append(self, record: PredictionRecord, tenant: str) -> None:
        """Return once the row is on disk; raises a RequestError (503) when it cannot be."""
        await self._writer.append((prediction_row(self._keys, record, tenant),))

    async def append_all(self, records: Sequence[PredictionRecord], tenant: str) -> None:
        """Return once all rows, of one batch, are on disk in one commit; RequestError (503) else."""
        await self._writer.append([prediction_row(self._keys, record, tenant) for record in records])

    def write_all(self, records: Sequence[PredictionRecord], tenant: str) -> None:
        """The same outside an event loop: for tests, and for whatever brings rows over."""
        self._writer.write([prediction_row(self._keys, record, tenant) for record in records])

    def find(self, prediction_id: str, tenant: str) -> PredictionRecord | None:
        """The tenant's record of this id, if there is one; of an erased one its plain columns."""
        chosen = PREDICTIONS.c.id == prediction_id, PREDICTIONS.c.tenant == tenant
        with reading(self._engine) as connection:
            row = connection.execute(select(PREDICTIONS).where(*chosen)).mappings().one_or_none()
        return None if row is None else prediction_record(self._keys, row)

    def place(self, prediction_id: str, tenant: str) -> Head | None:
        """Where the tenant's record of this id stands in the chain: its number and its link."""
        chosen = PREDICTIONS.c.id == prediction_id, PREDICTIONS.c.tenant == tenant
        with reading(self._engine) as connection:
            row = connection.execute(
                select(PREDICTIONS.c.seq, PREDICTIONS.c.chain).where(*chosen)
            ).one_or_none()
        return None if row is None else Head(row.seq, bytes(row.chain))

    def of_patient(self, patient_id: str, tenant: str) -> Iterator[PredictionRecord]:
        """Everything answered about one patient, in the order of the answers."""
        key = self._keys.hidden(tenant, patient_id)
        chosen = PREDICTIONS.c.patient_key == key, PREDICTIONS.c.tenant == tenant
        for _, record in self._read(select(PREDICTIONS).where(*chosen)):
            yield record

    def studies(self) -> tuple[str, ...]:
        """The studies that were ever asked, by name."""
        asked = select(PREDICTIONS.c.study).distinct().order_by(PREDICTIONS.c.study)
        with reading(self._engine) as connection:
            return tuple(connection.execute(asked).scalars())

    def of_study(self, study: str) -> Iterator[tuple[str, PredictionRecord]]:
        """Every answer of a study that was not erased, with its tenant, in the order of the answers."""
        return self._read(
            select(PREDICTIONS).where(PREDICTIONS.c.study == study, PREDICTIONS.c.content.is_not(None))
        )

    def _read(self, asked: Select) -> Iterator[tuple[str, PredictionRecord]]:
        ordered = asked.order_by(PREDICTIONS.c.seq)
        with reading(self._engine) as connection, streamed(connection, ordered) as rows:
            for row in rows:
                yield row["tenant"], prediction_record(self._keys, row)


def prediction_row(keys: KeyRing, record: PredictionRecord, tenant: str) -> Row:
    """The record as a row, sealed; its place in the chain is given when it is written."""
    patient, request = record.patient_id.encode(), record.request.encode()
    plain = b"".join((_LENGTHS.pack(len(patient), len(request)), patient, request, record.answer.encode()))
    key = keys.hidden(tenant, record.patient_id)
    sealed = keys.close(f"predictions/{tenant}/{record.id}", plain)
    return {
        "id": record.id,
        "tenant": tenant,
        "time": record.time,
        "study": record.study,
        "version": record.version,
        "digest": record.digest,
        "latency_ms": float(record.latency_ms),
        "key_id": keys.current,
        "patient_key": key,
        "content": sealed,
        "content_hash": content_hash(key, sealed),
    }


def prediction_record(keys: KeyRing, row: Mapping[Any, Any]) -> PredictionRecord:
    """The record of a row; raises IntegrityError when it does not open."""
    patient, request, answer = "", "", ""
    if row["content"] is not None:
        place = f"predictions/{row['tenant']}/{row['id']}"
        plain = keys.open(row["key_id"], place, bytes(row["content"]))
        n_patient, n_request = _LENGTHS.unpack_from(plain)
        first, second = _LENGTHS.size + n_patient, _LENGTHS.size + n_patient + n_request
        patient = plain[_LENGTHS.size : first].decode()
        request, answer = plain[first:second].decode(), plain[second:].decode()
    return PredictionRecord(
        row["id"], row["time"], row["study"], row["version"], row["digest"], patient, request, answer,
        row["latency_ms"],
    )  # fmt: skip
