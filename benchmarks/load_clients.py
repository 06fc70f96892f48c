"""Client processes that ask without pause until told to stop, and keep what they were told.

`python -m benchmarks.load_clients PORT FILE CONNECTIONS SEED` appends one record an answer to FILE.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from tests.serving.tiny import PATIENT, STUDY
from tests.serving.tiny_sets import PANEL, patient

RECORD = np.dtype([("id", "S32"), ("digest", "S64"), ("sha256", "V32"), ("latency", "<f8")])
"""What is kept of an answer: its id, the one digest in it, the hash of its bytes, and seconds."""

_DIGEST = re.compile(rb'"bundle_digest":"([0-9a-f]{64})"')
_ID = re.compile(rb'\A\{"id":"([0-9a-f]{32})"')
_VARIED = 50
_MIX = ("/v1/predict",) * 6 + ("/v1/simulate",) * 2 + ("/v1/rank",) * 2


class Clients:
    """Starts client processes on entering, until each has answers, and stops them on leaving."""

    def __init__(self, port: int, home: Path, processes: int, connections: int) -> None:
        self._files = [home / f"received-{i}.bin" for i in range(processes)]
        self._commands = [
            [sys.executable, "-m", "benchmarks.load_clients", str(port), str(file), str(connections), str(i)]
            for i, file in enumerate(self._files)
        ]

    def __enter__(self) -> Self:
        self._running = [subprocess.Popen(command) for command in self._commands]
        while self.alive() and not all(file.exists() and file.stat().st_size for file in self._files):
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._running:
            one.send_signal(signal.SIGTERM)
        for one in self._running:
            one.wait(60)

    def alive(self) -> bool:
        """Whether all still ask; one that failed has stopped."""
        return all(one.poll() is None for one in self._running)

    def answered(self) -> int:
        """How many answers they got together."""
        sizes = (file.stat().st_size for file in self._files if file.exists())
        return sum(sizes) // RECORD.itemsize


def _bodies(port: int, seed: int) -> list[bytes]:
    """Requests as they go out: many patients, each route as often as it stands in the mix."""
    rng, found = random.Random(seed), []
    for i in range(_VARIED):
        clinical = PATIENT["clinical"] | {"weight": {"value": rng.randint(50, 120), "unit": "kg"}}
        own = PATIENT | {"patient_id": f"load-{seed}-{i}", "clinical": clinical}
        change = {"name": "lighter", "clinical": {"weight": {"value": 48, "unit": "kg"}}}
        documents = {
            "/v1/predict": {"study": STUDY, "patient": own},
            "/v1/simulate": {"study": STUDY, "patient": own, "changes": [change]},
            "/v1/rank": {"study": PANEL, "patient": patient(seed=i) | {"patient_id": f"load-{seed}-{i}"}},
        }
        for path in _MIX:
            body = json.dumps(documents[path]).encode()
            head = (
                f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            found.append(head.encode() + body)
    return found


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes]:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)


async def _connection(
    port: int, bodies: list[bytes], rng: random.Random, file: BinaryIO, stop: asyncio.Event
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    while not stop.is_set():
        began = time.perf_counter()
        status, body = await _ask(reader, writer, rng.choice(bodies))
        took = time.perf_counter() - began
        named, digests = _ID.match(body), set(_DIGEST.findall(body))
        if status != 200 or named is None or len(digests) != 1:
            raise RuntimeError(f"status {status}, {len(digests)} digests: {body[:200]!r}")
        row = np.array([(named[1], digests.pop(), hashlib.sha256(body).digest(), took)], RECORD)
        file.write(row.tobytes())
    writer.close()


async def ask_until_told(port: int, path: Path, connections: int, seed: int) -> None:
    """Ask on so many connections until SIGTERM; the first failure ends it with an error."""
    stop, bodies, rng = asyncio.Event(), _bodies(port, seed), random.Random(seed)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with path.open("wb", buffering=100 * RECORD.itemsize) as file:
        await asyncio.gather(*(_connection(port, bodies, rng, file, stop) for _ in range(connections)))


if __name__ == "__main__":
    try:
        asyncio.run(ask_until_told(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
    except Exception as error:
        Path(sys.argv[2]).with_suffix(".failed").write_text(f"{type(error).__name__}: {error}\n")
        raise
