"""What `after_commit` promises."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from app.core.database import (
    Database,
    SessionDep,
    after_commit,
)
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
