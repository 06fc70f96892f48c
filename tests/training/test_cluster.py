"""Work on a Dask cluster: the results of one machine to the bit, whatever happens to the workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster

from features.cohort import Cohort
from features.errors import ClusterError
from training import cluster as ours
from training.cluster import DaskWorkers, cluster
from training.design import build_design
from training.evaluate import evaluate
from training.prepared import quiet
from training.study import Study
from training.workers import spread, working_on

pytestmark = pytest.mark.slow
N = 12


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two workers, who are replaced when they die; nobody waits long for the dead."""
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "3s"}),
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as own,
        Client(own) as client,
    ):
        yield client


def leave_trace(folder: Path, offset: int, item: int) -> tuple[int, int]:
    """The item's square and who worked it out; a line in the folder for each time it was begun."""
    with (folder / str(item)).open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(0.2)
    return item * item + offset, os.getpid()


def test_two_workers_evaluate_as_this_machine_does(client: Client, tiny_study: Study, cohort: Cohort) -> None:
    design = build_design(tiny_study, cohort)
    here = evaluate(tiny_study, cohort, design, "f", lambda _done, _total: None)
    with working_on(DaskWorkers(client)):
        there = evaluate(tiny_study, cohort, design, "f", lambda _done, _total: None)
    assert there.to_json() == here.to_json()
    assert there.pairs.tobytes() == here.pairs.tobytes()


def test_answers_come_in_the_items_order_from_both_workers(client: Client, tmp_path: Path) -> None:
    heard: list[int] = []
    with working_on(DaskWorkers(client)):
        found = spread(leave_trace, (tmp_path, 7), range(N), heard.append)
    assert [value for value, _ in found] == [i * i + 7 for i in range(N)]
    assert len({who for _, who in found}) == 2
    assert heard == list(range(1, N + 1))


def test_a_killed_worker_costs_only_what_it_was_doing(client: Client, tmp_path: Path) -> None:
    victim = next(iter(client.run(os.getpid).values()))
    killed: list[int] = []

    def kill_after_four(done: int) -> None:
        if done == 4:
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)

    with working_on(DaskWorkers(client)):
        found = spread(leave_trace, (tmp_path, 0), range(N), kill_after_four)
    begun = {item: (tmp_path / str(item)).read_text().split() for item in range(N)}
    assert killed
    assert [value for value, _ in found] == [i * i for i in range(N)]
    again = {item: whos for item, whos in begun.items() if len(whos) > 1}
    assert all(whos[0] == str(victim) for whos in again.values())
    assert len(again) <= 3  # what it was doing, and answers of its that had not come home


def test_what_is_shared_may_die_with_all_who_hold_it(client: Client, tmp_path: Path) -> None:
    def kill_all_after_two(done: int) -> None:
        if done == 2:
            for process in client.run(os.getpid).values():
                os.kill(process, signal.SIGKILL)

    with working_on(DaskWorkers(client)):
        found = spread(leave_trace, (tmp_path, 0), range(N), kill_all_after_two)
    assert [value for value, _ in found] == [i * i for i in range(N)]


def test_an_error_of_the_work_is_told_as_it_is(client: Client, tiny_study: Study, cohort: Cohort) -> None:
    unknown = replace(tiny_study, comparators=("nobody",))
    design = build_design(tiny_study, cohort)
    with working_on(DaskWorkers(client)), pytest.raises(Exception, match="nobody"):
        evaluate(unknown, cohort, design, "f", lambda _done, _total: None)


def test_workers_of_other_sources_are_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "versions", lambda: {"python": "3.0"})
    with (
        pytest.raises(ClusterError, match=r"of \d workers run other sources"),
        cluster(client.scheduler.address),
    ):
        quiet("never", 0, 0)


def test_nobody_at_an_address_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_PATIENCE_S", 1)
    with pytest.raises(ClusterError, match="--cluster local"), cluster("tcp://127.0.0.1:9"):
        quiet("never", 0, 0)
