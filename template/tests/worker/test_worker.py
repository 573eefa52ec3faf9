import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pgqueuer.domain.models import Job
from sqlalchemy import text

from app.core.database import Database
from app.core.jobs import enqueue, options
from app.worker.queue import Queue, TakenOverError
from app.worker.worker import Worker
from tests.things import names
from tests.worker.conftest import StartWorker
from tests.worker.rows import history, jobs, until

SUSPECT = text("""
    UPDATE jobs.pgqueuer SET headers = headers || '{"crashes": 1}' WHERE id = ANY(:ids)
""")
GROW_OLD = text("UPDATE jobs.pgqueuer SET heartbeat = now() - interval '1 hour'")


async def add(database: Database, job: Any, **arguments: Any) -> int | None:
    async with database.session() as session:
        return await enqueue(session, job, **arguments)


async def pick(queue: Queue) -> Job:
    """The next job, as soon as its pause is over."""
    async with asyncio.timeout(10):
        while not (picked := await queue.pick(["lamps.light"], 1)):
            pass
    return picked[0]


async def test_a_job_runs_and_leaves_its_work_and_its_history(
    jobs_database: Database, lamps: Any, start_worker: StartWorker
) -> None:
    async with start_worker():
        job_id = await add(jobs_database, lamps.light, name="a")
        await until(jobs_database, [])

    assert await names(jobs_database) == ["a"]
    assert await history(jobs_database, job_id) == ["queued", "picked", "successful"]


async def test_a_job_that_fails_is_rolled_back_and_repeated_then_held(
    jobs_database: Database, lamps: Any, start_worker: StartWorker
) -> None:
    async with start_worker():
        job_id = await add(jobs_database, lamps.break_one, name="a")
        await until(jobs_database, [("lamps.break_one", "failed", 2, "0")])

    assert await names(jobs_database) == []
    expected = ["queued", "picked", "queued", "picked", "failed"]
    assert await history(jobs_database, job_id) == expected


async def test_a_failed_job_pauses_before_it_is_repeated(
    jobs_database: Database, lamps: Any, start_worker: StartWorker
) -> None:
    async with start_worker(jobs_retry_seconds=3600):
        await add(jobs_database, lamps.break_one, name="a")
        await until(jobs_database, [("lamps.break_one", "queued", 1, "0")])

    due = text("SELECT execute_after - clock_timestamp() > '29 minutes' FROM jobs.pgqueuer")
    async with jobs_database.read() as session:
        assert await session.scalar(due)


async def test_a_job_that_takes_too_long_is_cancelled_and_rolled_back(
    jobs_database: Database, lamps: Any, start_worker: StartWorker
) -> None:
    async with start_worker(jobs_retry_seconds=3600):
        await add(jobs_database, lamps.light_too_long, name="a")
        await until(jobs_database, [("lamps.light_too_long", "queued", 1, "0")])

    assert await names(jobs_database) == []


async def test_a_worker_that_stops_gives_unfinished_jobs_back_at_once(
    jobs_database: Database, lamps: Any, start_worker: StartWorker
) -> None:
    lamps.STARTED.clear()
    async with start_worker(jobs_drain_seconds=0):
        await add(jobs_database, lamps.light_for_ever, name="a")
        await lamps.STARTED.wait()

    assert await jobs(jobs_database) == [("lamps.light_for_ever", "queued", 0, "0")]
    assert await names(jobs_database) == []


async def test_a_worker_that_is_told_twice_waits_for_no_job(
    jobs_database: Database, lamps: Any, start_worker: StartWorker
) -> None:
    lamps.STARTED.clear()
    async with start_worker(jobs_drain_seconds=3600) as worker:
        await add(jobs_database, lamps.light_for_ever, name="a")
        await lamps.STARTED.wait()
        worker.stop()

    assert await jobs(jobs_database) == [("lamps.light_for_ever", "queued", 0, "0")]


