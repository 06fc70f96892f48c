"""`python -m benchmarks.full_load --minutes 10`: two workers under full load while champions change.

Client processes of our own ask predict, rank and simulate without pause; a model is promoted, rolled back and
promoted meanwhile. Then every answer received is held against its row, rows are answered again by the bundle
of their digest, and the chain is walked. Any failed request, mixed answer or lost row ends it with an error.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.load_clients import Clients
from benchmarks.received import Received, mixed_or_lost, read_received
from benchmarks.results import Row, as_markdown
from models.registry import Registry
from tests.serving.server_process import ServerProcess
from tests.serving.tiny import STUDY, write_bundle
from tests.serving.tiny_sets import panel_draft, publish

WORKERS, CLIENTS, CONNECTIONS = 2, 4, 8
_LOOKED_AT = (1_000, 10_000, 25_000, 50_000, 100_000)
"""Requests of each worker after which its memory is looked at."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The resident MB of each worker, when so many requests had been answered by all."""

    requests: int
    megabytes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """What ten minutes gave."""

    seconds: float
    digests: tuple[str, ...]
    memory: tuple[Memory, ...]
    received: Received
    faults: tuple[str, ...]
    replayed: dict[str, object]
    verified: dict[str, object]

    @property
    def is_clean(self) -> bool:
        """Whether every answer came whole, has its row, is replayed to the byte, and the chain holds."""
        lost = self.received.failures or self.faults or self.replayed["n_differing"] or self.replayed["gone"]
        return not lost and bool(self.verified["holds"])


def full_load(home: Path, seconds: float, sample: int | None) -> Run:
    """Load a server over a new home for so long; `sample` is how many rows are answered again (None: all)."""
    digests = _prepare(home)
    registry, memory = Registry(home), list[Memory]()
    with ServerProcess(home, "--workers", str(WORKERS)) as server:
        with Clients(server.port, home, CLIENTS, CONNECTIONS) as clients:
            began = time.monotonic()
            changes = _changes(registry, seconds)
            watched = [WORKERS * requests for requests in _LOOKED_AT]
            while (passed := time.monotonic() - began) < seconds and clients.alive():
                if changes and passed >= changes[0][0]:
                    changes.pop(0)[1]()
                if watched and clients.answered() >= watched[0]:
                    watched.pop(0)
                    memory.append(_memory(server, clients.answered()))
                time.sleep(0.05)
            memory.append(_memory(server, clients.answered()))
        taken = time.monotonic() - began
    received = read_received(home)
    return Run(
        taken, digests, tuple(memory), received, mixed_or_lost(home, received), _log(home, "replay", sample),
        _log(home, "verify"),
    )  # fmt: skip


def rows(run: Run) -> list[Row]:
    """The run as rows of a table."""
    got, n = run.received, len(run.received.ids)
    first, last = run.memory[0], run.memory[-1]
    growth = [after / before - 1.0 for before, after in zip(first.megabytes, last.megabytes, strict=True)]
    told = "; ".join(
        f"after {one.requests:,}: {', '.join(f'{mb:.1f}' for mb in one.megabytes)} MB" for one in run.memory
    )
    p50, p99, worst = (1e3 * float(np.quantile(got.latencies, q)) for q in (0.5, 0.99, 1.0))
    what = f"{run.seconds / 60:.1f} minutes at {CLIENTS * CONNECTIONS} connections, {WORKERS} workers"
    by_digest = ", ".join(f"{got.digests.count(digest):,} by {digest[:8]}" for digest in run.digests)
    return [
        Row(f"{what}: failed requests", "0", str(len(got.failures)), f"of {n:,}; {by_digest}"),
        Row("answers mixed, altered or without a row", "0", str(len(run.faults)), "; ".join(run.faults[:3])),
        Row("rows answered again that differ in a byte", "0", str(run.replayed["n_differing"]),
            f"{run.replayed['same']:,} the same"),
        Row("the chain holds", "yes", "yes" if run.verified["holds"] else "no",
            f"{run.verified['rows']:,} rows"),
        Row("a worker's memory at the end against that after 1,000 requests", "at most +5%",
            f"{max(growth):+.1%}", told),
        Row("answers a second", "", f"{n / run.seconds:.0f}",
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, slowest {worst:.0f} ms"),
    ]  # fmt: skip


def _prepare(home: Path) -> tuple[str, str]:
    """A home whose study has a champion and another version, and a panel beside it."""
    registry, digests = Registry(home), []
    for seed in (7, 8):
        folder = home / f"made-{seed}"
        digests.append(write_bundle(folder, 600, 40, seed))
        registry.publish(STUDY, folder)
    registry.promote(STUDY, 1, reason="first", who="bench")
    publish(home, panel_draft())
    return digests[0], digests[1]


def _changes(registry: Registry, seconds: float) -> list[tuple[float, Callable[[], object]]]:
    """When what is done to the champion: promoted, rolled back, promoted again."""

    def forth() -> int:
        return registry.promote(STUDY, 2, reason="better", who="bench")

    def back() -> int:
        return registry.rollback(STUDY, reason="worse", who="bench")

    return [(0.3 * seconds, forth), (0.5 * seconds, back), (0.7 * seconds, forth)]


def _memory(server: ServerProcess, requests: int) -> Memory:
    found = sorted(server.workers(), key=lambda worker: worker.pid)
    return Memory(requests, tuple(worker.memory_info().rss / 1e6 for worker in found))


def _log(home: Path, command: str, sample: int | None = None) -> dict[str, object]:
    options = [] if sample is None else ["--sample", str(sample)]
    environment = {**os.environ, "RXPLAIN_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "serving", "log", command, *options],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told: dict[str, object] = json.loads(done.stdout)
    return told


def main() -> int:
    """Measure, print the table, and end with 1 where a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.full_load")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--sample", type=int, help="answer only so many rows again (default: all)")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="rxplain-load-") as folder:
        run = full_load(Path(folder), 60.0 * options.minutes, options.sample)
    print(as_markdown(rows(run)), *run.received.failures, sep="\n")
    return 0 if run.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
