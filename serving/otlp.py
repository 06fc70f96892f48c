"""Traces to an OpenTelemetry collector by OTLP over HTTP; imported only where an endpoint is configured.

The W3C header `traceparent` is honoured, its sampling too; `tracestate` and `baggage`, which may hold
anything, go no further. Spans wait in a bounded queue and are dropped, not waited for, when it is full.
"""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span as OpenSpan
from opentelemetry.trace import (
    SpanKind,
    Status,
    StatusCode,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope

from serving.tracing import Course, Header

_PARENT = b"traceparent"
_EXPORT_S, _CLOSE_S = 2.0, 3.0
_SERVER_ERROR = 500


class OtlpTracer:
    """The tracer of one worker."""

    def __init__(self, endpoint: str) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": "rxplain"}))
        exporter = OTLPSpanExporter(endpoint=_traces_at(endpoint), timeout=_EXPORT_S)
        waits_ms = 1000 * _EXPORT_S
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=1000, export_timeout_millis=waits_ms)
        )
        self._tracer = self._provider.get_tracer("rxplain")
        self._parents = TraceContextTextMapPropagator()

    def begin(self, scope: Scope, request_id: str) -> OtlpSpan:
        """A span for a request, below the caller's own where its head names one."""
        named = [value.decode("latin-1") for name, value in scope["headers"] if name == _PARENT]
        parent = self._parents.extract({"traceparent": named[0]}) if len(named) == 1 else None
        course = Course()
        opened = self._tracer.start_span(
            "request",
            context=parent,
            kind=SpanKind.SERVER,
            start_time=course.began,
            attributes={"rxplain.request_id": request_id},
        )
        return OtlpSpan(self, opened, course)

    def stages(self, above: OpenSpan, course: Course) -> None:
        """One span for each stage, from the end of the one before."""
        context, since = set_span_in_context(above), course.began
        for stage, until in course.reached:
            self._tracer.start_span(stage, context=context, start_time=since).end(until)
            since = until

    def close(self) -> None:
        """Send what is left; returns within seconds even where nobody listens."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(_CLOSE_S)


class OtlpSpan:
    """One request that is traced."""

    def __init__(self, tracer: OtlpTracer, opened: OpenSpan, course: Course) -> None:
        self.course = course
        self._tracer, self._opened = tracer, opened
        known = opened.get_span_context()
        self.trace_id = format_trace_id(known.trace_id)
        parent = f"00-{self.trace_id}-{format_span_id(known.span_id)}-{int(known.trace_flags):02x}"
        self.header: Header = (_PARENT, parent.encode())

    def end(self, method: str, route: str, status: int, problem: str) -> None:
        """The request was answered; `problem` is '' where there was none."""
        if self._opened.is_recording():
            self._opened.update_name(f"{method} {route}")
            told: dict[str, str | int] = {"http.request.method": method, "http.route": route}
            told["http.response.status_code"] = status
            facts = self.course.facts | ({"problem": problem} if problem else {})
            told |= {f"rxplain.{name}": fact for name, fact in facts.items()}
            self._opened.set_attributes(told)
            if status >= _SERVER_ERROR:
                self._opened.set_status(Status(StatusCode.ERROR))
            self._tracer.stages(self._opened, self.course)
        self._opened.end()


def _traces_at(endpoint: str) -> str:
    """Where traces go below the endpoint of all signals, as OpenTelemetry's specification says."""
    parts = urlsplit(endpoint)
    return parts._replace(path=parts.path.rstrip("/") + "/v1/traces").geturl()
