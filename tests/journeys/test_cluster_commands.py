"""`--cluster` as it is typed: to the byte what the command prints without it, a worker killed or not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from distributed import Client, LocalCluster

from tests.training.conftest import TINY, iwpc_rows, write_iwpc
from training.study import load_study

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SPLITS, SITES = 16, 4
PATIENCE_S = 120.0
CORES = os.cpu_count() or 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with made-up patients of 4 sites and a small study of theirs."""
    folder = tmp_path_factory.mktemp("spread")
    write_iwpc(folder / "data" / "iwpc", iwpc_rows(240, seed=3))
    text = load_study("warfarin").text
    for shipped, tiny in {**TINY, "splits = 100": f"splits = {SPLITS}"}.items():
        assert shipped in text
        text = text.replace(shipped, tiny)
    (folder / "warfarin.toml").write_text(text, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Evaluation:
    """`rxplain evaluate` in a process of its own; its home is empty, so that nothing was found before."""

    process: subprocess.Popen[bytes]
    home: Path

    def printed(self) -> str:
        """Standard output of the command, which must succeed after answering every split itself."""
        self.process.wait(timeout=300)
        said = (self.home / "said.log").read_text()
        assert self.process.returncode == 0, said
        assert f"evaluate: {SPLITS + SITES} of {SPLITS + SITES}" in said
        return (self.home / "out.json").read_text()


@contextmanager
def started(folder: Path, name: str, *options: str) -> Iterator[Evaluation]:
    """The command with these options, over the home `name`; ended if it still runs."""
    home = folder / name
    home.mkdir()
    words = ["evaluate", str(folder / "warfarin.toml"), "--json", *options]
    homes = {"RXPLAIN_HOME": str(home), "RXPLAIN_DATA": str(folder / "data"), "PYTHONPATH": str(ROOT)}
    with (home / "said.log").open("w") as log, (home / "out.json").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", "from training.cli import main; main()", *words],
            cwd=folder,
            env={**os.environ, **homes},
            stdout=out,
            stderr=log,
        )
    try:
        yield Evaluation(process, home)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def here(folder: Path) -> str:
    """What this machine prints without a cluster."""
    with started(folder, "here") as command:
        out = command.printed()
    assert json.loads(out)["protocols"].keys() == {"random_80_20", "leave_one_site_out"}
    return out


@pytest.fixture
def two_workers() -> Iterator[LocalCluster]:
    """A scheduler with two workers, as somebody else would have started it."""
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as workers:
        yield workers


def test_local_workers_print_what_the_machine_prints(folder: Path, here: str) -> None:
    with started(folder, "local", "--cluster", "local") as command:
        while command.process.poll() is None and len(listeners(command.process)) < CORES:
            time.sleep(0.05)
        assert command.process.poll() is None, "no worker of Dask's was ever seen"
        assert command.printed() == here


def test_a_worker_killed_in_the_middle_changes_nothing(
    folder: Path, here: str, two_workers: LocalCluster
) -> None:
    address = two_workers.scheduler_address
    with Client(two_workers) as client, started(folder, "killed", "--cluster", address) as command:
        processes = client.run(os.getpid)
        victim = busy(client, command.process)
        os.kill(processes[victim], signal.SIGKILL)
        assert command.printed() == here
        survivors = set(client.run(os.getpid).values())
    assert processes.pop(victim) not in survivors
    assert set(processes.values()) <= survivors


def listeners(process: subprocess.Popen[bytes]) -> list[int]:
    """The ids of its child processes that listen on a port, as those of Dask do and a pool's do not."""
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children()
        return [c.pid for c in children if any(n.status == psutil.CONN_LISTEN for n in c.net_connections())]
    return []


def busy(client: Client, process: subprocess.Popen[bytes]) -> str:
    """The address of a worker that is at work while the other one is, too."""
    began = time.monotonic()
    while process.poll() is None and time.monotonic() - began < PATIENCE_S:
        working = [worker for worker, tasks in client.processing().items() if tasks]
        if len(working) == 2:
            return str(working[0])
        time.sleep(0.01)
    raise AssertionError("the command was never seen to use both workers")
