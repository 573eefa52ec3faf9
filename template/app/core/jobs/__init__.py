"""Work that survives: `enqueue` writes a job in the session's own transaction; a worker runs it.

A job is an `async def` in `app/<feature>/jobs.py`. `docs/jobs.md` shows one from end to end.
"""

from datetime import timedelta
from typing import Any, ParamSpec

from opentelemetry import propagate
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.contextvars import get_contextvars

from app.core.jobs.definitions import definition_of
from app.core.jobs.limits import Function, job, options, options_of
from app.core.jobs.queries import queries_on

P = ParamSpec("P")
# What leads from the log and the trace of a job back to those of the request.
CONTEXT, OTEL = "context", "otel"

__all__ = ["enqueue", "job", "options"]


async def enqueue(
    session: AsyncSession, function: Function[P], /, *args: P.args, **kwargs: P.kwargs
) -> int | None:
    """Write a job, which runs once the session's transaction has committed, and never otherwise.

    Returns its id; None if a job with the same `key` (see `options`) waits or runs. Raises
    `TypeError` or `ValidationError` for arguments that the job does not take.
    """
    definition, given = definition_of(function), options_of(function)
    headers: dict[str, Any] = {CONTEXT: dict(get_contextvars()), OTEL: {}}
    propagate.inject(headers[OTEL])
    (job_id,) = await queries_on(session).enqueue(
        definition.entrypoint,
        definition.dump(*args, **kwargs),
        given.priority,
        timedelta(seconds=given.delay_seconds),
        given.key,
        headers,
        on_conflict="skip",
    )
    return job_id
