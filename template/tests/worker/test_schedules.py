import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from app.core.database import Database
from app.core.jobs.definitions import definitions
from app.worker.schedules import enqueue_due
from tests.worker.rows import jobs

PASS = text("UPDATE jobs.pgqueuer_schedules SET last_run = last_run - interval '5 minutes'")
ONE = [("lamps.count_lamps", "queued", 0, "0")]


@pytest.mark.usefixtures("lamps")
async def test_a_job_is_enqueued_once_for_each_due_time_whoever_asks(
    jobs_database: Database,
) -> None:
    due = [definitions()["lamps.count_lamps"]]

    pause = await enqueue_due(jobs_database, due)
    new = await jobs(jobs_database)
    async with jobs_database.session() as session:
        await session.execute(PASS)
    await asyncio.gather(*(enqueue_due(jobs_database, due) for _ in range(5)))

    assert new == []  # a schedule that is new begins with its next due time
    assert 0 < pause <= 30
    assert await jobs(jobs_database) == ONE


@pytest.mark.usefixtures("lamps")
async def test_due_times_that_passed_while_no_worker_ran_are_one_job(
    jobs_database: Database,
) -> None:
    due = [definitions()["lamps.count_lamps"]]
    await enqueue_due(jobs_database, due)
    async with jobs_database.session() as session:
        for _ in range(3):
            await session.execute(PASS)

    await enqueue_due(jobs_database, due)
    await enqueue_due(jobs_database, due)

    assert await jobs(jobs_database) == ONE


async def test_an_app_without_schedules_asks_seldom(database: Database, lamps: Any) -> None:
    assert await enqueue_due(database, []) == 30
