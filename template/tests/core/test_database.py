"""The transaction contract: what `SessionDep` and `ReadSessionDep` promise to every route."""

import asyncio
import dataclasses
import enum
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException
from httpx import AsyncClient
from pydantic import BaseModel
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError, StatementError

from app.core.config import Settings
from app.core.database import Database, ReadSessionDep, SessionDep, open_database
from app.core.database_errors import sqlstate
from tests.core.things import Thing


async def names(database: Database) -> list[str]:
    async with database.read() as session:
        return list(await session.scalars(select(Thing.name).order_by(Thing.name)))


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
    async def create_orphan(session: SessionDep) -> None:
        session.add(Thing(name="lamp", parent_id=7))  # a deferred constraint: COMMIT looks at it

    response = await committing_client.post("/things")

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


async def test_postgres_refuses_writes_on_a_read_session(
    app: FastAPI, client: AsyncClient, database: Database, things: None
) -> None:
    @app.get("/things")
    async def create_thing(session: ReadSessionDep) -> None:
        await session.execute(text("INSERT INTO thing (name) VALUES ('lamp')"))

    response = await client.get("/things")

    assert response.status_code == 500
    assert await names(database) == []


async def test_postgres_refuses_writes_on_the_read_engine(settings: Settings) -> None:
    async with open_database(settings) as database, database.read() as session:
        with pytest.raises(DBAPIError) as error:
            await session.execute(text("CREATE TABLE refused ()"))

    assert sqlstate(error.value) == "25006"


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


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Size:
    height: int


class Maker(BaseModel):
    name: str


async def test_json_takes_what_python_services_handle(database: Database, things: None) -> None:
    async with database.session() as session:
        thing = Thing(
            name="lamp",
            data={
                "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
                "id": UUID(int=7),
                "price": Decimal("1.20"),
                "colour": Colour.RED,
                "size": Size(height=3),
                "maker": Maker(name="Ada"),
            },
        )
        session.add(thing)
        await session.flush()
        await session.refresh(thing)

    assert thing.data == {
        "at": "2026-01-02T03:04:05Z",
        "id": "00000000-0000-0000-0000-000000000007",
        "price": "1.20",
        "colour": "red",
        "size": {"height": 3},
        "maker": {"name": "Ada"},
    }


async def test_json_that_cannot_be_written_is_an_error_before_anything_is_sent(
    database: Database, things: None
) -> None:
    async with database.session() as session:
        session.add(Thing(name="lamp", data={"what": object()}))
        with pytest.raises(StatementError, match="Unable to serialize unknown type"):
            await session.flush()
        await session.rollback()

    assert await names(database) == []


@pytest.mark.parametrize(
    "query", ["?sslmode=disable", "?channel_binding=prefer&connect_timeout=5", "?keepalives=1"]
)
async def test_urls_of_libpq_work(settings: Settings, query: str) -> None:
    url = settings.postgres_url.get_secret_value()
    url += query.replace("?", "&") if "?" in url else query

    async with open_database(Settings(postgres_url=url)) as database, database.read() as session:
        assert await session.scalar(text("SELECT 1")) == 1


async def test_the_server_enforces_the_limits(settings: Settings) -> None:
    async with open_database(settings) as database, database.session() as session:
        limits = {
            name: await session.scalar(text(f"SHOW {name}"))
            for name in (
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
            )
        }

    assert limits == {
        "statement_timeout": "10s",
        "lock_timeout": "3s",
        "idle_in_transaction_session_timeout": "30s",
    }


async def test_a_connection_that_the_server_closed_is_replaced(settings: Settings) -> None:
    async with open_database(settings) as database:
        async with database.read() as session:
            process = await session.scalar(text("SELECT pg_backend_pid()"))
        async with database.session() as session:
            await session.execute(text(f"SELECT pg_terminate_backend({process}, 5000)"))

        async with database.read() as session:
            assert await session.scalar(text("SELECT pg_backend_pid()")) != process
