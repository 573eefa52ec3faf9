"""With jobs and telemetry, a worker tells a receiver how many jobs wait and how they end."""

import gzip
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.faults.postgres import FaultyPostgres
from tests.jobs.lamps import Lamps, new_lamps
from tests.support.services import environment_of
from tests.support.serving import sql, until

pytestmark = pytest.mark.slow
# Messages that are joined are one message, the sum of them.
DECODE = """
import json, sys
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
sent = ExportMetricsServiceRequest.FromString(sys.stdin.buffer.read())
for metric in (m for r in sent.resource_metrics for s in r.scope_metrics for m in s.metrics):
    for point in getattr(metric, metric.WhichOneof("data")).data_points:
        named = {each.key: each.value.string_value for each in point.attributes}
        value = point.count if metric.HasField("histogram") else point.as_int or point.as_double
        name = " ".join((metric.name, named.get("job.name", ""), named.get("status", "")))
        print(json.dumps([name.strip(), value]))
"""
FILL = """
    INSERT INTO jobs.pgqueuer (priority, status, entrypoint, execute_after)
    VALUES (0, 'failed', 'lamps.light', now()), (0, 'queued', 'lamps.old', now() - interval '1 h')
"""


class Receiver(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.metrics = b""


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/metrics":
            zipped = self.headers["content-encoding"] == "gzip"
            self.server.metrics += gzip.decompress(body) if zipped else body
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


@pytest.fixture
def watched_lamps(install: Callable[..., Path], server: FaultyPostgres) -> Lamps:
    project = install(jobs=True, telemetry=True)
    return new_lamps(project, environment_of(project), server)


def test_depth_age_and_failures_arrive_at_a_receiver(watched_lamps: Lamps) -> None:
    lamps = watched_lamps
    sql(lamps.url, FILL)

    with receiving() as receiver:
        where = f"http://127.0.0.1:{receiver.server_port}"
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": where, "OTEL_METRIC_EXPORT_INTERVAL": "200"}
        with lamps.worker(**settings):
            lamps.enqueue("light", name="a")
            names = (b"jobs.count", b"jobs.runs")
            until(lambda: all(n in receiver.metrics for n in names), "all has arrived")
        decode = [lamps.python, "-c", DECODE]
        printed = subprocess.run(decode, input=receiver.metrics, check=True, stdout=-1).stdout

    points = dict(json.loads(line) for line in printed.splitlines())
    assert points.pop("jobs.oldest.age lamps.old") >= 3600
    expected = {
        "jobs.count lamps.old queued": 1,
        "jobs.count lamps.light failed": 1,
        "jobs.runs lamps.light done": 1,
        "jobs.duration lamps.light": 1,
    }
    assert {name: points.get(name) for name in expected} == expected
