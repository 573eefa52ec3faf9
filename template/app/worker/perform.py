"""Runs one job: one session, one transaction, committed together with the job's completion."""

import asyncio
import time

from opentelemetry import propagate, trace
from pgqueuer.domain.models import Job
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.core.database import Database
from app.core.jobs import CONTEXT, OTEL
from app.core.jobs.definitions import Definition, definitions
from app.core.logger import logger
from app.core.postgres.statements import count_statements
from app.worker.metrics import record_run
from app.worker.queue import Queue

TRACER = trace.get_tracer("app.worker")


async def perform(job: Job, queue: Queue, database: Database) -> Exception | None:
    """Run a picked job and settle it. Returns the error with which it failed."""
    definition = definitions()[job.entrypoint]
    context, trace_of_request = job.header_section(CONTEXT) or {}, job.header_section(OTEL) or {}
    clear_contextvars()
    bind_contextvars(**context | {"job": definition.name, "job_id": job.id})
    started, statements = time.perf_counter(), count_statements()
    status, failure = "done", None
    with TRACER.start_as_current_span(definition.name, propagate.extract(trace_of_request)):
        try:
            await _run(job, definition, queue, database)
        except Exception as error:
            if (task := asyncio.current_task()) and task.cancelling():
                raise  # the rollback failed as well: whoever cancels gives the job back
            failure = error
            status = await queue.fail(job, definition.limits, error)
    seconds = time.perf_counter() - started
    record_run(definition.name, status, seconds)
    log = {"held": logger.error, "done": logger.info}.get(status, logger.warning)
    log(
        "job",
        status=status,
        attempt=job.attempts + 1,
        duration_ms=round(seconds * 1000, 1),
        sql_count=statements.count,
        sql_ms=round(statements.seconds * 1000, 1),
        exc_info=failure,
    )
    return failure


async def _run(job: Job, definition: Definition, queue: Queue, database: Database) -> None:
    arguments = definition.load(job.payload or b"{}")
    async with asyncio.timeout(definition.limits.timeout_seconds), database.session() as session:
        await definition.function(session, **arguments)
        await queue.complete(session, job)
