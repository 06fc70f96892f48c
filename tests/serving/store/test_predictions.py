"""One durable, sealed, chained row before each answer, on either database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from features.errors import IntegrityError
from serving.errors import RequestError
from serving.store.chain import Head
from serving.store.database import reading, writing
from serving.store.records import new_id
from serving.store.store import Store
from serving.store.tables import PREDICTIONS
from tests.serving.store.rows import PREDICTION, predictions, tamper


def test_ids_sort_by_time_and_do_not_repeat() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert [i[:12] for i in ids] == sorted(i[:12] for i in ids)


def test_another_worker_finds_what_was_written_as_it_was(opened: Callable[[], Store]) -> None:
    first, second = opened(), opened()
    records = [replace(one, latency_ms=0.1 + i / 3) for i, one in enumerate(predictions(20))]

    async def ask() -> None:
        await asyncio.gather(*(first.predictions.append(one, "north") for one in records))

    asyncio.run(ask())
    assert [second.predictions.find(one.id, "north") for one in records] == records
    assert second.predictions.find("unknown", "north") is None
    assert second.verify().n_rows == 20


def test_another_tenants_answer_is_not_found(store: Store) -> None:
    store.predictions.write_all([PREDICTION], "north")
    assert store.predictions.find(PREDICTION.id, "south") is None
    assert list(store.predictions.of_patient("patient-7", "south")) == []
    assert list(store.predictions.of_patient("patient-7", "north")) == [PREDICTION]


def test_workers_taking_turns_and_at_once_keep_one_chain(opened: Callable[[], Store]) -> None:
    workers = [opened() for _ in range(3)]

    async def ask() -> None:
        for turn in (0, 0, 1, 2, 1, 1, 0):
            await workers[turn].predictions.append(predictions(1)[0], "local")
        crowd = [w.predictions.append(one, "local") for one in predictions(15) for w in workers[:1]]
        crowd += [workers[i % 3].predictions.append(one, "local") for i, one in enumerate(predictions(30))]
        await asyncio.gather(*crowd)

    asyncio.run(ask())
    found = workers[0].verify()
    assert (found.broken, found.n_rows, found.head.n) == (None, 52, 52)


def test_a_batch_is_kept_whole_or_not_at_all(store: Store) -> None:
    twice = [*predictions(3), PREDICTION, PREDICTION]

    async def ask() -> None:
        await store.predictions.append_all(predictions(4), "local")
        with pytest.raises(RequestError) as told:
            await store.predictions.append_all(twice, "local")
        assert told.value.kind == "audit-unavailable"
        await store.predictions.append(PREDICTION, "local")

    asyncio.run(ask())
    assert store.verify().n_rows == 5
    assert store.verify().broken is None


def test_nothing_of_a_patient_is_readable_in_the_row(store: Store) -> None:
    store.predictions.write_all([PREDICTION], "local")
    with reading(store.engine) as connection:
        row = connection.execute(select(PREDICTIONS)).mappings().one()
    stored = b"".join(
        str(v).encode() if isinstance(v, str | int | float) else bytes(v or b"") for v in row.values()
    )
    for text in (PREDICTION.patient_id, PREDICTION.request, PREDICTION.answer):
        assert text.encode() not in stored


def test_a_sealed_row_that_is_moved_does_not_open(store: Store) -> None:
    first, second = predictions(2)
    store.predictions.write_all([first, second], "local")
    own = PREDICTIONS.c
    with writing(store.engine) as connection:
        content = connection.execute(select(own.content).where(own.id == first.id)).scalar_one()
        connection.execute(PREDICTIONS.update().where(own.id == second.id).values(content=content))
    with pytest.raises(IntegrityError, match="does not open"):
        store.predictions.find(second.id, "local")


def test_a_row_that_cannot_be_written_is_told_and_the_next_one_can(store: Store) -> None:
    async def ask() -> None:
        tamper(store, "ALTER TABLE predictions RENAME TO away")
        with pytest.raises(RequestError) as told:
            await store.predictions.append(PREDICTION, "local")
        assert (told.value.kind, told.value.retry_after_s) == ("audit-unavailable", 5)
        tamper(store, "ALTER TABLE away RENAME TO predictions")
        await store.predictions.append(PREDICTION, "local")

    asyncio.run(ask())
    assert store.verify().n_rows == 1


def test_a_forged_head_stops_the_log_rather_than_being_vouched_for(store: Store) -> None:
    store.predictions.write_all(predictions(3), "local")
    tamper(
        store,
        "DELETE FROM predictions WHERE seq = 3",
        "UPDATE heads SET n = 2, chain = (SELECT chain FROM predictions WHERE seq = 2)",
    )
    with pytest.raises(RequestError):
        store.predictions.write_all([PREDICTION], "local")
    assert "keys" in store.verify().why


def test_the_head_that_was_noted_must_lie_on_the_chain(store: Store) -> None:
    store.predictions.write_all(predictions(3), "local")
    noted = Head.read(str(store.verify().head))
    store.predictions.write_all(predictions(2), "local")
    assert store.verify(noted).broken is None
    assert "older" in store.verify(replace(noted, n=9)).why
    assert "another" in store.verify(replace(noted, link=b"x" * 32)).why
