"""The trace that code runs in: from whom it comes, to whom it goes, what the log says of it."""

import os

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators import textmap
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.typing import EventDict


class TraceParent(TraceContextTextMapPropagator):
    """Reads and writes `traceparent` alone: `baggage` and `tracestate` are anybody's text."""

    def extract(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        getter: textmap.Getter[textmap.CarrierT] = textmap.default_getter,
    ) -> Context:
        extracted = super().extract(carrier, context, getter)
        found = trace.get_current_span(extracted).get_span_context()
        if not found.is_valid:
            return extracted
        bare = SpanContext(
            found.trace_id, found.span_id, is_remote=True, trace_flags=found.trace_flags
        )
        return trace.set_span_in_context(NonRecordingSpan(bare), context)


def trust_nothing_but_traceparent() -> None:
    """Unless OTEL_PROPAGATORS asks for more, as where a proxy removes what strangers send."""
    if "OTEL_PROPAGATORS" not in os.environ:
        propagate.set_global_textmap(TraceParent())


def add_trace(_: object, __: str, event: EventDict) -> EventDict:
    """Adds the ids of the span that a line of the log was written in, for structlog."""
    span = trace.get_current_span()
    if span is not INVALID_SPAN:
        context = span.get_span_context()
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event