async def test_a_job_of_a_newer_version_is_left_to_newer_workers(
    jobs_database: Database, lamps: Any, start_worker: StartWorker
) -> None:
    await add(jobs_database, lamps.dim_slowly, name="old")
    await add(jobs_database, lamps.dim_slowly, name="new")
    rename = text("UPDATE jobs.pgqueuer SET entrypoint = :name WHERE id % 2 = :rest")
    async with jobs_database.session() as session:
        await session.execute(rename, {"name": "lamps.dim", "rest": 1})
        await session.execute(rename, {"name": "lamps.dim@4", "rest": 0})

    async with start_worker():
        await until(jobs_database, [("lamps.dim@4", "queued", 0, "0")])

    assert len(await names(jobs_database)) == 1


async def test_a_job_whose_workers_die_is_counted_and_held(
    jobs_database: Database, lamps: Any, new_worker: Callable[..., Worker]
) -> None:
    await add(jobs_database, lamps.light, name="a")
    found = []
    for _ in range(2):
        worker = new_worker()
        await worker.queue.start_suspect(await pick(worker.queue))
        async with jobs_database.session() as session:
            await session.execute(GROW_OLD)
        await worker.queue.rescue(30, 2)
        found += await jobs(jobs_database)

    assert found == [
        ("lamps.light", "queued", 0, "1"),
        ("lamps.light", "failed", 0, "2"),
    ]


async def test_a_suspect_that_waited_for_its_turn_is_not_blamed(
    jobs_database: Database, lamps: Any, new_worker: Callable[..., Worker]
) -> None:
    await add(jobs_database, lamps.light, name="a")
    queue = new_worker().queue
    for _ in range(3):
        await pick(queue)
        async with jobs_database.session() as session:
            await session.execute(GROW_OLD)
        await queue.rescue(30, 2)

    assert await jobs(jobs_database) == [("lamps.light", "queued", 0, "1")]


async def test_a_suspect_runs_alone(
    jobs_database: Database, lamps: Any, start_worker: StartWorker
) -> None:
    ids = [await add(jobs_database, lamps.light_a_while, name=name) for name in "abcd"]
    async with jobs_database.session() as session:
        await session.execute(SUSPECT, {"ids": ids[1:3]})

    lamps.SEEN.clear()
    async with start_worker(jobs_concurrency=2):
        await until(jobs_database, [])

    seen = list(lamps.SEEN)
    assert seen == [{"a"}, {"b"}, {"d"}, {"c"}]


async def test_a_suspect_that_failed_by_itself_is_not_blamed_for_the_next_crash(
    jobs_database: Database, lamps: Any, new_worker: Callable[..., Worker]
) -> None:
    await add(jobs_database, lamps.light, name="a")
    limits = lamps.break_one.__dict__["limits of the job"]
    queue = new_worker().queue
    for end in ("crash", "failure", "crash"):
        job = await pick(queue)
        if end == "failure":
            await queue.start_suspect(job)
            await queue.fail(job, limits, ValueError())
            continue
        async with jobs_database.session() as session:
            await session.execute(GROW_OLD)
        await queue.rescue(30, 2)

    assert await jobs(jobs_database) == [("lamps.light", "queued", 1, "1")]


async def test_a_worker_that_was_taken_for_dead_can_neither_complete_nor_repeat_its_job(
    jobs_database: Database, lamps: Any, new_worker: Callable[..., Worker]
) -> None:
    await add(jobs_database, lamps.light, name="a")
    frozen, other = new_worker().queue, new_worker().queue
    job = await pick(frozen)
    async with jobs_database.session() as session:
        await session.execute(GROW_OLD)
    await other.rescue(30, 3)
    await pick(other)

    async with jobs_database.session() as session:
        with pytest.raises(TakenOverError, match=f"Another worker has job {job.id} now"):
            await frozen.complete(session, job)
    limits = lamps.break_one.__dict__["limits of the job"]
    assert await frozen.fail(job, limits, ValueError()) == "settled elsewhere"
    assert await jobs(jobs_database) == [("lamps.light", "picked", 0, "1")]


async def test_a_job_with_a_key_may_be_enqueued_while_a_held_one_has_it(
    jobs_database: Database, lamps: Any, start_worker: StartWorker
) -> None:
    once = options(lamps.break_one, key="a")
    async with start_worker():
        await add(jobs_database, once, name="a")
        await until(jobs_database, [("lamps.break_one", "failed", 2, "0")])

    assert await add(jobs_database, once, name="a") is not None
