"""The transaction contract: what `SessionDep` and `ReadSessionDep` promise to every route."""

import asyncio
import dataclasses
import enum
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    event,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection
from sqlalchemy.exc import DBAPIError, InvalidRequestError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload
from structlog.testing import capture_logs

from app.core import engine
from app.core.checks import database_revision
from app.core.config import Settings
from app.core.database import (
    Base,
    Database,
    ReadSessionDep,
    SessionDep,
    after_commit,
    open_database,
)
from app.core.engine import connect_arguments
from app.core.sqlstate import sqlstate
from app.main import create_app
from tests.core.things import Thing

APP = Path(__file__).parents[2] / "app"


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
    seconds = {"statement": 7, "lock": 2, "idle_in_transaction": 9}
    limited = settings.model_copy(
        update={f"postgres_{name}_timeout_seconds": value for name, value in seconds.items()}
    )

    async with open_database(limited) as database, database.session() as session:
        limits = {
            name: await session.scalar(text(f"SHOW {name}"))
            for name in (
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
            )
        }

    assert limits == {
        "statement_timeout": "7s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "9s",
    }


async def test_a_connection_that_the_server_closed_is_replaced(settings: Settings) -> None:
    async with open_database(settings) as database:
        async with database.read() as session:
            process = await session.scalar(text("SELECT pg_backend_pid()"))
        async with database.session() as session:
            await session.execute(text(f"SELECT pg_terminate_backend({process}, 5000)"))

        async with database.read() as session:
            assert await session.scalar(text("SELECT pg_backend_pid()")) != process


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
        "What was to follow a commit has failed."
    ]


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
        await session.execute(text(RAISE.format(sqlstate_raised)))

    with pytest.raises(DBAPIError):
        await database.retry(work, attempts=2)

    assert len(done) == attempts


async def test_reads_go_to_the_replica(settings: Settings) -> None:
    url = settings.postgres_url.get_secret_value()
    elsewhere = Settings(postgres_url="postgresql://127.0.0.1:1/none", postgres_replica_url=url)

    async with open_database(elsewhere) as database, database.read() as session:
        assert await session.scalar(text("SELECT 1")) == 1


async def test_a_full_pool_is_a_503(settings: Settings) -> None:
    tight = settings.model_copy(
        update={
            "postgres_pool_size": 1,
            "postgres_pool_max_overflow": 0,
            "postgres_pool_timeout_seconds": 0.01,
        }
    )
    app = create_app(tight)

    @app.get("/things")
    async def list_things(session: ReadSessionDep) -> None:
        await session.execute(text("SELECT 1"))

    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://test") as client,
    ):
        async with app.state.database.read() as session, session.begin():
            await session.connection()
            full = await client.get("/things")
            ready = await client.get("/health/ready")
        free = await client.get("/things")

    assert (full.status_code, full.headers["Retry-After"]) == (503, "1")
    assert ready.status_code == 200
    assert free.status_code == 200


def test_routes_use_the_aliases() -> None:
    """A bare `Depends(get_session)` would commit after the response, in a session of its own."""
    bare = [
        str(path.relative_to(APP))
        for path in APP.rglob("*.py")
        if path != APP / "core" / "database.py"
        and re.search(r"get_(read_)?session\b", path.read_text())
    ]

    assert bare == []


def test_services_do_not_commit() -> None:
    """The request's session does, once, when the handler has returned."""
    committing = [
        path.parent.name for path in APP.glob("*/service.py") if ".commit(" in path.read_text()
    ]

    assert committing == []


async def test_queries_are_counted(
    database: Database, things: None, assert_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    with assert_queries(1):
        await names(database)
    with pytest.raises(AssertionError, match=r"SELECT thing\.name"), assert_queries(2):
        await names(database)


async def test_each_read_is_a_transaction_of_its_own(settings: Settings) -> None:
    async with open_database(settings) as database, database.read() as session, session.begin():
        moments = {await session.scalar(text("SELECT now()")) for _ in range(2)}

    assert len(moments) == 2


async def test_postgres_is_told_which_service_and_process_connects(settings: Settings) -> None:
    async with open_database(settings) as database, database.read() as session:
        name = await session.scalar(text("SELECT current_setting('application_name')"))

    assert name == f"{settings.service_name}-{os.getpid()}"


def test_neither_connecting_nor_a_statement_is_waited_for_for_ever(settings: Settings) -> None:
    seconds = {"postgres_connect_timeout_seconds": 4, "postgres_statement_timeout_seconds": 7}
    limited = settings.model_copy(update=seconds)

    arguments = connect_arguments(limited, limited.postgres_url)

    assert (arguments["timeout"], arguments["command_timeout"]) == (4, 12)


async def test_a_full_pool_is_waited_for_as_long_as_is_set(settings: Settings) -> None:
    limits = {
        "postgres_pool_size": 1,
        "postgres_pool_max_overflow": 1,
        "postgres_pool_timeout_seconds": 0.01,
    }
    small = settings.model_copy(update=limits)

    async with (
        asyncio.timeout(2),
        open_database(small) as database,
        database.engine.connect(),
        database.engine.connect(),
    ):
        with pytest.raises(PoolTimeoutError):
            await database.engine.connect()
        await database_revision(database.probe_engine)  # readiness has a pool of its own


async def test_the_message_of_an_error_does_not_tell_the_row(database: Database) -> None:
    with pytest.raises(DBAPIError) as error:
        async with database.session() as session:
            await session.execute(text("SELECT nothing WHERE 'a' = :value"), {"value": "hunter2"})

    assert "hunter2" not in str(error.value)


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


async def test_a_burst_of_reads_finds_the_connections_of_the_last_one(settings: Settings) -> None:
    async with open_database(settings) as database:

        async def read(_: int) -> int | None:
            process: int | None = await database.read().scalar(
                text("SELECT pg_backend_pid() FROM pg_sleep(0.02)")
            )
            return process

        bursts = [set(await asyncio.gather(*map(read, range(10)))) for _ in range(2)]

    assert len(bursts[0]) == 10
    assert bursts[0] == bursts[1]


def test_two_constraints_of_one_table_do_not_share_a_name() -> None:
    table = Table(
        "thing",
        MetaData(naming_convention=Base.metadata.naming_convention),
        *(Column(name, Integer) for name in "abc"),
        UniqueConstraint("a", "b"),
        UniqueConstraint("a", "c"),
    )

    names = {str(constraint.name) for constraint in table.constraints}
    assert names == {"thing_pkey", "thing_a_b_key", "thing_a_c_key"}


@pytest.mark.parametrize(("idle_seconds", "pings"), [(30, 0), (-1, 1)])
async def test_a_connection_is_pinged_only_after_idleness(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, idle_seconds: int, pings: int
) -> None:
    monkeypatch.setattr(engine, "IDLE_SECONDS_BEFORE_PING", idle_seconds)
    processes = []

    async with open_database(settings) as database:
        for _ in range(2):
            async with database.read() as session:
                processes.append(await session.scalar(text("SELECT pg_backend_pid()")))
        connection = AsyncAdapt_asyncpg_connection
        with patch.object(connection, "ping", autospec=True, side_effect=connection.ping) as ping:
            async with database.read() as session:
                processes.append(await session.scalar(text("SELECT pg_backend_pid()")))

    assert ping.call_count == pings
    assert len(set(processes)) == 1  # what answers a ping is kept
