"""What one watches: how many jobs wait, for how long, and how they end.

Nothing is recorded unless a meter provider is set: the answer `telemetry` sets one.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from opentelemetry import metrics, trace

from app.core.config import Settings, load_settings
from app.core.redaction import Redaction
from app.worker.queue import Queue

METER = metrics.get_meter("app.worker")
JOBS = METER.create_gauge("jobs.count", "{job}", "Jobs of a type by status: queued, picked, failed")
OLDEST = METER.create_gauge("jobs.oldest.age", "s", "Age of the oldest job that waits")
RUNS = METER.create_counter("jobs.runs", "{run}", "Runs of jobs by how they ended")
DURATION = METER.create_histogram("jobs.duration", "s", "Duration of a run")
# The one place of `telemetry`: without that answer there is no such module.
TELEMETRY = "app.core.telemetry"


def has_telemetry() -> bool:
    return find_spec(TELEMETRY) is not None


def new_telemetry(settings: Settings, redaction: Redaction) -> Any:
    """The pipeline of `telemetry`, set for this process; its `open()` sends what is recorded."""
    own = load_settings(import_module(f"{TELEMETRY}.config").TelemetrySettings)
    telemetry = import_module(f"{TELEMETRY}.pipeline").Telemetry(settings, own, redaction)
    if telemetry.tracer_provider:
        trace.set_tracer_provider(telemetry.tracer_provider)
    if telemetry.meter_provider:
        metrics.set_meter_provider(telemetry.meter_provider)
    return telemetry


def record_run(job: str, status: str, seconds: float) -> None:
    RUNS.add(1, {"job": job, "status": status})
    DURATION.record(seconds, {"job": job})


async def record_queue(queue: Queue) -> None:
    for row in await queue.count():
        job = row["entrypoint"]
        for status in ("queued", "picked", "failed"):
            JOBS.set(row[status], {"job": job, "status": status})
        OLDEST.set(row["oldest"], {"job": job})
