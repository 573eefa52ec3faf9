"""A real process exports by one variable, and sends what is left when it is told to stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.faults.conftest import Serve

pytestmark = [pytest.mark.slow, pytest.mark.system]
# Of OTLP's protobuf, texts can be read as they are.
TOLD = {
    "/v1/traces": ["POST /items", "INSERT item", "COMMIT", "GET /items", "SELECT item"],
    "/v1/metrics": [
        "http.server.request.duration",
        "http.response.status_code",
        "db.client.operation.duration",
        "db.collection.name",
        "db.client.connection.count",
    ],
}


@contextmanager
def receiving() -> Iterator[tuple[str, dict[str, bytes]]]:
    """The URL of a receiver, and what it was sent, by path."""
    received: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received[self.path] = received.get(self.path, b"") + body
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()


def test_a_variable_alone_switches_it_on_and_nothing_is_lost_in_the_end(serve: Serve) -> None:
    with receiving() as (url, received):
        late = {"otel_bsp_schedule_delay": 600_000, "otel_metric_export_interval": 600_000}
        service = serve(otel_exporter_otlp_endpoint=url, service_name="lamps", **late)
        service.served.request("POST", "/items", json={"name": "lamp"}).raise_for_status()
        service.served.get("/items").raise_for_status()
        service.signal(signal.SIGTERM)
        service.served.wait()

    for path, texts in TOLD.items():
        for text in ["service.name", "lamps", *texts]:
            assert text.encode() in received[path], (path, text)
    assert set(received) == set(TOLD)
    assert [line for line in service.log if "elemetry" in line["event"]] == []
