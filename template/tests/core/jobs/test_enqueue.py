import asyncio
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from pydantic import ValidationError
from sqlalchemy import text
from structlog.contextvars import bind_contextvars

from app.core.database import Database, SessionDep
from app.core.jobs import enqueue, options
from tests.capabilities.jobs import Enqueued, RunJobs

APP = Path(__file__).parents[3] / "app"
COUNT = text("SELECT count(*) FROM jobs.pgqueuer")


async def count(database: Database) -> int:
    async with database.read() as session:
        return int(await session.scalar(COUNT) or 0)


async def test_a_job_is_in_the_queue_exactly_when_its_transaction_commits(
    committing_app: FastAPI, lamps: Any
) -> None:
    database: Database = committing_app.state.database

    # As the very first statement: a connection that has not sent BEGIN would commit at once.
    async with database.session() as session:
        job_id = await enqueue(session, lamps.light, name="a")
        before = await count(database)

    assert (before, await count(database)) == (0, 1)
    assert job_id is not None


async def test_a_job_of_a_transaction_that_was_rolled_back_does_not_exist(
    committing_app: FastAPI, lamps: Any
) -> None:
    database: Database = committing_app.state.database

    async with database.session() as session:
        await enqueue(session, lamps.light, name="a")
        await session.rollback()

    assert await count(database) == 0


async def test_a_job_ends_with_the_savepoint_that_it_was_enqueued_in(
    database: Database, lamps: Any, enqueued: Enqueued
) -> None:
    async with database.session() as session:
        await enqueue(session, lamps.light, name="a")
        async with session.begin_nested() as savepoint:
            await enqueue(session, lamps.light, name="b")
            await savepoint.rollback()

    assert await enqueued() == [("lamps.light", {"name": "a"})]


def test_only_this_package_and_the_worker_know_pgqueuer() -> None:
    """Its own drivers would enqueue outside of the session's transaction."""
    files = {str(path.relative_to(APP)): path.read_text() for path in APP.rglob("*.py")}

    knowing = [name for name, text in files.items() if re.search(r"(from|import) pgqueuer", text)]
    own = [name for name in knowing if name.startswith(("core/jobs/", "worker/"))]
    drivers = [name for name, text in files.items() if re.search(r"pgqueuer.*\bdrivers", text)]

    assert (knowing, drivers) == (own, [])


async def test_enqueue_is_one_statement(
    database: Database,
    lamps: Any,
    assert_queries: Callable[[int], AbstractContextManager[None]],
) -> None:
    async with database.session() as session:
        with assert_queries(1):
            await enqueue(session, lamps.light, name="a")


async def test_arguments_are_checked_before_they_are_kept(
    database: Database, lamps: Any, enqueued: Enqueued
) -> None:
    async with database.session() as session:
        with pytest.raises(ValidationError, match="valid integer"):
            await enqueue(session, lamps.light, name="a", size="large")
        with pytest.raises(TypeError, match="argument: 'name'"):
            await enqueue(session, lamps.light)
        with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
            await enqueue(session, lamps.light, name="a", colour="red")
        with pytest.raises(TypeError, match=r"The arguments of lamps.unlock do not survive"):
            await enqueue(session, lamps.unlock, password="x")  # noqa: S106

    assert await enqueued() == []


async def test_a_function_that_no_worker_finds_is_refused(database: Database, lamps: Any) -> None:
    async with database.session() as session:
        with pytest.raises(ValueError, match=r"No worker finds app.lamps.jobs._not_a_job: write"):
            await enqueue(session, lamps._not_a_job)


async def test_a_higher_priority_goes_first_and_a_delay_is_waited_for(
    database: Database, lamps: Any, things: None, run_jobs: RunJobs
) -> None:
    async with database.session() as session:
        await enqueue(session, options(lamps.light, delay_seconds=60), name="later")
        await enqueue(session, lamps.light, name="second")
        await enqueue(session, options(lamps.dim_slowly, priority=1), name="first")

    assert await run_jobs() == ["lamps.dim@3", "lamps.light"]
    assert await run_jobs(later=True) == ["lamps.light"]


async def test_a_key_is_waited_for_once(
    database: Database, lamps: Any, things: None, run_jobs: RunJobs
) -> None:
    once = options(lamps.light, key="lamp-7")

    async with database.session() as session:
        ids = [await enqueue(session, once, name=name) for name in "ab"]

    assert [job_id is None for job_id in ids] == [False, True]
    assert await run_jobs() == ["lamps.light"]

    async with database.session() as session:  # it has run: the key is free
        assert await enqueue(session, once, name="c") is not None


async def test_of_two_transactions_with_one_key_the_second_waits_for_the_first(
    committing_app: FastAPI, lamps: Any
) -> None:
    database: Database = committing_app.state.database
    once = options(lamps.light, key="lamp-7")

    async def second() -> int | None:
        async with database.session() as session:
            return await enqueue(session, once, name="b")

    async with asyncio.TaskGroup() as group, database.session() as session:
        assert await enqueue(session, once, name="a") is not None
        other = group.create_task(second())

    assert other.result() is None
    assert await count(database) == 1


async def test_what_a_request_enqueued_runs_in_the_test_with_its_id_and_its_caller(
    app: FastAPI,
    client: AsyncClient,
    lamps: Any,
    things: None,
    run_jobs: RunJobs,
    enqueued: Enqueued,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @app.post("/lamps")
    async def light_lamps(session: SessionDep) -> None:
        bind_contextvars(caller="ada")  # as authentication does
        await enqueue(session, lamps.light_the_next, names=["a", "b"])

    await client.post("/lamps", headers={"X-Request-ID": "request-of-lamps"})

    assert await enqueued() == [("lamps.light_the_next", {"names": ["a", "b"]})]
    assert await run_jobs() == ["lamps.light_the_next"] * 2
    logged = map(json.loads, capsys.readouterr().out.splitlines())
    lines = [line for line in logged if line["logger"] == "app"]
    assert [(line["event"], line["request_id"], line["caller"]) for line in lines] == [
        (event, "request-of-lamps", "ada") for event in ("request", "job", "job")
    ]
