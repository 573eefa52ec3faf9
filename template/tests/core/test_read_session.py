"""What a session that cannot write promises."""

from collections.abc import AsyncIterator

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
from sqlalchemy.orm import joinedload, selectinload
from structlog.testing import capture_logs

from app.core.config import Settings
from app.core.database import (
    Database,
    ReadSessionDep,
    open_database,
)
from app.core.sqlstate import sqlstate
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


async def test_each_read_is_a_transaction_of_its_own(settings: Settings) -> None:
    async with open_database(settings) as database, database.read() as session, session.begin():
        moments = {await session.scalar(text("SELECT now()")) for _ in range(2)}

    assert len(moments) == 2


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


async def test_a_read_is_repeated_once_when_a_migration_changed_its_table(
    committing_app: FastAPI, committed_things: None
) -> None:
    database: Database = committing_app.state.database
    session = database.read()
    await session.scalars(select(Thing.size))

    async with database.session() as writing:
        await writing.execute(text("ALTER TABLE thing ALTER COLUMN size TYPE bigint"))

    assert (await session.scalars(select(Thing.size))).all() == []
