"""One predict-and-explain request against an echo (the floor) and the plain way, in the same server."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.load import Load, Target, burst
from benchmarks.results import Row
from features.synthetic import probe_documents

_ROUNDS = 12
_READY_S = 60.0


def serving_rows(home: Path, study: str) -> list[Row]:
    """The serving ratios; `home` has a champion of `study`."""
    body = json.dumps({"study": study, "patient": probe_documents()[0]}).encode()
    echo, predict, plain = (
        Target(name, path, body)
        for name, path in (("echo", "/echo"), ("predict", "/v1/predict"), ("plain", "/plain"))
    )
    with server(home, study, workers=1, has_plain_way=True) as port:
        alone = interleaved(port, (echo, predict), clients=1, seconds=1.0, rounds=_ROUNDS)
        plain_alone = burst(port, plain, 1, 3.0)
        crowd = interleaved(port, (echo, predict), clients=8, seconds=1.0, rounds=_ROUNDS // 2)
        plain_crowd = burst(port, plain, 8, 6.0)
    with server(home, study, 1, False) as one_port, server(home, study, 2, False) as two_port:
        turns = [
            (burst(one_port, predict, 32, 1.5), burst(two_port, predict, 32, 1.5)) for _ in range(_ROUNDS)
        ]
    rates = {name: float(np.median([load.rate for load in loads])) for name, loads in crowd.items()}
    of_one, of_two = (float(np.median([turn[i].rate for turn in turns])) for i in (0, 1))
    gains = [two.rate / one.rate for one, two in turns]
    medians = {name: float(np.median([load.median_ms for load in loads])) for name, loads in alone.items()}
    ratios = [p.median_ms / e.median_ms for p, e in zip(alone["predict"], alone["echo"], strict=True)]
    return [
        Row(
            "predict + full explanation + durable row against the echo, 1 client, median latency",
            "at most 2",
            f"{np.median(ratios):.2f}",
            f"{medians['predict']:.2f} ms against {medians['echo']:.2f} ms; "
            f"rounds {min(ratios):.2f} to {max(ratios):.2f}",
        ),
        Row(
            "the same against the plain way, 8 clients, requests a second",
            "at least 10",
            f"{rates['predict'] / plain_crowd.rate:.1f}",
            f"{rates['predict']:.0f}/s against {plain_crowd.rate:.1f}/s; echo {rates['echo']:.0f}/s; "
            f"plain way alone {plain_alone.median_ms:.0f} ms",
        ),
        Row(
            "two workers against one, 32 clients, who share the two cores with them, requests a second",
            "at least 1.7",
            f"{np.median(gains):.2f}",
            f"{of_two:.0f}/s against {of_one:.0f}/s; rounds {min(gains):.2f} to {max(gains):.2f}",
        ),
    ]


def interleaved(
    port: int, targets: tuple[Target, ...], clients: int, seconds: float, rounds: int
) -> dict[str, list[Load]]:
    """Bursts against each target by turns, after one of each to warm up."""
    for target in targets:
        burst(port, target, clients, 0.5)
    found: dict[str, list[Load]] = {target.name: [] for target in targets}
    for _ in range(rounds):
        for target in targets:
            found[target.name].append(burst(port, target, clients, seconds))
    return found


@contextmanager
def server(home: Path, study: str, workers: int, has_plain_way: bool) -> Iterator[int]:
    """The port of a ready server, with the echo, and on demand the plain way, beside the product."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    factory = "with_plain_way" if has_plain_way else "lean"
    command = [sys.executable, "-m", "benchmarks.application", str(port), str(workers), study, factory]
    environment = {**os.environ, "RXPLAIN_HOME": str(home)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            _await_ready(server, port)
            yield port
        finally:
            server.terminate()
            server.wait(30)


def _await_ready(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError("the server did not become ready")
