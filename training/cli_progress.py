"""How far long work has come, on standard error, so that standard output stays clean for answers."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

Report = Callable[[str, int, int], None]


@contextmanager
def at_work() -> Iterator[Report]:
    """A callback (step, done, total) that draws bars on a terminal and writes a line a step elsewhere.

    What libraries print meanwhile goes to standard error too.
    """
    console = Console(stderr=True)
    with redirect_stdout(sys.stderr):
        if console.is_terminal:
            yield from _bars(console)
        else:
            yield _lines(console)


def _bars(console: Console) -> Iterator[Report]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as bars:

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield report


def _lines(console: Console) -> Report:
    began: dict[str, float] = {}

    def report(step: str, done: int, total: int) -> None:
        start = began.setdefault(step, time.monotonic())
        if done >= total:
            console.print(f"{step}: {total} of {total}, {time.monotonic() - start:.1f} s", highlight=False)

    return report
