"""The providers of a process, and the threads that export what they collect."""

import asyncio
import logging
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dotenv import dotenv_values
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from app.core.config import PROJECT, Settings
from app.core.redaction import Redaction
from app.core.telemetry.config import TelemetrySettings
from app.core.telemetry.context import trust_nothing_but_traceparent
from app.core.telemetry.exporters import MetricExporter, Outage, SpanExporter, redact
from app.core.telemetry.prometheus import MetricsPage

FLUSH_SECONDS = 1  # a shutdown waits no longer for a receiver
# The SDK's lines about each attempt: `Outage` writes one for all.
CHATTER = ("exporter", "sdk._shared_internal", "sdk.metrics._internal.export")


class Telemetry:
    """Collects nothing unless a setting says where to: no provider, no thread, no connection."""

    def __init__(
        self, service: Settings, settings: TelemetrySettings, redaction: Redaction
    ) -> None:
        self.settings = settings
        self.redaction = redaction
        self.traces = bool(settings.traces_endpoint)
        self.metrics = bool(settings.metrics_endpoint or settings.serves_metrics)
        self.tracer_provider: trace.TracerProvider = trace.NoOpTracerProvider()
        self.meter_provider: metrics.MeterProvider = metrics.NoOpMeterProvider()
        if self.traces or self.metrics:
            _read_env_file()
            resource = _resource(service, redaction)
        if self.traces:
            self.tracer_provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        if self.metrics:
            self.meter_provider = MeterProvider(resource=resource, shutdown_on_exit=False)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Export while the service runs. In the end, send what is left, for a second at most."""
        closing: list[Callable[[], None]] = []
        outage = Outage()
        if self.traces or self.metrics:
            for name in CHATTER:
                logging.getLogger(f"opentelemetry.{name}").setLevel(logging.CRITICAL)
            trust_nothing_but_traceparent()
        if isinstance(self.tracer_provider, TracerProvider):
            processor = self._span_processor(outage)
            self.tracer_provider.add_span_processor(processor)
            closing.append(processor.shutdown)
        if isinstance(self.meter_provider, MeterProvider):
            reader = self._metric_reader(outage)
            self.meter_provider.add_metric_reader(reader)
            closing.append(reader.shutdown)
        self._set_globals()
        try:
            yield
        finally:
            threads = [threading.Thread(target=close, daemon=True) for close in closing]
            for thread in threads:
                thread.start()
            await asyncio.to_thread(_join, threads)

    def _span_processor(self, outage: Outage) -> SpanProcessor:
        endpoint = self.settings.traces_endpoint
        exporter = SpanExporter(
            endpoint, self.redaction, outage, headers=self.settings.headers or None
        )
        return BatchSpanProcessor(exporter)

    def _metric_reader(self, outage: Outage) -> MetricReader:
        if self.settings.serves_metrics:
            return MetricsPage(self.settings, self.redaction)
        endpoint = self.settings.metrics_endpoint
        exporter = MetricExporter(
            endpoint, self.redaction, outage, headers=self.settings.headers or None
        )
        return PeriodicExportingMetricReader(exporter)

    def _set_globals(self) -> None:
        """For libraries and features, which ask OpenTelemetry's API; the first app of a process."""
        if self.traces and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            trace.set_tracer_provider(self.tracer_provider)
        if self.metrics and not isinstance(metrics.get_meter_provider(), MeterProvider):
            metrics.set_meter_provider(self.meter_provider)


def _resource(service: Settings, redaction: Redaction) -> Resource:
    """Who exports. OTEL_RESOURCE_ATTRIBUTES may add to it."""
    own = {
        "service.name": service.service_name,
        "service.version": PROJECT["version"],
        # Each worker is an instance of its own, or their sums would overwrite each other.
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
        "deployment.environment.name": service.environment,
    }
    found = Resource.create(own)
    return Resource(redact(found.attributes, redaction), found.schema_url)


def _read_env_file() -> None:
    """The SDK reads the environment alone, and every setting may stand in `.env`."""
    file = TelemetrySettings.model_config.get("env_file")
    for name, value in dotenv_values(str(file)).items():
        if name.startswith("OTEL_") and value:
            os.environ.setdefault(name, value)


def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(FLUSH_SECONDS / len(threads))
