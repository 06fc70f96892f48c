"""A thin HTTP/1.1 load client: keep-alive connections, prebuilt bytes, nothing measured but the server."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Target:
    """One route under load: its name in the table, its path and the body posted to it."""

    name: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Load:
    """What one burst against one route gave: latencies in seconds, and requests per second."""

    latencies: tuple[float, ...]
    rate: float

    @property
    def median_ms(self) -> float:
        """The median latency in milliseconds."""
        return 1e3 * float(np.median(self.latencies))


def _request(target: Target, host: str) -> bytes:
    head = (
        f"POST {target.path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(target.body)}\r\n\r\n"
    )
    return head.encode() + target.body


async def _one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])


async def _client(port: int, request: bytes, stop_at: float, latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    while (began := time.perf_counter()) < stop_at:
        status = await _one(reader, writer, request)
        if status != 200:
            raise RuntimeError(f"the server answered {status} under load")
        latencies.append(time.perf_counter() - began)
    writer.close()
    await writer.wait_closed()


def burst(port: int, target: Target, clients: int, seconds: float) -> Load:
    """Post `target` from `clients` connections for about `seconds`; every answer must be 200."""

    async def run() -> list[float]:
        latencies: list[float] = []
        stop_at = time.perf_counter() + seconds
        request = _request(target, f"127.0.0.1:{port}")
        await asyncio.gather(*(_client(port, request, stop_at, latencies) for _ in range(clients)))
        return latencies

    began = time.perf_counter()
    latencies = asyncio.run(run())
    return Load(tuple(latencies), len(latencies) / (time.perf_counter() - began))
