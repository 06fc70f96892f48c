"""What clients kept of their answers, held against the rows of the store."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.load_clients import RECORD
from serving.settings import Settings
from serving.store.records import PredictionRecord
from serving.store.store import Store

_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Received:
    """Every answer that any client got: ids, the digest in each, hashes of their bytes, and seconds."""

    ids: tuple[str, ...]
    digests: tuple[str, ...]
    hashes: tuple[bytes, ...]
    latencies: np.ndarray
    failures: tuple[str, ...]


def read_received(home: Path) -> Received:
    """What the clients of a run left behind."""
    files = sorted(home.glob("received-*.bin"))
    rows = np.concatenate([np.fromfile(file, RECORD) for file in files])
    ids, digests = ([text.decode() for text in rows[name].tolist()] for name in ("id", "digest"))
    failures = tuple(file.read_text() for file in sorted(home.glob("received-*.failed")))
    return Received(tuple(ids), tuple(digests), tuple(rows["sha256"].tolist()), rows["latency"], failures)


def mixed_or_lost(home: Path, received: Received) -> tuple[str, ...]:
    """Answers whose row is missing, tells another digest, or holds other bytes than were sent."""
    waiting = dict(zip(received.ids, zip(received.digests, received.hashes, strict=True), strict=True))
    found = [] if len(waiting) == len(received.ids) else ["an id was given twice"]
    for record in _records(home):
        told = waiting.pop(record.id, None)
        if told is None:
            continue
        if told[0] != record.digest:
            found.append(f"{record.id}: another digest than its row")
        if told[1] != hashlib.sha256(record.answer.encode()).digest():
            found.append(f"{record.id}: other bytes than its row")
    found += [f"{one}: no row" for one in waiting]
    return tuple(found[:_MOST_FAULTS])


def _records(home: Path) -> Iterator[PredictionRecord]:
    with contextlib.closing(Store.open(Settings(home=home))) as store:
        for study in store.predictions.studies():
            for _, record in store.predictions.of_study(study):
                yield record
