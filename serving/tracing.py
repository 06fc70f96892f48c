"""Where a request's time goes, told to a tracer when one is configured; otherwise nothing is kept.

A trace tells routes by template, status, study, model and durations: never what a client sent.
"""

from __future__ import annotations

import importlib
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from starlette.types import Scope

from serving.settings import Settings

Header = tuple[bytes, bytes]


@dataclass(slots=True)
class Course:
    """When a request reached which stage (nanoseconds of the clock), and what its answer was made by."""

    began: int = field(default_factory=time.time_ns)
    reached: list[tuple[str, int]] = field(default_factory=list)
    facts: dict[str, str | int] = field(default_factory=dict)


class Span(Protocol):
    """One request that is traced."""

    course: Course
    trace_id: str
    header: Header

    def end(self, method: str, route: str, status: int, problem: str) -> None:
        """The request was answered; `problem` is '' where there was none."""


class Tracer(Protocol):
    """Takes the spans of one worker and sends them away in the background."""

    def begin(self, scope: Scope, request_id: str) -> Span:
        """A span for a request, below the caller's own where its head names one."""

    def close(self) -> None:
        """Send what is left; returns within seconds even where nobody listens."""


COURSE: ContextVar[Course | None] = ContextVar("rxplain_course", default=None)


def reached(stage: str) -> None:
    """The request at work has just finished this stage."""
    course = COURSE.get()
    if course is not None:
        course.reached.append((stage, time.time_ns()))


def answered_by(study: str, version: int, digest: str, result: str) -> None:
    """The request at work was answered by this model."""
    course = COURSE.get()
    if course is not None:
        course.facts |= {"study": study, "model.version": version, "model.digest": digest, "result": result}


def tracer_of(settings: Settings) -> Tracer | None:
    """The configured tracer; None, and nothing imported, where there is none."""
    if settings.otlp_endpoint is None:
        return None
    made: Tracer = importlib.import_module("serving.otlp").OtlpTracer(settings.otlp_endpoint)
    return made
