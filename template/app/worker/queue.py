"""What a worker writes into the queue. Each statement changes only jobs that this worker holds.

So a worker that was taken for dead can neither complete nor repeat a job that another one has.
"""

import asyncio
import random
import uuid
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pgqueuer.domain.models import Job, TracebackRecord
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.core.jobs.limits import Limits
from app.core.jobs.queries import SqlAlchemyDriver
from app.core.postgres.sqlstate import UNAVAILABLE, sqlstate
from app.core.redaction import LONGEST_VALUE, Redaction
from app.worker.statements import (
    BEAT,
    COMPLETE,
    COUNT,
    FAIL,
    GIVE_BACK,
    PICK,
    PRUNE,
    RESCUE,
    SUSPECT,
)


class TakenOverError(Exception):
    """Another worker has the job now: this one was taken for dead."""


@dataclass
class Queue:
    """The queue, on connections of its own: jobs may hold all others."""

    connect: Callable[[], AbstractAsyncContextManager[AsyncConnection]]
    redaction: Redaction = field(default_factory=lambda: Redaction([]))
    retry_seconds: float = 1
    worker_id: uuid.UUID = field(default_factory=uuid.uuid4)
    counted: set[str] = field(default_factory=set)

    async def pick(self, entrypoints: Iterable[str], limit: int) -> list[Job]:
        """Take the next jobs that are due: by priority, then in the order of their times."""
        picked = await self._write(PICK, list(entrypoints), self.worker_id, limit)
        return [Job.model_validate(row) for row in picked]

    async def complete(self, session: AsyncSession, job: Job) -> None:
        """Complete a job in its own transaction. Raises `TakenOverError`."""
        if not await SqlAlchemyDriver(session).fetch(COMPLETE, job.id, self.worker_id):
            raise TakenOverError(f"Another worker has job {job.id} now.")

    async def fail(self, job: Job, limits: Limits, error: Exception) -> str:
        """Repeat a job later, with a growing, jittered pause, or hold it. Returns which."""
        attempt = job.attempts + 1
        status = "failed" if attempt >= limits.attempts else "queued"
        pause = timedelta(seconds=self.retry_seconds * attempt**4 * random.uniform(0.5, 1.5))  # noqa: S311
        values = (job.id, self.worker_id, status, pause, self._record(job, error))
        if not await self._write_surely(FAIL, *values):
            return "settled elsewhere"  # the commit went through, or another worker has it
        return "held" if status == "failed" else "retry"

    async def give_back(self, job_ids: Iterable[int]) -> None:
        await self._write(GIVE_BACK, list(job_ids), self.worker_id)

    async def beat(self, job_ids: Iterable[int]) -> None:
        """Say that this worker is alive."""
        await self._write(BEAT, list(job_ids), self.worker_id)

    async def start_suspect(self, job: Job) -> None:
        await self._write(SUSPECT, job.id, self.worker_id)

    async def rescue(self, silent_seconds: float, crashes: int) -> list[dict[str, Any]]:
        """Count the crash of each job whose worker is silent; repeat it later, or hold it."""
        silent, pause = timedelta(seconds=silent_seconds), timedelta(seconds=self.retry_seconds)
        return await self._write(RESCUE, silent, crashes, pause)

    async def count(self) -> list[dict[str, Any]]:
        """Of each type: how many wait, run and are held, and how long the oldest waits."""
        return await self._write(COUNT)

    async def prune(self, days: int) -> None:
        """Forget what happened to jobs that long ago."""
        while await self._write(PRUNE, timedelta(days=days)):
            pass

    def _record(self, job: Job, error: Exception) -> str:
        """The error for PgQueuer's log, without secrets and without what JSONB does not take."""
        record = TracebackRecord.from_exception(error, job.id)
        for name in ("exception_message", "traceback"):
            text = self.redaction.redact(getattr(record, name)[-LONGEST_VALUE:])
            setattr(record, name, text.encode(errors="replace").decode().replace("\0", "?"))
        return record.model_dump_json()

    async def _write_surely(self, sql: str, *args: object) -> list[dict[str, Any]]:
        """While the database is away, wait: else the job would count as one that kills workers."""
        while True:
            try:
                return await self._write(sql, *args)
            except SQLAlchemyError as error:
                code = sqlstate(error)
                if code and not code.startswith(UNAVAILABLE):
                    raise
            await asyncio.sleep(self.retry_seconds)

    async def _write(self, sql: str, *args: object) -> list[dict[str, Any]]:
        async with self.connect() as connection:
            return await SqlAlchemyDriver(connection).fetch(sql, *args)
