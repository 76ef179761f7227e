"""OpenTelemetry traces across the parts: spans, and the W3C trace context that travels in gRPC metadata.

Nothing is recorded unless OTEL_EXPORTER_OTLP_ENDPOINT names a collector; the other OTEL_ variables hold as
OpenTelemetry describes them. A span holds the name of a stage, numbers, and the kind of an error: never its text, which
may quote a file's name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"

_TRACER = trace.get_tracer("hunet")


def export_traces(service_name: str) -> bool:
    """Sends the process's spans to the collector by OTLP over HTTP. Call it once, at the start.

    Returns:
        Whether a collector is named.

    Raises:
        ImportError: one is, but the extra `hunet-protocol[tracing]` is not installed.
    """
    if not os.environ.get(ENDPOINT_VARIABLE):
        return False
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service_name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True


def end_traces() -> None:
    """Sends what has not been sent; at the end of a process that runs no exit handlers."""
    provider = trace.get_tracer_provider()
    if hasattr(provider, "shutdown"):
        provider.shutdown()


@contextmanager
def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, parent: Context | None = None, **attributes: int
) -> Iterator[Span]:
    """Around a piece of work; what begins within it, also in tasks that start there, is its child.

    Not around a yield of an async generator: its context is not the caller's.

    Args:
        name: of the stage, the same for every scan.
        kind: SERVER for a call that is answered, CLIENT for one that is made.
        parent: the span it belongs to, where that is in another process (`context_from`).
        attributes: numbers that tell one such piece of work from another.
    """
    with _TRACER.start_as_current_span(
        name, parent, kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def outgoing_metadata() -> dict[str, str]:
    """The current trace context, for a gRPC call's metadata; empty where nothing is recorded."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


def context_from(metadata: Iterable[tuple[str, str | bytes]] | None) -> Context:
    """The trace context that a gRPC call brought."""
    return propagate.extract({key: value for key, value in metadata or () if isinstance(value, str)})


def trace_id() -> str | None:
    """Of the current span, 32 hex digits, for a log line; none where nothing is recorded."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid and context.trace_flags.sampled else None


def exemplar() -> dict[str, str] | None:
    """Labels that tie a Prometheus observation to its trace; none where nothing is recorded."""
    current = trace_id()
    return None if current is None else {"trace_id": current}
