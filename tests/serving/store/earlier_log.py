"""Writes a prediction log as version 0.1 did: its schema, its chain, its plain text."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import astuple
from pathlib import Path

from serving.store.records import PredictionRecord

_SCHEMA = """
CREATE TABLE predictions (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, time TEXT NOT NULL, study TEXT NOT NULL,
    version INTEGER NOT NULL, digest TEXT NOT NULL, patient_id TEXT NOT NULL, request TEXT NOT NULL,
    answer TEXT NOT NULL, latency_ms REAL NOT NULL, chain BLOB NOT NULL
)
"""
_INSERT = (
    "INSERT INTO predictions (id, time, study, version, digest, patient_id, request, answer, latency_ms, "
    "chain) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def write_earlier_log(path: Path, records: Iterable[PredictionRecord]) -> None:
    """A log of these records."""
    chain = b"\0" * 32
    with closing(sqlite3.connect(path)) as log:
        log.execute("PRAGMA journal_mode=WAL")
        log.execute(_SCHEMA)
        for record in records:
            row = astuple(record)
            chain = hashlib.sha256(chain + "\x1f".join(map(str, row)).encode()).digest()
            log.execute(_INSERT, (*row, chain))
        log.commit()
