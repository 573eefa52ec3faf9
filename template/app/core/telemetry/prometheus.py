"""/metrics for Prometheus, on a port of its own: the service's port is for clients.

One process alone can answer there: of several workers each would tell a part as if it were all.
"""

import multiprocessing
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from prometheus_client import CollectorRegistry, exposition

from app.core.redaction import Redaction
from app.core.telemetry.config import TelemetrySettings

SEVERAL_WORKERS = (
    "OTEL_METRICS_EXPORTER=prometheus works with one worker, and this service has several: set"
    " WEB_CONCURRENCY=1 and run more processes with an address each, or use"
    " OTEL_METRICS_EXPORTER=otlp, to which each worker exports."
)
PORT_IS_TAKEN = (
    "OTEL_EXPORTER_PROMETHEUS_PORT is {port}, and {host}:{port} cannot be used ({error}): set"
    " another one."
)


class MetricsPage(PrometheusMetricReader):
    """Ends the process with a sentence where it cannot be right."""

    def __init__(self, settings: TelemetrySettings, redaction: Redaction) -> None:
        if has_several_workers():
            sys.exit(SEVERAL_WORKERS)
        registry = CollectorRegistry()
        host, port = settings.otel_exporter_prometheus_host, settings.otel_exporter_prometheus_port
        try:
            self.server = ThreadingHTTPServer((host, port), _handler(registry, redaction))
        except OSError as error:
            sys.exit(PORT_IS_TAKEN.format(host=host, port=port, error=error.strerror))
        super().__init__(registry=registry)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def shutdown(self, timeout_millis: float = 30_000, **options: Any) -> None:
        self.server.shutdown()
        self.server.server_close()
        super().shutdown(timeout_millis, **options)


def has_several_workers() -> bool:
    """Whether uvicorn runs this process as one of several, by its flag or WEB_CONCURRENCY."""
    if multiprocessing.parent_process() is None or "--reload" in sys.argv:
        return False
    workers = os.environ.get("WEB_CONCURRENCY", "1")
    for index, argument in enumerate(sys.argv):  # uvicorn's, which its workers inherit
        if argument.startswith("--workers"):
            workers = [*argument.split("="), *sys.argv[index + 1 :]][1]
    return workers != "1"


def _handler(registry: CollectorRegistry, redaction: Redaction) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds for a client that says nothing

        def do_GET(self) -> None:  # so the standard library calls it
            encode, content_type = exposition.choose_encoder(self.headers.get("Accept", ""))
            text = redaction.redact(encode(registry).decode()).encode()
            found = self.path == "/metrics"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", content_type if found else "text/plain")
            self.end_headers()
            self.wfile.write(text if found else b"There is only /metrics here.\n")

        def log_message(self, *_: object) -> None:
            """Scrapes are no requests of the service."""

    return Handler
