"""The transaction contract: what `SessionDep` and `ReadSessionDep` promise to every route."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from httpx2 import AsyncClient
from sqlalchemy import (
    event,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.core.database import (
    Database,
    ReadSessionDep,
    SessionDep,
)
from tests.things import Thing, names


async def test_a_request_that_returns_is_committed(
    committing_app: FastAPI, committing_client: AsyncClient, committed_things: None
) -> None:
    @committing_app.post("/things")
    async def create_thing(session: SessionDep) -> None:
        session.add(Thing(name="lamp"))

    response = await committing_client.post("/things")

    assert response.status_code == 200
    assert await names(committing_app.state.database) == ["lamp"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("no"), 500), (HTTPException(418, "no"), 418), (ValueError("no"), 500)],
)
async def test_a_request_that_raises_is_rolled_back(
    app: FastAPI,
    client: AsyncClient,
    database: Database,
    things: None,
    error: Exception,
    status: int,
) -> None:
    @app.post("/things")
    async def create_thing(session: SessionDep) -> None:
        session.add(Thing(name="lamp"))
        await session.flush()
        raise error

    response = await client.post("/things")

    assert response.status_code == status
    assert await names(database) == []


async def test_a_statement_that_times_out_in_a_savepoint_leaves_the_transaction(
    database: Database, things: None
) -> None:
    async with database.session() as session:
        session.add(Thing(name="lamp"))
        await session.flush()
        savepoint = await session.begin_nested()
        await session.execute(text("SET LOCAL statement_timeout = 10"))
        with pytest.raises(DBAPIError):
            await session.execute(text("SELECT pg_sleep(60)"))
        await savepoint.rollback()

    assert await names(database) == ["lamp"]


async def test_a_request_that_is_cancelled_is_rolled_back(
    app: FastAPI, client: AsyncClient, database: Database, things: None
) -> None:
    @app.post("/things")
    async def create_thing(session: SessionDep) -> None:
        session.add(Thing(name="lamp"))
        await session.flush()
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await client.post("/things")

    assert await names(database) == []


async def test_a_response_that_cannot_be_made_is_rolled_back(
    app: FastAPI, client: AsyncClient, database: Database, things: None
) -> None:
    @app.post("/things", response_model=int)
    async def create_thing(session: SessionDep) -> str:
        session.add(Thing(name="lamp"))
        await session.flush()
        return "not a number"

    response = await client.post("/things")

    assert response.status_code == 500
    assert await names(database) == []


async def test_a_commit_that_fails_is_not_answered_with_success(
    committing_app: FastAPI, committing_client: AsyncClient, committed_things: None
) -> None:
    @committing_app.post("/things", status_code=201)
    async def create_orphan(session: SessionDep, data: dict[str, int]) -> None:
        session.add(Thing(name="lamp", **data))  # a deferred constraint: COMMIT looks at it

    response = await committing_client.post("/things", json={"parent_id": 7})

    assert response.status_code == 422
    assert await names(committing_app.state.database) == []


async def test_the_commit_comes_before_the_response(
    app: FastAPI, client: AsyncClient, things: None
) -> None:
    events: list[str] = []

    @app.post("/things")
    async def create_thing(session: SessionDep, tasks: BackgroundTasks) -> None:
        event.listen(session.sync_session, "after_commit", lambda _: events.append("commit"))
        session.add(Thing(name="lamp"))
        tasks.add_task(events.append, "after the response")

    await client.post("/things")

    assert events == ["commit", "after the response"]


async def test_the_connections_are_back_before_the_response_is_sent(
    committing_app: FastAPI, committing_client: AsyncClient
) -> None:
    database: Database = committing_app.state.database
    read_engine = database.async_read_session_factory.kw["bind"]
    pools: list[str] = []

    async def parts() -> AsyncIterator[str]:
        pools.extend(engine.pool.status() for engine in (database.engine, read_engine))
        yield "a part"

    @committing_app.get("/things")
    async def stream(session: SessionDep, read_session: ReadSessionDep) -> StreamingResponse:
        await session.execute(text("SELECT 1"))
        await read_session.execute(text("SELECT 1"))
        return StreamingResponse(parts())

    await committing_client.get("/things")

    assert [status.split(": ")[-1] for status in pools] == ["0", "0"]


async def test_objects_stay_readable_after_the_commit(
    app: FastAPI, database: Database, things: None
) -> None:
    async with database.session() as session:
        thing = Thing(name="lamp")
        session.add(thing)

    assert thing.name == "lamp"
    assert thing.size == 1


async def test_what_the_server_computes_comes_back_with_an_update(
    database: Database, things: None
) -> None:
    async with database.session() as session:
        thing = Thing(name="lamp")
        session.add(thing)
        await session.flush()
        created_at = thing.changed_at
        thing.name = "rug"
        await session.flush()

        assert thing.changed_at > created_at


async def test_nothing_is_sent_before_a_flush(database: Database, things: None) -> None:
    async with database.session() as session:
        session.add(Thing(name="lamp"))

        assert list(await session.scalars(select(Thing.name))) == []


async def test_a_read_is_seen_by_the_session_that_wrote(
    app: FastAPI, client: AsyncClient, things: None
) -> None:
    @app.post("/things")
    async def create_thing(session: SessionDep) -> None:
        session.add(Thing(name="lamp"))

    @app.get("/things")
    async def list_things(session: ReadSessionDep) -> list[str]:
        return list(await session.scalars(select(Thing.name)))

    await client.post("/things")

    assert (await client.get("/things")).json() == ["lamp"]


async def test_lazy_loading_fails_with_the_name_of_the_attribute(
    database: Database, things: None
) -> None:
    async with database.session() as session:
        session.add(Thing(name="bulb", parent=Thing(name="lamp")))
        await session.flush()
        session.expunge_all()
        bulb = (await session.scalars(select(Thing).where(Thing.name == "bulb"))).one()

        with pytest.raises(InvalidRequestError, match=r"'Thing.parent' is not available"):
            _ = bulb.parent

        with_parent = select(Thing).options(selectinload(Thing.parent))
        await session.scalars(with_parent.execution_options(populate_existing=True))
        assert bulb.parent is not None
        assert bulb.parent.name == "lamp"


RAISE = "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{}'; END $$"


async def test_work_that_collides_is_done_again_in_a_new_transaction(
    database: Database, things: None
) -> None:
    attempts: list[int] = []

    async def work(session: AsyncSession) -> str:
        attempts.append(len(attempts))
        session.add(Thing(name=f"lamp {len(attempts)}"))
        await session.flush()
        if len(attempts) < 3:
            await session.execute(text(RAISE.format("40001")))
        return "done"

    assert await database.retry(work) == "done"
    assert await names(database) == ["lamp 3"]


@pytest.mark.parametrize(("sqlstate_raised", "attempts"), [("40P01", 2), ("23505", 1)])
async def test_work_is_done_again_only_after_collisions_and_not_for_ever(
    database: Database, sqlstate_raised: str, attempts: int
) -> None:
    done: list[int] = []

    async def work(session: AsyncSession) -> None:
        done.append(1)
        if len(done) <= attempts:  # once more ends the test, where it would never end
            await session.execute(text(RAISE.format(sqlstate_raised)))

    with pytest.raises(DBAPIError):
        await database.retry(work, attempts=2)

    assert len(done) == attempts
