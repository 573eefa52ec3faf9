"""What one watches: how many jobs wait, for how long, and how they end.

Nothing is recorded unless a meter provider is set: the answer `telemetry` sets one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec

from opentelemetry import metrics
from sqlalchemy.exc import SQLAlchemyError
from structlog.typing import Processor

from app.core.config import EnvironmentSettings, Settings, load_settings
from app.core.database import Database
from app.core.logger import logger
from app.core.redaction import Redaction
from app.worker.queue import Queue

METER = metrics.get_meter("app.worker")
JOBS = METER.create_gauge("jobs.count", "{job}", "Jobs of a type by status: queued, picked, failed")
OLDEST = METER.create_gauge("jobs.oldest.age", "s", "Age of the oldest job that waits")
RUNS = METER.create_counter("jobs.runs", "{run}", "Runs of jobs by how they ended")
DURATION = METER.create_histogram("jobs.duration", "s", "Duration of a run")
NAME = "job.name"  # not `job`, which is Prometheus's own name for the service
NONE = {"queued": 0, "picked": 0, "failed": 0, "oldest": 0}
SECONDS_BETWEEN_MEASURES = 15
# The one place of `telemetry`: without that answer there is no such module.
TELEMETRY = "app.core.telemetry"


def has_telemetry() -> bool:
    return find_spec(TELEMETRY) is not None


def settings_of_telemetry() -> list[EnvironmentSettings]:
    """Those of `telemetry`, if it is there."""
    if not has_telemetry():
        return []
    return [load_settings(import_module(f"{TELEMETRY}.config").TelemetrySettings)]


def log_processors() -> list[Processor]:
    """What adds the ids of a job's span to its lines of the log."""
    return [import_module(f"{TELEMETRY}.context").add_trace] if has_telemetry() else []


@asynccontextmanager
async def exporting(
    settings: Settings, redaction: Redaction, database: Database
) -> AsyncIterator[None]:
    """Send what is recorded, and watch the database; nothing without `telemetry`."""
    if not has_telemetry():
        yield
        return
    (own,) = settings_of_telemetry()
    telemetry = import_module(f"{TELEMETRY}.pipeline").Telemetry(settings, own, redaction)
    watching = import_module(f"{TELEMETRY}.database").watching
    async with telemetry.open(), watching(telemetry, database, settings):
        yield


def record_run(job: str, status: str, seconds: float) -> None:
    RUNS.add(1, {NAME: job, "status": status})
    DURATION.record(seconds, {NAME: job})


async def record_queue(queue: Queue) -> None:
    rows = {row["entrypoint"]: row for row in await queue.count()}
    queue.counted.update(rows)
    for job in queue.counted:  # a gauge keeps its value until it is told that nothing is left
        row = rows.get(job, NONE)
        for status in ("queued", "picked", "failed"):
            JOBS.set(row[status], {NAME: job, "status": status})
        OLDEST.set(row["oldest"], {NAME: job})


async def measure(queue: Queue) -> None:
    """For ever, in a server: workers that are dead, or busy with one job, tell nothing."""
    told = False
    while True:
        try:
            await record_queue(queue)
            told = False
        except (SQLAlchemyError, TimeoutError) as error:
            if not told:
                logger.warning("The jobs cannot be counted.", reason=repr(error.__cause__ or error))
            told = True
        await asyncio.sleep(SECONDS_BETWEEN_MEASURES)
