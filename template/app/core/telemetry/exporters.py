"""What leaves the process: redacted as the log is, and without what only a client wrote."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import Link, SpanKind, Status

from app.core.logger import logger
from app.core.redaction import LONGEST_VALUE, Redaction

# Of a request's span. The route tells what was asked for, as in the log.
WRITTEN_BY_CLIENTS = {
    "http.request.method_original",
    "server.address",  # the header Host
    "server.port",
    "url.path",
    "url.query",
}


class Outage:
    """Shared by the exporters: one line when exports begin to fail, one when they work again."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.failed: set[str] = set()

    def note(self, endpoint: str, *, exported: bool) -> None:
        with self.lock:
            before = bool(self.failed)
            (self.failed.discard if exported else self.failed.add)(endpoint)
            after = bool(self.failed)
        if after and not before:
            logger.warning("Telemetry is not exported: the receiver does not take it.", to=endpoint)
        elif before and not after:
            logger.info("Telemetry is exported again.", to=endpoint)


class SpanExporter(OTLPSpanExporter):
    def __init__(self, endpoint: str, redaction: Redaction, outage: Outage, **options: Any) -> None:
        super().__init__(endpoint, **options)
        self.endpoint, self.redaction, self.outage = endpoint, redaction, outage

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export([self._clean(span) for span in spans])
        self.outage.note(self.endpoint, exported=result is SpanExportResult.SUCCESS)
        return result

    def _clean(self, span: ReadableSpan) -> ReadableSpan:
        attributes = dict(span.attributes or {})
        if span.kind is SpanKind.SERVER:
            attributes = {k: v for k, v in attributes.items() if k not in WRITTEN_BY_CLIENTS}
            if "http.route" in attributes:
                attributes["url.path"] = attributes["http.route"]
        return ReadableSpan(
            name=redact(span.name, self.redaction),
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=redact(attributes, self.redaction),
            events=[
                Event(
                    redact(event.name, self.redaction),
                    redact(event.attributes, self.redaction),
                    event.timestamp,
                )
                for event in span.events
            ],
            links=[Link(e.context, redact(e.attributes, self.redaction)) for e in span.links],
            kind=span.kind,
            status=Status(span.status.status_code, redact(span.status.description, self.redaction)),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )


class MetricExporter(OTLPMetricExporter):
    def __init__(self, endpoint: str, redaction: Redaction, outage: Outage, **options: Any) -> None:
        super().__init__(endpoint, **options)
        self.endpoint, self.redaction, self.outage = endpoint, redaction, outage

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **options: Any
    ) -> MetricExportResult:
        result = super().export(redact(metrics_data, self.redaction), timeout_millis, **options)
        self.outage.note(self.endpoint, exported=result is MetricExportResult.SUCCESS)
        return result


def redact(value: Any, redaction: Redaction) -> Any:
    """The same, with every text in it redacted, those of mappings and dataclasses too."""
    if isinstance(value, str):
        is_long = len(value) > LONGEST_VALUE
        return redaction.shorten(value) if is_long else redaction.redact(value)
    if isinstance(value, Mapping):
        return {redact(k, redaction): redact(v, redaction) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [redact(each, redaction) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: redact(getattr(value, f.name), redaction) for f in fields(value)}
        return replace(value, **parts)
    return value
