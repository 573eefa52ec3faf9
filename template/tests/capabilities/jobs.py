"""Fixtures for jobs: `run_jobs` runs what was enqueued, `enqueued` shows it, in the test's own
transaction."""

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pgqueuer.domain.models import Job
from pydantic_core import from_json
from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

import app
from app.core.database import Database
from app.core.jobs.definitions import definitions
from app.worker.perform import perform
from app.worker.queue import Queue

Enqueued = Callable[[], Awaitable[list[tuple[str, dict[str, Any]]]]]
RunJobs = Callable[..., Awaitable[list[str]]]

# Not PgQueuer's own: in the test's transaction time stands still, and no job is due.
TAKE = text("""
    UPDATE jobs.pgqueuer SET status = 'picked', queue_manager_id = :worker_id WHERE id = (
        SELECT id FROM jobs.pgqueuer
        WHERE status = 'queued' AND (:later OR execute_after <= now()) AND entrypoint IN :names
        ORDER BY priority DESC, id LIMIT 1
    ) RETURNING *
""").bindparams(bindparam("names", expanding=True))
WAITING = text("""
    SELECT entrypoint, payload FROM jobs.pgqueuer WHERE status = 'queued'
    ORDER BY priority DESC, id
""")


@pytest.fixture
def enqueued(connection: AsyncConnection) -> Enqueued:
    """`assert await enqueued() == [("orders.send_receipt", {"order_id": 7})]`"""

    async def enqueued() -> list[tuple[str, dict[str, Any]]]:
        waiting = await connection.execute(WAITING)
        return [(row.entrypoint, from_json(row.payload)) for row in waiting]

    return enqueued


@pytest.fixture
def run_jobs(connection: AsyncConnection, database: Database) -> RunJobs:
    """`assert await run_jobs() == ["orders.send_receipt"]`: as a worker would, one by one.

    Raises the error of a job that fails. With `later=True` also runs those with a delay.
    """

    @asynccontextmanager
    async def savepoint() -> AsyncIterator[AsyncConnection]:
        async with connection.begin_nested():
            yield connection

    queue = Queue(savepoint)

    async def run_jobs(*, later: bool = False) -> list[str]:
        ran: list[str] = []
        values = {"worker_id": queue.worker_id, "names": list(definitions()), "later": later}
        while row := (await connection.execute(TAKE, values)).mappings().one_or_none():
            job = Job.model_validate(dict(row))
            if failure := await perform(job, queue, database):
                raise failure
            ran.append(job.entrypoint)
        return ran

    return run_jobs


@pytest.fixture
def lamps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The jobs of `features/lamps`, as if it were a feature of the service."""
    monkeypatch.setattr(app, "__path__", [*app.__path__, str(Path(__file__).parent / "features")])
    definitions.cache_clear()
    yield importlib.import_module("app.lamps.jobs")
    definitions.cache_clear()
