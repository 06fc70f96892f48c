"""A patient who is forgotten leaves no byte behind, everybody else stays, and the chain still holds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url

from serving.settings import Settings
from serving.store.database import reading, writing
from serving.store.erasure import retain
from serving.store.export import patient_lines
from serving.store.records import StoredAnswer
from serving.store.store import Store
from serving.store.tables import ERASURES, FEEDBACK, IDEMPOTENCY, OUTCOMES, PREDICTIONS, VERDICTS, WORKLIST
from serving.store.worklist import Asked
from tests.serving.store.rows import feedback, outcome, predictions, tamper, verdict

GONE, STAYS = "canary-patient-4711", "other-patient"


def _fill(store: Store) -> None:
    """Two patients in turn, with outcomes, feedback and kept answers; enough that pages split."""
    for n in range(8):
        for patient in (GONE, STAYS):
            request, answer = f'{{"{patient}": "{"r" * 400}"}}', f'{{"told": "{"a" * 700}"}}'
            records = predictions(8, patient, request=request, answer=answer)
            store.predictions.write_all(records, "local")
            store.outcomes.write(outcome(records[n].id), "local")
            store.feedback.write(feedback(records[n].id, patient), "local")
            store.verdicts.write(verdict(records[n].id, patient), "local")
            asyncio.run(_ask(store, f"{patient}-{n}", patient))


async def _ask(store: Store, key: str, patient: str) -> None:
    async def make() -> StoredAnswer:
        return StoredAnswer(200, "text/plain", patient.encode(), patient)

    await store.idempotent(key, "local", "/v1/predict", b"{}", make)


def _marks(store: Store, patient: str) -> list[bytes]:
    """What betrays a patient in the store: the keyed hash, and the beginning of each sealed content."""
    store.worklist.catch_up()
    key = store.keys.hidden("local", patient)
    with reading(store.engine) as connection:
        found = [
            bytes(content[:16])
            for table in (PREDICTIONS, OUTCOMES, FEEDBACK, VERDICTS, IDEMPOTENCY)
            for content in connection.execute(
                select(table.c.content).where(table.c.patient_key == key)
            ).scalars()
        ]
        about = select(PREDICTIONS.c.id).where(PREDICTIONS.c.patient_key == key)
        listed = select(WORKLIST.c.content).where(WORKLIST.c.id.in_(about))
        found += [bytes(content[:16]) for content in connection.execute(listed).scalars()]
    assert len(found) == 2 * 64 + 4 * 8
    return [key, patient.encode(), *found]


def _files(settings: Settings) -> Iterator[Path]:
    """Every file in which the store could have left anything."""
    yield from (file for file in settings.home.rglob("*") if file.is_file())
    if settings.store:
        data = Path(str(make_url(settings.store).query["host"])) / "data"
        yield from (f for folder in ("base", "pg_wal") for f in (data / folder).rglob("*") if f.is_file())


def _n_found(settings: Settings, marks: list[bytes]) -> int:
    texts = [file.read_bytes() for file in _files(settings)]
    return sum(any(mark in text for text in texts) for mark in marks)


@pytest.mark.slow
def test_no_byte_of_an_erased_patient_is_left(settings: Settings, store: Store) -> None:
    if settings.store:
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ALTER SYSTEM SET wal_recycle = off")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
    _fill(store)
    if settings.store:  # until now a row may lie in the log alone, where one can straddle two pages
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("CHECKPOINT")
    marks, others = _marks(store, GONE), _marks(store, STAYS)
    assert _n_found(settings, marks) == len(marks) - 1  # the id itself was never there in plain
    erasure = store.erase("local", GONE, by="ticket 12")
    assert (erasure.n_predictions, erasure.n_others, erasure.traces) == (64, 32, ())
    assert _n_found(settings, marks) == 0
    assert _n_found(settings, others) == len(others) - 1


def test_the_chain_holds_and_goes_on_after_an_erasure(store: Store) -> None:
    _fill(store)
    store.erase("local", GONE)
    store.predictions.write_all(predictions(2, GONE), "local")
    found = store.verify()
    assert (found.broken, found.n_rows, found.n_erased) == (None, 130, 64)
    said = store.verify_verdicts()
    assert (said.broken, said.n_rows, said.n_erased) == (None, 16, 8)
    assert len(list(patient_lines(store, "local", STAYS))) == 64 + 3 * 8
    assert len(list(patient_lines(store, "local", GONE))) == 2
    assert store.erase("local", "nobody").n_predictions == 0


def test_the_same_name_at_another_tenant_is_another_patient(store: Store) -> None:
    for tenant in ("north", "south"):
        store.predictions.write_all(predictions(2, GONE), tenant)
    assert store.erase("north", GONE).n_predictions == 2
    assert len(list(store.predictions.of_patient(GONE, "south"))) == 2


def test_what_is_said_of_an_erased_answer_is_refused_and_its_place_is_known(store: Store) -> None:
    (record,) = predictions(1, GONE)
    store.predictions.write_all([record], "local")
    store.erase("local", GONE)
    left = store.predictions.find(record.id, "local")
    assert left == replace(record, patient_id="", request="", answer="")
    assert left.is_erased
    with pytest.raises(Exception, match="id of an answer"):
        store.outcomes.write(outcome(record.id), "local")


def test_an_erasure_is_on_record_without_whom(store: Store) -> None:
    store.predictions.write_all(predictions(1, GONE), "local")
    done = store.erase("local", GONE, by="ticket 12")
    with reading(store.engine) as connection:
        kept = connection.execute(select(ERASURES)).mappings().one()
    assert (kept["id"], kept["cause"], kept["by"], kept["n_predictions"]) == (
        done.id,
        "patient",
        "ticket 12",
        1,
    )
    assert GONE not in str(kept)


def test_old_content_goes_and_what_is_younger_stays(store: Store) -> None:
    old, young = (predictions(3, GONE, time=f"2026-0{month}-01T00:00:00.000+00:00") for month in (1, 3))
    store.predictions.write_all([*old, *young], "local")
    for record in (old[0], young[0]):
        store.outcomes.write(outcome(record.id, time=record.time), "local")
        store.verdicts.write(verdict(record.id, time=record.time), "local")
    now = datetime(2026, 3, 15, tzinfo=UTC)
    (erasure,) = retain(store.engine, store.keys, 30, now)
    assert (erasure.cause, erasure.n_predictions, erasure.n_others, erasure.traces) == ("retention", 3, 2, ())
    assert retain(store.engine, store.keys, 30, now) == ()
    assert [one.id for one in store.predictions.of_patient(GONE, "local")] == [one.id for one in young]
    assert [one.prediction_id for one in store.verdicts.of_patient(GONE, "local")] == [young[0].id]
    assert store.worklist.page("local", Asked(("prediction",)), 10).n == 3
    assert store.verify().broken is store.verify_verdicts().broken is None


def test_bytes_that_another_writer_left_are_found_and_cleared(settings: Settings, store: Store) -> None:
    """A connection without secure deletion leaves a copy in free pages; erasing finds and clears it."""
    if settings.store:
        pytest.skip("PostgreSQL's tables are always written anew")
    store.predictions.write_all(predictions(40, STAYS, answer='{"told": "' + "x" * 900 + '"}'), "local")
    key = store.keys.hidden("local", GONE)
    with store.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA secure_delete=OFF")
        connection.exec_driver_sql("CREATE TABLE scrap (a BLOB)")
        connection.exec_driver_sql("INSERT INTO scrap VALUES (:a)", {"a": key * 300})
        connection.exec_driver_sql("DROP TABLE scrap")
        connection.commit()
        connection.connection.driver_connection.execute("PRAGMA secure_delete=ON")
    tamper(store, "UPDATE heads SET n = n")
    assert _n_found(settings, [key]) == 1
    assert store.erase("local", GONE).traces == ()
    assert _n_found(settings, [key]) == 0


@pytest.mark.slow
def test_a_reader_of_an_earlier_state_is_waited_for_or_told(settings: Settings, store: Store) -> None:
    if settings.store:
        pytest.skip("SQLite's write-ahead log only")
    store.predictions.write_all(predictions(2, GONE), "local")
    with reading(store.engine) as other:
        other.execute(select(PREDICTIONS.c.id)).all()
        assert "in use" in store.erase("local", GONE).traces[0]
    assert store.erase("local", GONE).traces == ()
    with writing(store.engine) as connection:
        assert connection.execute(select(PREDICTIONS.c.content)).scalars().all() == [None, None]
