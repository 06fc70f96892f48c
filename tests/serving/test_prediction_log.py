"""One durable, chained row before each answer."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from serving.errors import RequestError
from serving.prediction_log import PredictionLog, PredictionRecord, new_prediction_id
from tests.serving.tiny import PATIENT

RECORD = PredictionRecord("0" * 32, "2026-01-01T00:00:00.000+00:00", "tiny", 1, "d", "p", "{}", "{}", 1.0)


def _fill(path: Path, n: int) -> list[str]:
    ids = [new_prediction_id() for _ in range(n)]

    async def run() -> None:
        log = PredictionLog(path)
        await asyncio.gather(*(log.append(replace(RECORD, id=one)) for one in ids))
        log.close()

    asyncio.run(run())
    return ids


def test_ids_sort_by_time_and_do_not_repeat() -> None:
    ids = [new_prediction_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert [i[:12] for i in ids] == sorted(i[:12] for i in ids)


def test_what_was_written_is_found_by_another_connection(tmp_path: Path) -> None:
    ids = _fill(tmp_path / "log.db", 20)
    log = PredictionLog(tmp_path / "log.db")
    assert [log.find(one).id for one in ids] == ids
    assert log.find("unknown") is None
    assert log.first_broken_row() is None
    log.close()


def test_two_workers_taking_turns_keep_one_chain(tmp_path: Path) -> None:
    async def run() -> None:
        workers = [PredictionLog(tmp_path / "log.db") for _ in range(2)]
        for turn in (0, 0, 1, 0, 1, 1, 0):
            await workers[turn].append(replace(RECORD, id=new_prediction_id()))
        assert workers[0].first_broken_row() is None
        for worker in workers:
            worker.close()

    asyncio.run(run())


def test_a_commit_that_failed_leaves_no_trace_in_the_chain(tmp_path: Path) -> None:
    async def run() -> None:
        log = PredictionLog(tmp_path / "log.db")
        await log.append(RECORD)
        with pytest.raises(RequestError):
            await log.append(RECORD)
        await log.append(replace(RECORD, id=new_prediction_id()))
        assert log.first_broken_row() is None
        log.close()

    asyncio.run(run())


def test_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    _fill(tmp_path / "log.db", 1)
    assert (tmp_path / "log.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ("UPDATE predictions SET answer = '{\"value\": 1}' WHERE seq = 4", 4),
        ("DELETE FROM predictions WHERE seq = 3", 3),
        ("UPDATE predictions SET time = '2020' WHERE seq = 1", 1),
    ],
)
def test_an_edited_or_removed_row_shows(tmp_path: Path, change: str, row: int) -> None:
    _fill(tmp_path / "log.db", 6)
    connection = sqlite3.connect(tmp_path / "log.db")
    connection.execute(change)
    connection.commit()
    connection.close()
    log = PredictionLog(tmp_path / "log.db")
    assert log.first_broken_row() == row
    log.close()


def test_a_log_that_is_busy_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "log.db"

    async def run() -> None:
        log, other = PredictionLog(path), sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(log.append(RECORD))
        await asyncio.sleep(0.02)
        assert not writing.done()
        other.execute("COMMIT")
        await writing
        assert log.find(RECORD.id) == RECORD
        other.close()
        log.close()

    asyncio.run(run())


def test_a_row_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        log = PredictionLog(tmp_path / "log.db")
        log._connection.execute("PRAGMA query_only=ON")
        with pytest.raises(RequestError) as told:
            await log.append(RECORD)
        assert told.value.kind == "audit-unavailable"
        log.close()

    asyncio.run(run())


def test_no_answer_is_given_that_is_not_recorded(start, home: Path) -> None:
    client = start()
    connection = sqlite3.connect(home / "predictions.db")
    connection.execute("DROP TABLE predictions")
    connection.commit()
    connection.close()
    response = client.predict()
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert "value" not in response.json()


def test_the_row_holds_what_was_asked_and_answered(start, home: Path) -> None:
    client = start()
    answered = client.predict()
    log = PredictionLog(home / "predictions.db")
    record = log.find(answered.json()["id"])
    log.close()
    assert record.answer.encode() == answered.content
    assert record.request.encode() == answered.request.content
    assert json.loads(record.request)["patient"] == PATIENT
    assert record.patient_id == "patient-7"
    assert record.latency_ms > 0
