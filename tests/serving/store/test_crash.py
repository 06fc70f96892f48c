"""Killed without warning, again and again: whatever was answered is kept, and the chain holds."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from sqlalchemy import select

from serving.settings import Settings
from serving.store.database import reading
from serving.store.store import Store
from serving.store.tables import PREDICTIONS
from tests.serving.server_process import ROOT

pytestmark = pytest.mark.slow
_KILLS = 40


def test_forty_kills_lose_nothing_that_was_answered(settings: Settings) -> None:
    told: list[str] = []
    running = [_start(settings), _start(settings)]
    for turn in range(_KILLS):
        victim = running[turn % 2]
        first = victim.stdout.readline()
        assert len(first) == 33, "the process did not answer"
        time.sleep(0.003 * (turn % 13))
        victim.kill()
        lines = [first, *victim.stdout.readlines()]
        victim.wait()
        victim.stdout.close()
        told += [line.strip() for line in lines if line.endswith("\n")]
        running[turn % 2] = _start(settings)
    for last in running:
        last.kill()
        told += [line.strip() for line in last.stdout.readlines() if line.endswith("\n")]
        last.wait()
        last.stdout.close()
    store = Store.open(settings)
    with reading(store.engine) as connection:
        kept = set(connection.execute(select(PREDICTIONS.c.id)).scalars())
    assert len(told) > _KILLS
    assert set(told) - kept == set()
    assert store.verify().broken is None
    assert store.verify().n_rows == len(kept)
    store.close()


def _start(settings: Settings) -> subprocess.Popen[str]:
    environment = {**os.environ, "RXPLAIN_HOME": str(settings.home), "PYTHONPATH": str(ROOT)}
    environment |= {"RXPLAIN_STORE": settings.store} if settings.store else {}
    command = [sys.executable, "-m", "tests.serving.store.writing_process"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
