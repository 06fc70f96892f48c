"""Many patients in one request: JSON lines in, JSON lines out, each answered and recorded on its own.

Lines are answered some at a time and in their order, each with the numbers that the patient alone would get;
one that cannot be answered is told in its place and spoils no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from features.readers.document import read_documents
from serving.access.caller import Caller, caller_of
from serving.access.restricted import restricted_text
from serving.answering import Answered, recorded, the_model, the_patient, the_treatment
from serving.backend import Backend
from serving.batch_lines import Line, Lines
from serving.body import parse_object, require_media, too_large
from serving.errors import Problem, RequestError, problem_from
from serving.figures import figures_of
from serving.guard import send_head
from serving.schemas import PredictRequest
from serving.store.records import new_id

MEDIA_TYPE = b"application/x-ndjson"
MOST_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class _Asked:
    """A line that is a request."""

    line: Line
    request: PredictRequest

    @property
    def alike(self) -> tuple[str, str | None, float, str]:
        """What those who can be answered together share."""
        return self.request.study, self.request.drug, self.request.level, self.request.explain


class BatchEndpoint:
    """POST /v1/batch as a bare ASGI application; a worker answers a few batches at a time."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        require_media(scope, MEDIA_TYPE)
        if self._running >= MOST_AT_ONCE:
            raise RequestError("overloaded", "Other batches are being answered; try again.", retry_after_s=5)
        self._running += 1
        lines = Lines(receive, self._backend.settings)
        reading = asyncio.create_task(lines.read())
        try:
            await self._answer(lines, send, caller_of(scope))
        finally:
            self._running -= 1
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    async def _answer(self, lines: Lines, send: Send, caller: Caller) -> None:
        await send_head(send, 200, MEDIA_TYPE)
        told = {"answered": 0, "declined": 0, "refused": 0}
        whole = "true"
        try:
            while taken := await lines.take():
                rows = await answer_lines(self._backend, taken, caller)
                for row in rows:
                    told[row.result] += 1
                body = "".join([f"{row.text}\n" for row in rows]).encode()
                await send({"type": "http.response.body", "body": body, "more_body": True})
        except RequestError as error:
            whole = f'false,"problem":{_told(error)}'
        counts = ",".join(f'"{name}":{count}' for name, count in told.items())
        end = f'{{"end":{{{counts},"complete":{whole}}}}}\n'.encode()
        await send({"type": "http.response.body", "body": end, "more_body": False})


@dataclass(frozen=True, slots=True)
class Row:
    """What goes out for one line: `answered`, `declined` or `refused`, and its JSON."""

    result: str
    text: str


async def answer_lines(backend: Backend, lines: Sequence[Line], caller: Caller) -> list[Row]:
    """Each line's row, once what it answers is on disk."""
    began = time.perf_counter()
    found: dict[int, Answered | Exception] = {}
    groups: dict[object, list[_Asked]] = {}
    for line in lines:
        try:
            asked = _Asked(line, _request(backend, line))
            groups.setdefault(asked.alike, []).append(asked)
        except Exception as error:  # told in its place, as the door does for a request
            found[line.number] = error
    for group in groups.values():
        found |= _answer_alike(backend, group, began)
    records = [one.record for one in found.values() if isinstance(one, Answered)]
    failure: RequestError | None = None
    try:
        await backend.store.predictions.append_all(records, caller.tenant)
    except RequestError as error:
        failure = error
    return [_row(backend, line.number, found[line.number], failure, caller) for line in lines]


def _row(
    backend: Backend, number: int, found: Answered | Exception, failure: RequestError | None, caller: Caller
) -> Row:
    """What goes out for a line; `failure` is why no answer of these lines is on disk, if none is."""
    if isinstance(found, Answered) and failure is not None:
        found = failure
    if isinstance(found, Exception):
        return Row("refused", f'{{"line":{number},"problem":{_told(found)}}}')
    record = found.record
    backend.metrics.prediction(record.study, record.version, found.result, found.figures)
    told = record.answer if caller.genomic else restricted_text(record.answer)
    return Row(found.result, f'{{"line":{number},"answer":{told}}}')


def _told(error: Exception) -> str:
    problem: Problem = problem_from(error)
    return problem.body().decode()


def _request(backend: Backend, line: Line) -> PredictRequest:
    limit = backend.settings.body_limit_bytes
    if line.body is None:
        raise too_large(limit)
    return PredictRequest.from_document(parse_object(line.body, limit))


def _answer_alike(backend: Backend, group: Sequence[_Asked], began: float) -> dict[int, Answered | Exception]:
    """The answers to requests of one model, level and depth, by the line's number.

    All in one pass, unless a patient cannot be read or two go by the same name: then in halves.
    """
    try:
        return _answer_together(backend, group, began)
    except Exception as error:
        if len(group) == 1:
            return {group[0].line.number: error}
    middle = len(group) // 2
    return _answer_alike(backend, group[:middle], began) | _answer_alike(backend, group[middle:], began)


def _answer_together(
    backend: Backend, group: Sequence[_Asked], began: float
) -> dict[int, Answered | Exception]:
    first = group[0].request
    writers = backend.writers(first.study)
    model, models = the_model(writers, first.drug), writers.served.bundle.models
    if len(group) == 1:
        cohort = the_patient(first.patient, models.spec)
    else:
        cohort = read_documents([one.request.patient for one in group], models.spec)
    question = models.question
    options = [None if question is None else the_treatment(question, cohort, i) for i in range(len(group))]
    answers = (model.predict if first.explain == "none" else model.explain)(cohort, first.level)
    found: dict[int, Answered | Exception] = {}
    for i, (one, option) in enumerate(zip(group, options, strict=True)):
        prediction_id = new_id()
        text = writers.answers.write(prediction_id, first.explain, answers, cohort, option, i)
        body = one.line.body or b""
        record = recorded(prediction_id, writers.served, cohort.patient_ids[i], (body, text), began)
        result = "declined" if answers.is_declined(i) else "answered"
        found[one.line.number] = Answered(record, result, figures_of(answers, i))
    return found
