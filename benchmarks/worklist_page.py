"""The worklist of 100,000 answers over its own SQL, and the page of 3,000 inputs over the request it shows.

`python -m benchmarks.worklist_page` prints both; they are ratios within one process, one after the other.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.results import Row
from benchmarks.synthetic_bundle import STUDY, make_home
from features.readers.document import to_document
from features.synthetic_blocks import synthetic_blocks
from serving.access.caller import LOCAL
from serving.answering import answer_request, warm_up
from serving.backend import Backend
from serving.pages import ReviewPages, prediction_page
from serving.review.list_view import SIZE, Query
from serving.settings import Settings
from serving.store.records import new_id

N_ANSWERS = 100_000
N_GENES = 3_000
_N_TRAINING = 300
_ROUNDS = 40
_BATCH = 1000


def page_rows() -> list[Row]:
    """Both ratios, in a home of their own."""
    cohort, truth = synthetic_blocks(_N_TRAINING, 2, expression=N_GENES)
    document = to_document(cohort, cohort.patient_ids[0], truth.spec)
    with TemporaryDirectory(prefix="rxplain-bench-") as name:
        make_home(Path(name), cohort, truth)
        backend = Backend(Settings(home=Path(name)))
        backend.open()
        warm_up(backend)
        try:
            return [_wide_page(backend, document), *_worklist(backend, document)]
        finally:
            backend.close()


def _wide_page(backend: Backend, document: dict[str, object]) -> Row:
    body = json.dumps({"study": STUDY, "patient": document, "explain": "full"}).encode()
    runner = asyncio.Runner()
    record = answer_request(backend, body, 0.0).record
    backend.store.predictions.write_all([record], LOCAL.tenant)

    async def ask() -> None:
        answered = answer_request(backend, body, time.perf_counter())
        await backend.store.predictions.append(answered.record, LOCAL.tenant)

    async def show() -> int:
        found = backend.record(record.id, LOCAL.tenant)
        return len((await prediction_page(backend, found, LOCAL)).body)

    asked, shown = _interleaved(lambda: runner.run(ask()), lambda: runner.run(show()))
    size = runner.run(show())
    runner.close()
    detail = f"{shown:.1f} ms against {asked:.1f} ms; {size / 1e3:.0f} kB of HTML"
    what = f"the page of an answer from {N_GENES:,} inputs over the explained request with its durable row"
    return Row(what, "at most 3, under 200 kB", f"{shown / asked:.2f}", detail)


def _worklist(backend: Backend, document: dict[str, object]) -> list[Row]:
    body = json.dumps({"study": STUDY, "patient": document, "explain": "none"}).encode()
    record = answer_request(backend, body, 0.0).record
    record = replace(record, request="{}")
    for _ in range(N_ANSWERS // _BATCH):
        rows = [replace(record, id=new_id()) for _ in range(_BATCH)]
        backend.store.predictions.write_all(rows, LOCAL.tenant)
    began = time.perf_counter()
    listed = backend.store.worklist.catch_up()
    each_us = 1e6 * (time.perf_counter() - began) / listed
    found = [_list_row(backend, name, query) for name, query in _QUERIES]
    return [*found, Row("listing an answer that was given, in the background", "", f"{each_us:.0f} us")]


_QUERIES = (
    ("first page", {}),
    ("filtered by study and width", {"study": STUDY, "width": "0.5"}),
    ("filtered by a notice that none has", {"notice": "unknown_allele"}),
)


def _list_row(backend: Backend, name: str, asked: dict[str, str]) -> Row:
    query, pages, runner = Query.of(asked), ReviewPages(backend), asyncio.Runner()

    def sql() -> object:
        return backend.store.worklist.page(LOCAL.tenant, query.asked, SIZE)

    raw, whole = _interleaved(sql, lambda: runner.run(pages.listed(query, LOCAL)))
    runner.close()
    what = f"the worklist of {N_ANSWERS:,} answers, {name}, over its own queries"
    return Row(what, "at most 2", f"{whole / raw:.2f}", f"{whole:.2f} ms against {raw:.2f} ms")


def _interleaved(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """Medians of both in milliseconds, by turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for work, times in zip((one, other), taken, strict=True):
            began = time.perf_counter()
            work()
            times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(taken[0]), statistics.median(taken[1])


if __name__ == "__main__":
    for row in page_rows():
        print(row.what, "|", row.asked, "|", row.found, "|", row.detail)
