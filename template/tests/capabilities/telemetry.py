"""A receiver of telemetry that speaks OTLP over HTTP, and a service that exports to it."""

import asyncio
import gzip
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from opentelemetry import propagate, trace
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.util._once import Once

from app.core.database import Base
from app.core.telemetry.config import TelemetrySettings
from app.main import create_app
from tests.conftest import NewDatabase
from tests.things import Thing

MESSAGES: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}
ISSUER = "issuer.test"  # of the answer `auth`


@dataclass
class Receiver:
    """What arrived."""

    url: str
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refuses: threading.Event = field(default_factory=threading.Event)
    answers: threading.Event = field(default_factory=threading.Event)
    refused: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something arrives after which this is so."""

        def wait() -> None:
            with self.changed:
                assert self.changed.wait_for(condition, timeout=30)

        await asyncio.to_thread(wait)

    async def exports(self, count: int = 2) -> None:
        """Wait for as many; one may have been on its way."""
        seen = len(self.bodies)
        await self.until(lambda: len(self.bodies) >= seen + count)

    def messages(self, path: str) -> Iterator[Any]:
        for to, body in self.bodies:
            if to == path:
                yield MESSAGES[path].FromString(body)

    @property
    def paths(self) -> set[str]:
        return {path for path, _ in self.bodies}

    @property
    def resources(self) -> list[dict[str, Any]]:
        return [
            values(resource.resource.attributes)
            for message in self.messages("/v1/traces")
            for resource in message.resource_spans
        ]

    @property
    def spans(self) -> list[Span]:
        """In the order in which they began; without what the first token asks of its issuer."""
        return [s for s in self.all_spans if values(s.attributes).get("server.address") != ISSUER]

    @property
    def all_spans(self) -> list[Span]:
        found = [
            span
            for message in self.messages("/v1/traces")
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        return sorted(found, key=lambda span: span.start_time_unix_nano)

    @property
    def points(self) -> dict[str, list[tuple[dict[str, Any], Any]]]:
        """Of the last export: each metric's points, with their attributes."""
        *_, last = self.messages("/v1/metrics")
        return {
            metric.name: [
                (values(point.attributes), point)
                for point in getattr(metric, metric.WhichOneof("data")).data_points
            ]
            for resource in last.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def values(attributes: Any) -> dict[str, Any]:
    """Attributes as they were before they were encoded."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def tree(spans: list[Span]) -> list[str]:
    """Each span on a line, below its parent: name, error and exceptions."""
    known = {span.span_id for span in spans}

    def lines(parent: Span | None, depth: int) -> Iterator[str]:
        for span in spans:
            is_child = (
                span.parent_span_id == parent.span_id
                if parent
                else (span.parent_span_id not in known)
            )
            if is_child:
                told = [values(span.attributes).get("error.type", "")]
                told += [values(event.attributes)["exception.type"] for event in span.events]
                yield "  " * depth + " ".join([span.name, *map(str, told)]).rstrip()
                yield from lines(span, depth + 1)

    return list(lines(None, 0))


@pytest.fixture
def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            refuses = received.refuses.is_set() or not received.answers.is_set()
            received.answers.wait(30)
            with received.changed:
                if refuses:
                    received.refused += 1
                else:
                    received.bodies.append((self.path, body))
                    received.headers.append(dict(self.headers))
                received.changed.notify_all()
            self.send_response(503 if refuses else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Receiver(f"http://127.0.0.1:{server.server_port}")
    received.answers.set()
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    yield received
    server.shutdown()
    thread.join()
    server.server_close()


Watched = Callable[..., AbstractAsyncContextManager[AsyncClient]]


@pytest.fixture
def watched(
    new_database: NewDatabase,
    template: str,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> Watched:
    """`async with watched() as client: ...`; when the block ends, the receiver has everything.

    The service has a database of its own, with the table `thing`.
    """

    @asynccontextmanager
    async def watched(
        prepare: Callable[[FastAPI], None] = lambda _: None,
        service: dict[str, Any] | None = None,
        **telemetry: Any,
    ) -> AsyncIterator[AsyncClient]:
        before = propagate.get_global_textmap()
        # Only the first app of a process sets them: each of these shall be the first one.
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
        monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
        monkeypatch.setattr(Base, "metadata", Thing.metadata)
        telemetry = {"otel_exporter_otlp_endpoint": receiver.url} | telemetry
        async with new_database(template) as settings:
            changed = settings.model_copy(update=service or {})
            app = create_app(changed, TelemetrySettings(**telemetry))
            prepare(app)
            transport = ASGITransport(app, raise_app_exceptions=False)
            async with (
                app.router.lifespan_context(app),
                AsyncClient(transport=transport, base_url="http://test") as client,
            ):
                async with app.state.database.engine.begin() as connection:
                    await connection.run_sync(Thing.metadata.create_all)
                yield client
        propagate.set_global_textmap(before)

    return watched
