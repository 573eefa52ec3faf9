"""Scheduled jobs: one for each due time, however many workers there are and whatever their clocks.

Only Postgres's clock counts, and who enqueues the job of a due time also writes, in the same
transaction, that it is enqueued.
"""

from collections.abc import Iterable

from sqlalchemy import text

from app.core.database import Database
from app.core.jobs import enqueue
from app.core.jobs.cron import due_times
from app.core.jobs.definitions import Definition

LONGEST_PAUSE = 30.0
CLOCK = text("SELECT clock_timestamp()")
# Nothing is returned for a due time that has its job. A schedule that is new begins with the next.
CLAIM = text("""
    INSERT INTO jobs.pgqueuer_schedules AS schedule (entrypoint, expression, last_run, next_run)
    VALUES (:entrypoint, :expression, :due, :next)
    ON CONFLICT (expression, entrypoint) DO UPDATE
        SET last_run = excluded.last_run, next_run = excluded.next_run, updated = now()
        WHERE schedule.last_run < excluded.last_run
    RETURNING xmax = 0 AS is_new
""")


async def enqueue_due(database: Database, definitions: Iterable[Definition]) -> float:
    """Enqueue the jobs that are due. Returns the seconds until the next one, 30 at most."""
    pauses = [LONGEST_PAUSE]
    for definition in definitions:
        async with database.session() as session:
            now = (await session.execute(CLOCK)).scalar_one()
            expression = definition.limits.cron or ""
            due, following = due_times(expression, now)
            values = {"due": due, "next": following, "expression": expression}
            values |= {"entrypoint": definition.name}
            claimed = (await session.execute(CLAIM, values)).one_or_none()
            if claimed is not None and not claimed.is_new:
                await enqueue(session, definition.function)
            pauses.append((following - now).total_seconds())
    return min(pauses)
