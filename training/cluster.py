"""Work on the workers of a Dask scheduler, on this machine or beyond it, with the results of one machine.

A worker that dies costs the items it was answering; they are answered again elsewhere. Workers whose sources
or packages differ from ours are refused, for their numbers might differ.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from distributed import Client, LocalCluster, as_completed
from distributed.scheduler import KilledWorker
from threadpoolctl import threadpool_limits

from features.errors import ClusterError
from training.provenance import sources_sha256, versions
from training.workers import Report, working_on

Found = TypeVar("Found")
LOCAL = "local"
_ROUNDS, _PATIENCE_S = 8, 30


@dataclass(frozen=True)
class DaskWorkers:
    """The workers of one scheduler."""

    client: Client

    def spread(
        self,
        answer: Callable[..., Found],
        shared: tuple[object, ...],
        items: Sequence[object],
        report: Report,
    ) -> list[Found]:
        """What `answer(*shared, item)` finds for each item, in their order.

        What is shared is sent to each worker once. Should all who hold it die, it is sent again.
        """
        found: dict[int, Found] = {}
        for _ in range(_ROUNDS):
            waiting = [i for i in range(len(items)) if i not in found]
            if not waiting:
                break
            self._round(answer, shared, {i: items[i] for i in waiting}, found, report)
        if len(found) < len(items):
            raise ClusterError(
                f"{len(items) - len(found)} of {len(items)} parts were lost with their workers {_ROUNDS} "
                "times over; look at the workers' memory and logs, or run without --cluster"
            )
        return [found[i] for i in range(len(items))]

    def _round(
        self,
        answer: Callable[..., Found],
        shared: tuple[object, ...],
        items: dict[int, object],
        found: dict[int, Found],
        report: Report,
    ) -> None:
        """Answers that could be had; of what was lost with its workers there are none."""
        try:
            self.client.wait_for_workers(1, timeout=_PATIENCE_S)
            sent = self.client.scatter([answer, *shared], broadcast=True, hash=False)
        except (OSError, TimeoutError):
            return  # whoever was to hold it died meanwhile
        futures = {
            self.client.submit(_on_one_thread, *sent, item, pure=False): i for i, item in items.items()
        }
        for future in as_completed(list(futures)):
            i = futures.pop(future)  # a result that is at home need not be kept elsewhere
            try:
                found[i] = future.result()
            except (CancelledError, KilledWorker):
                continue
            report(len(found))


@contextmanager
def cluster(address: str) -> Iterator[None]:
    """Inside, work is spread over a scheduler's workers; `local` starts both here, a worker a core."""
    with _client(address) as client:
        _check_alike(client)
        with working_on(DaskWorkers(client)):
            yield


@contextmanager
def _client(address: str) -> Iterator[Client]:
    if address == LOCAL:
        own = LocalCluster(
            n_workers=os.cpu_count(),
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=logging.ERROR,
        )
        with own, Client(own) as client:
            yield client
        return
    try:
        client = Client(address, timeout=_PATIENCE_S)
        client.wait_for_workers(1, timeout=_PATIENCE_S)
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterError(
            f"no Dask scheduler with a worker answers at '{address}'; start `dask scheduler` and "
            "`dask worker` in this environment, or use --cluster local"
        ) from error
    with client:
        yield client


def _check_alike(client: Client) -> None:
    """Refuses workers that run other sources or packages than we do."""
    found = client.run(_made_of)
    strangers = sum(made != _made_of() for made in found.values())
    if strangers:
        raise ClusterError(
            f"{strangers} of {len(found)} workers run other sources or packages; install this version of "
            "Rxplain and its lock there"
        )


def _made_of() -> tuple[str, dict[str, str]]:
    return sources_sha256(), versions()


def _on_one_thread(answer: Callable[..., Found], *given: Any) -> Found:  # Any: whatever `answer` takes
    with threadpool_limits(1):
        return answer(*given)
