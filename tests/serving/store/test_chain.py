"""Whoever changes the log behind the service's back is found out, at the row where it was done."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import select, text, update

from serving.store.chain import Head, link, verify
from serving.store.database import reading, writing
from serving.store.keys import KeyRing
from serving.store.store import Store
from serving.store.tables import HEADS, PREDICTIONS
from tests.serving.store.rows import predictions, tamper

_SWAP = (
    "UPDATE predictions SET seq = -1 WHERE seq = 2",
    "UPDATE predictions SET seq = 2 WHERE seq = 4",
    "UPDATE predictions SET seq = 4 WHERE seq = -1",
)
_ALL = (
    "id, tenant, time, study, version, digest, latency_ms, key_id, patient_key, content, content_hash, chain"
)
_COPY = f"INSERT INTO predictions (seq, {_ALL}) SELECT 7, 'x' || {_ALL} FROM predictions WHERE seq = 6"


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        (["UPDATE predictions SET content = patient_key WHERE seq = 4"], 4),
        (["UPDATE predictions SET patient_key = chain WHERE seq = 2"], 2),
        (["UPDATE predictions SET patient_key = NULL WHERE seq = 2"], 2),
        (["UPDATE predictions SET time = '2020' WHERE seq = 1"], 1),
        (["UPDATE predictions SET tenant = 'other' WHERE seq = 6"], 6),
        (["UPDATE predictions SET latency_ms = 1.2500000001 WHERE seq = 3"], 3),
        (["UPDATE predictions SET content_hash = chain WHERE seq = 5"], 5),
        (["DELETE FROM predictions WHERE seq = 1"], 1),
        (["DELETE FROM predictions WHERE seq = 3"], 3),
        (["DELETE FROM predictions WHERE seq = 6"], 6),
        (["DELETE FROM predictions WHERE seq > 2"], 3),
        (["DELETE FROM predictions"], 1),
        (["DELETE FROM predictions WHERE seq = 3", "UPDATE predictions SET seq = seq - 1 WHERE seq > 3"], 3),
        ([_COPY], 7),
        (_SWAP, 2),
        (["UPDATE predictions SET content = NULL, patient_key = NULL WHERE seq = 4"], 4),
        (["DELETE FROM heads"], 7),
    ],
)
def test_every_change_shows(store: Store, changes: list[str], row: int) -> None:
    store.predictions.write_all(predictions(6), "local")
    assert store.verify().broken is None
    tamper(store, *changes)
    assert store.verify().broken == row
    assert store.verify().why


def test_a_chain_that_was_computed_anew_shows_at_its_head(store: Store) -> None:
    """Hashes are no secret: somebody without the keys rewrites every row after an edit, and the head too."""
    store.predictions.write_all(predictions(5), "local")
    with writing(store.engine) as connection:
        connection.execute(text("UPDATE predictions SET time = '2020' WHERE seq = 2"))
        before = b"\0" * 32
        for row in connection.execute(select(PREDICTIONS).order_by(PREDICTIONS.c.seq)).mappings().all():
            before = link(before, row)
            own = PREDICTIONS.c.seq == row["seq"]
            connection.execute(update(PREDICTIONS).where(own).values(chain=before))
        forged = hashlib.sha256(before).digest()
        connection.execute(update(HEADS).values(chain=before, mac=forged))
    found = store.verify()
    assert found.broken == 6
    assert "keys" in found.why
    assert "keys" in verify(store.engine, KeyRing.fresh()).why


def test_an_erasure_that_nobody_ordered_shows(store: Store) -> None:
    """A real tombstone is no cover for another row, and its erasure must be on record."""
    store.predictions.write_all([*predictions(2, "gone"), *predictions(2, "here")], "local")
    store.erase("local", "gone")
    assert store.verify().n_erased == 2
    with reading(store.engine) as connection:
        tomb = connection.execute(select(PREDICTIONS).where(PREDICTIONS.c.seq == 1)).mappings().one()
    with writing(store.engine) as connection:
        emptied = {
            "content": None,
            "patient_key": None,
            "erasure": tomb["erasure"],
            "tombstone": tomb["tombstone"],
        }
        connection.execute(update(PREDICTIONS).where(PREDICTIONS.c.seq == 3).values(emptied))
    assert store.verify().broken == 3
    assert "other means" in store.verify().why


def test_a_head_is_read_as_it_was_printed() -> None:
    head = Head(12, bytes(range(32)))
    assert Head.read(str(head)) == head
