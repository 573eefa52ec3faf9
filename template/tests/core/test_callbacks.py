"""What `after_commit` promises."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from app.core.database import Database, SessionDep, after_commit
from tests.things import Thing, names


async def test_what_follows_a_commit_is_called_after_it(database: Database, things: None) -> None:
    seen: list[list[str]] = []

    async def look() -> None:
        seen.append(await names(database))

    async with database.session() as session:
        session.add(Thing(name="lamp"))
        after_commit(session, look)
        async with session.begin_nested():
            pass
        assert seen == []

    assert seen == [["lamp"]]


async def test_what_follows_a_commit_is_not_called_after_a_rollback(database: Database) -> None:
    called: list[str] = []

    async def call() -> None:
        called.append("called")

    async def fail() -> None:
        async with database.session() as session:
            after_commit(session, call)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert called == []


async def test_what_follows_a_commit_is_not_called_when_the_commit_fails(
    committing_app: FastAPI, committed_things: None
) -> None:
    called: list[str] = []

    async def call() -> None:
        called.append("called")

    async def create_orphan() -> None:
        async with committing_app.state.database.session() as session:
            session.add(Thing(name="orphan", parent_id=7))
            after_commit(session, call)

    with pytest.raises(DBAPIError):
        await create_orphan()
    assert called == []


async def test_what_follows_a_commit_may_fail_and_the_write_stands(
    app: FastAPI, client: AsyncClient, database: Database, things: None
) -> None:
    async def fail() -> None:
        raise RuntimeError("no mail today")

    @app.post("/things", status_code=201)
    async def create_thing(session: SessionDep) -> None:
        session.add(Thing(name="lamp"))
        after_commit(session, fail)

    with capture_logs() as lines:
        response = await client.post("/things")

    assert response.status_code == 201
    assert await names(database) == ["lamp"]
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "An after_commit callback failed."
    ]


def appending(called: list[str], name: str) -> Callable[[], Awaitable[None]]:
    async def append() -> None:
        called.append(name)

    return append


async def test_what_follows_a_commit_is_not_called_after_the_rollback_of_its_savepoint(
    database: Database,
) -> None:
    called: list[str] = []

    async with database.session() as session:
        after_commit(session, appending(called, "before"))
        async with session.begin_nested() as savepoint:
            after_commit(session, appending(called, "in the savepoint"))
            async with session.begin_nested():
                after_commit(session, appending(called, "in one within it"))
            await savepoint.rollback()
        async with session.begin_nested():
            after_commit(session, appending(called, "in one that is kept"))

    assert called == ["before", "in one that is kept"]


async def test_what_follows_a_commit_is_cancelled_after_its_time_limit(
    app: FastAPI, client: AsyncClient, database: Database, things: None
) -> None:
    called: list[str] = []

    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    @app.post("/things", status_code=201)
    async def create_thing(session: SessionDep) -> None:
        session.add(Thing(name="lamp"))
        after_commit(session, wait_for_ever, timeout_seconds=0.01)
        after_commit(session, appending(called, "the next"))

    with capture_logs() as lines:
        async with asyncio.timeout(10):
            response = await client.post("/things")

    assert response.status_code == 201
    assert (await names(database), called) == (["lamp"], ["the next"])
    [line] = [line for line in lines if line["log_level"] == "error"]
    assert line["event"] == "An after_commit callback failed."


async def test_a_request_that_is_cancelled_after_its_commit_is_answered_with_success(
    app: FastAPI, client: AsyncClient, database: Database, things: None
) -> None:
    started = asyncio.Event()
    called: list[str] = []

    async def wait_for_ever() -> None:
        started.set()
        await asyncio.Event().wait()

    @app.post("/things", status_code=201)
    async def create_thing(session: SessionDep) -> None:
        session.add(Thing(name="lamp"))
        after_commit(session, wait_for_ever)
        after_commit(session, appending(called, "the next"))

    with capture_logs() as lines:
        request = asyncio.create_task(client.post("/things"))
        await started.wait()
        request.cancel()
        response = await request

    assert response.status_code == 201
    assert (await names(database), called) == (["lamp"], [])
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "An after_commit callback was cancelled."
    ]


async def test_a_script_that_is_cancelled_after_its_commit_stops(database: Database) -> None:
    started = asyncio.Event()

    async def wait_for_ever() -> None:
        started.set()
        await asyncio.Event().wait()

    async def work() -> None:
        async with database.session() as session:
            after_commit(session, wait_for_ever)

    script = asyncio.create_task(work())
    await started.wait()
    script.cancel()

    with pytest.raises(asyncio.CancelledError):
        await script
