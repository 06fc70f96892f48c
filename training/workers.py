"""Where independent work is done: on a process a core of this machine, or wherever `working_on` says.

What is found does not depend on where: each item is answered alone, by the same code on one thread, and the
answers come back in the items' order.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Found = TypeVar("Found")
Report = Callable[[int], None]
_FEW = 4


class Workers(Protocol):
    """Whoever answers items: `answer(*shared, item)` for each, in their order."""

    def spread(
        self,
        answer: Callable[..., Found],
        shared: tuple[object, ...],
        items: Sequence[object],
        report: Report,
    ) -> list[Found]:
        """What `answer` finds for each item; `report` hears how many are done."""


_CHOSEN: ContextVar[Workers | None] = ContextVar("workers", default=None)


@contextmanager
def working_on(workers: Workers) -> Iterator[None]:
    """Inside, work that is spread out is done by these workers."""
    token = _CHOSEN.set(workers)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def spread(
    answer: Callable[..., Found],
    shared: tuple[object, ...],
    items: Sequence[Item],
    report: Report,
    in_threads: bool = False,
) -> list[Found]:
    """What `answer(*shared, item)` finds for each item, in their order, by the workers chosen.

    `in_threads` is for work that whole columns are passed to: it starts at once where processes take seconds.
    """
    chosen = _CHOSEN.get()
    if chosen is not None:
        return chosen.spread(answer, shared, items, report)
    n_workers = min(os.cpu_count() or 1, len(items) if in_threads else len(items) // _FEW)
    if n_workers < 2:
        return _one_by_one(answer, shared, items, report)
    if in_threads:
        with ThreadPoolExecutor(n_workers) as threads:
            return _gathered([threads.submit(answer, *shared, item) for item in items], report)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_workers, spawn, _start_worker, (answer, shared)) as pool:
        return _gathered([pool.submit(_answer_here, item) for item in items], report)


def _gathered(futures: Sequence[Future[Found]], report: Report) -> list[Found]:
    """Each future's result in their order; one that fails takes those not begun with it."""
    try:
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            report(done)
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return [future.result() for future in futures]


def _one_by_one(
    answer: Callable[..., Found], shared: tuple[object, ...], items: Sequence[Item], report: Report
) -> list[Found]:
    found = []
    for item in items:
        found.append(answer(*shared, item))
        report(len(found))
    return found


@dataclass
class _Work:
    """What a worker process was given once, at its start."""

    given: list[tuple[Callable, tuple[object, ...]]] = field(default_factory=list)


_WORK = _Work()


def _start_worker(answer: Callable, shared: tuple[object, ...]) -> None:
    threadpool_limits(1)
    _WORK.given.append((answer, shared))


def _answer_here(item: object) -> Any:  # Any: whatever the worker's own way of answering gives
    answer, shared = _WORK.given[0]
    return answer(*shared, item)
