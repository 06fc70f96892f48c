"""Many patients: drawn some at a time, sent as JSON lines, answered in their order."""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from serving.client_answers import Answer
from serving.client_problems import NoAnswer, ServiceProblem, problem_of
from serving.client_wire import Wire

_PATH = "/v1/batch"
_HEADERS = {"Content-Type": "application/x-ndjson"}
_MOST_LINES = 512


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What came of one patient, by its number from 1: an answer, or the problem that it met."""

    line: int
    answer: Answer | None = None
    problem: ServiceProblem | None = None


def stream(wire: Wire, requests: Iterable[Mapping[str, object]]) -> Iterator[BatchRow]:
    """Each request's row in its order; `requests` is drawn no further ahead than 512.

    The first are answered at once, later ones in ever larger parts. A part that was refused before it was
    read is sent again; one whose connection was lost is not, since some of it may have been recorded: then
    NoAnswer is raised, and every row that was given stands.
    """
    waiting, done, size = iter(requests), 0, 1
    while part := list(itertools.islice(waiting, size)):
        yield from _rows(wire, part, done)
        done, size = done + len(part), min(2 * size, _MOST_LINES)


def _rows(wire: Wire, part: list[Mapping[str, object]], before: int) -> Iterator[BatchRow]:
    body = b"".join(json.dumps(request, allow_nan=False).encode() + b"\n" for request in part)
    with wire.opened("POST", _PATH, body, _HEADERS) as response:
        for line in _lines(response):
            document = json.loads(line)
            if "end" in document:
                if document["end"]["complete"]:
                    return
                break
            yield _row(document, before)
    raise NoAnswer("the answers ended before the patients did")


def _lines(response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        yield from response
    except TimeoutError as error:
        raise NoAnswer("the answers stopped coming") from error
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"the connection was lost ({type(error).__name__})") from error


def _row(document: Mapping[str, object], before: int) -> BatchRow:
    line = before + int(str(document["line"]))
    if "answer" in document:
        answer: Answer = document["answer"]  # type: ignore[assignment]
        return BatchRow(line, answer=answer)
    problem: Mapping[str, object] = document["problem"]  # type: ignore[assignment]
    told = problem_of(int(str(problem["status"])), json.dumps(problem).encode())
    return BatchRow(line, problem=told)
