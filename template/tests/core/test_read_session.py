"""What a session that cannot write promises."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from httpx2 import AsyncClient
from sqlalchemy import (
    literal,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload
from structlog.testing import capture_logs

from app.core.config import Settings
from app.core.database import (
    Database,
    ReadSessionDep,
    open_database,
)
from app.core.postgres.sqlstate import sqlstate
from tests.things import Thing, names


async def test_postgres_refuses_writes_on_a_read_session(
    app: FastAPI, client: AsyncClient, database: Database, things: None
) -> None:
    @app.get("/things")
    async def create_thing(session: ReadSessionDep) -> None:
        await session.execute(text("INSERT INTO thing (name) VALUES ('lamp')"))

    with capture_logs() as lines:
        response = await client.get("/things")

    assert response.status_code == 500
    assert await names(database) == []
    [handler] = [line["handler"] for line in lines if line["log_level"] == "error"]
    assert handler.endswith(".create_thing")


async def test_postgres_refuses_writes_on_the_read_engine(settings: Settings) -> None:
    async with open_database(settings) as database, database.read() as session:
        with pytest.raises(DBAPIError) as error:
            await session.execute(text("CREATE TABLE refused ()"))

    assert sqlstate(error.value) == "25006"


@pytest.mark.parametrize("begin", [False, True])
async def test_each_read_is_a_transaction_of_its_own(settings: Settings, begin: bool) -> None:
    async with open_database(settings) as database, database.read() as session:
        if begin:  # and commit: the next read uses the same connection
            async with session.begin():
                await session.execute(text("SELECT 1"))
        moments = {await session.scalar(text("SELECT now()")) for _ in range(2)}

    assert len(moments) == 2


async def test_a_read_is_one_round_trip(settings: Settings) -> None:
    async with open_database(settings) as database:
        process = await database.read().scalar(text("SELECT pg_backend_pid()"))
        async with database.session() as session:
            last = await session.scalar(
                text("SELECT query FROM pg_stat_activity WHERE pid = :process"),
                {"process": process},
            )

    assert last == "SELECT pg_backend_pid()"  # neither COMMIT nor ROLLBACK


async def test_a_transaction_of_a_read_session_is_one_and_cannot_write(settings: Settings) -> None:
    async with open_database(settings) as database, database.read() as session, session.begin():
        moments = {await session.scalar(text("SELECT now()")) for _ in range(2)}
        with pytest.raises(DBAPIError) as error:
            await session.execute(text("CREATE TABLE refused ()"))

    assert len(moments) == 1
    assert sqlstate(error.value) == "25006"


async def test_a_transaction_of_a_read_session_that_gets_no_connection_is_over(
    settings: Settings,
) -> None:
    few = settings.model_copy(
        update={"postgres_pool_size": 1, "postgres_pool_timeout_seconds": 0.05}
    )
    async with open_database(few) as database, database.read() as waiting:
        async with database.read() as session, session.begin():
            with pytest.raises(PoolTimeoutError):
                await waiting.begin()

        assert not waiting.in_transaction()


@pytest.mark.parametrize("method", ["execute", "scalar", "scalars"])
async def test_a_read_session_holds_no_connection_between_statements(
    settings: Settings, method: str
) -> None:
    async with open_database(settings) as database:
        session = database.read()
        pool = database.async_read_session_factory.kw["bind"].pool

        await getattr(session, method)(text("SELECT 1"))
        with pytest.raises(DBAPIError):
            await getattr(session, method)(text("SELECT no"))

        assert (pool.checkedin(), pool.checkedout()) == (1, 0)


async def test_a_read_session_that_would_keep_its_connection_is_refused(
    settings: Settings,
) -> None:
    async with open_database(settings) as database:
        with pytest.raises(InvalidRequestError, match=r"please call session\.begin\(\)"):
            await database.read().connection()


async def test_a_read_session_keeps_its_connection_in_a_transaction(settings: Settings) -> None:
    async with open_database(settings) as database:
        pool = database.async_read_session_factory.kw["bind"].pool

        async with database.read() as session, session.begin():
            await session.execute(text("SELECT 1"))
            assert pool.checkedout() == 1
        assert pool.checkedout() == 0


@pytest.mark.parametrize("method", ["stream", "stream_scalars"])
async def test_rows_that_stream_outside_of_a_transaction_are_refused_by_a_sentence(
    settings: Settings, method: str
) -> None:
    async with open_database(settings) as database:
        with pytest.raises(InvalidRequestError, match=r"`async with session\.begin\(\):`"):
            await getattr(database.read(), method)(text("SELECT 1"))


async def test_rows_that_stream_keep_their_connection_until_the_reader_stops(
    settings: Settings,
) -> None:
    async with open_database(settings) as database:
        pool = database.async_read_session_factory.kw["bind"].pool

        async def numbers() -> AsyncGenerator[int]:
            session = database.read()
            async with session.begin():
                statement = text("SELECT generate_series(1, 100000)")
                async for number in await session.stream_scalars(statement):
                    yield number

        reader = numbers()
        first = await anext(reader)
        held = pool.checkedout()
        await reader.aclose()

        assert (first, held, pool.checkedout()) == (1, 1, 0)


async def test_rows_that_nobody_reads_lose_their_connection(settings: Settings) -> None:
    limit = {"postgres_idle_in_transaction_timeout_seconds": 0.05}
    terminated = asyncio.Event()

    async def read_and_wait(session: AsyncSession) -> None:
        async with session.begin():
            rows = await session.stream_scalars(text("SELECT generate_series(1, 100000)"))
            raw: Any = await (await session.connection()).get_raw_connection()
            raw.driver_connection.add_termination_listener(lambda _: terminated.set())
            async with asyncio.timeout(30):
                await terminated.wait()
            await rows.all()

    async with open_database(settings.model_copy(update=limit)) as database:
        with pytest.raises(DBAPIError, match="closed"):
            await read_and_wait(database.read())


async def test_a_read_session_finds_its_objects_again(database: Database, things: None) -> None:
    async with database.session() as session:
        session.add_all([Thing(name="lamp"), Thing(name="bulb", parent_id=1)])
    session = database.read()

    first = await session.scalars(select(Thing).options(selectinload(Thing.parent)))
    again = await session.scalars(select(Thing))

    assert [id(thing) for thing in first] == [id(thing) for thing in again]


async def test_a_read_session_gets_an_object_by_its_key(database: Database, things: None) -> None:
    async with database.session() as session:
        session.add(lamp := Thing(name="lamp", parent=Thing(name="room")))

    session = database.read()
    found = await session.get(Thing, lamp.id)
    parent = joinedload(Thing.parent)
    again = await session.get(Thing, lamp.id, options=[parent], populate_existing=True)
    by_tuple = await session.get(Thing, (lamp.id,))

    assert found is not None
    assert (again, by_tuple, await session.get(Thing, 0)) == (found, found, None)
    assert (found.name, found.parent and found.parent.name) == ("lamp", "room")


async def test_a_read_session_works_while_a_response_streams(
    app: FastAPI, client: AsyncClient
) -> None:
    @app.get("/things")
    async def stream(session: ReadSessionDep) -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            for number in range(3):
                yield str(await session.scalar(select(literal(number))))

        return StreamingResponse(parts())

    assert (await client.get("/things")).text == "012"


async def test_a_response_streams_the_rows_of_one_transaction(
    app: FastAPI, client: AsyncClient
) -> None:
    @app.get("/things")
    async def stream(session: ReadSessionDep) -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            async with session.begin():
                async for row in await session.stream(text("SELECT generate_series(1, 3)")):
                    yield str(row[0])

        return StreamingResponse(parts())

    assert (await client.get("/things")).text == "123"


async def test_a_read_is_repeated_once_when_a_migration_changed_its_table(
    committing_app: FastAPI, committed_things: None
) -> None:
    database: Database = committing_app.state.database
    session = database.read()
    await session.scalars(select(Thing.size))

    async with database.session() as writing:
        await writing.execute(text("ALTER TABLE thing ALTER COLUMN size TYPE bigint"))

    assert (await session.scalars(select(Thing.size))).all() == []
