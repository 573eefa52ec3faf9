"""What is sent to a pooler, and asked. Here the server itself is in its place."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.database import ReadSessionDep, open_database
from app.core.engine import LostConnectionError, open_engine
from app.core.postgres.pooler import PooledConnection, name_refused
from app.core.postgres.revisions import NotReadyError
from app.core.postgres.sqlstate import sqlstate
from app.main import create_app
from tests.conftest import NewDatabase

LIMITS = {
    "statement_timeout": "10000",
    "lock_timeout": "3000",
    "idle_in_transaction_session_timeout": "30000",
    "search_path": "public",
}
SETTINGS = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")


@pytest.fixture(params=[True, False], ids=["prepared", "not prepared"])
async def pooled(
    request: pytest.FixtureRequest, new_database: NewDatabase, template: str
) -> AsyncIterator[Settings]:
    """Settings for a database that has the limits, as the role has behind a pooler."""
    async with new_database(template) as settings:
        if request.param:
            for name, value in LIMITS.items():
                await alter(settings, f"SET {name} = '{value}'")
        told: dict[str, object] = {
            "postgres_pooler": "transaction",
            "postgres_pooler_prepared_statements": request.param,
            # A service may have other limits.
            "postgres_statement_timeout_seconds": 10,
            "postgres_lock_timeout_seconds": 3,
            "postgres_idle_in_transaction_timeout_seconds": 30,
        }
        yield settings.model_copy(update=told)


async def alter(settings: Settings, change: str) -> None:
    server = await asyncpg.connect(settings.postgres_url.get_secret_value())
    name = await server.fetchval("SELECT current_database()")
    await server.execute(f"ALTER DATABASE {name} {change}")
    await server.close()


async def limits(session: AsyncSession) -> dict[str, str]:
    rows = await session.execute(SETTINGS, {"names": [*LIMITS, "transaction_read_only"]})
    return {name: setting for name, setting in rows}  # noqa: C416  # rows are no pairs to mypy


async def test_every_session_has_its_limits(pooled: Settings) -> None:
    async with open_database(pooled) as database:
        async with database.session() as session:
            write = await limits(session)
        read = await limits(database.read())
        async with database.read() as session, session.begin():
            whole = await limits(session)

    assert write == {**LIMITS, "transaction_read_only": "off"}
    assert read == whole == {**LIMITS, "transaction_read_only": "on"}


@pytest.mark.parametrize("begins", [False, True])
async def test_a_read_session_cannot_write(pooled: Settings, begins: bool) -> None:
    async with open_database(pooled) as database, database.read() as session:
        if begins:
            await session.begin()
        with pytest.raises(DBAPIError) as error:
            await session.execute(text("CREATE TABLE refused ()"))

    assert sqlstate(error.value) == "25006"


async def test_limits_travel_with_begin(pooled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """So no request has another round trip, but for reads without prepared statements."""
    sent: list[str] = []
    execute = asyncpg.Connection.execute

    async def note(self: asyncpg.Connection, query: str, *arguments: Any, **options: Any) -> Any:
        sent.append(query)
        return await execute(self, query, *arguments, **options)

    async with open_database(pooled) as database:
        await database.read().scalar(text("SELECT 1"))
        async with database.session() as session:
            await session.execute(text("SELECT 1"))
        monkeypatch.setattr(asyncpg.Connection, "execute", note)
        await database.read().scalar(text("SELECT 1"))
        read, sent = sent, []
        async with database.session() as session:
            await session.execute(text("SELECT 1"))

    begin = "BEGIN ISOLATION LEVEL READ COMMITTED;"
    local = "".join(f"SET LOCAL {name} = '{value}';" for name, value in LIMITS.items())
    prepared = pooled.postgres_pooler_prepared_statements
    read_only = [f"{begin}{local}SET LOCAL transaction_read_only = 'on';", "ROLLBACK;"]
    assert read == ([] if prepared else read_only)
    assert sent == [f"{begin}{local}", "COMMIT;"]


async def test_a_connection_is_given_up_in_time_where_the_server_hangs_between_two_answers(
    pooled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = pooled.model_copy(update={"postgres_connect_timeout_seconds": 0.2})
    execute = asyncpg.Connection.execute

    async def hang(*_: Any, **__: Any) -> None:
        await asyncio.sleep(10)

    async def begin_alone(self: Any, query: str, *arguments: Any, **options: Any) -> Any:
        answers = execute if query.startswith("BEGIN") else hang
        return await answers(self, query, *arguments, **options)

    monkeypatch.setattr(PooledConnection, "prepare", hang)
    monkeypatch.setattr(asyncpg.Connection, "execute", begin_alone)
    async with asyncio.timeout(5), open_engine(impatient, impatient.postgres_url) as engine:
        with pytest.raises(LostConnectionError):
            await engine.connect()


async def test_statements_have_names_only_where_the_pooler_tracks_them(pooled: Settings) -> None:
    async with open_database(pooled) as database, database.session() as session:
        await session.execute(text("SELECT 1"))
        names = await session.scalars(text("SELECT name FROM pg_prepared_statements"))

    assert bool(names.all()) is pooled.postgres_pooler_prepared_statements


@pytest.mark.parametrize("pooled", [True], indirect=True)
async def test_what_the_server_did_not_get_is_told_and_nothing_is_served(
    pooled: Settings,
) -> None:
    await alter(pooled, "RESET statement_timeout")
    await alter(pooled, "SET search_path = elsewhere, public")
    app = create_app(pooled)

    @app.get("/things")
    async def read(session: ReadSessionDep) -> None:
        await session.execute(text("SELECT 1"))

    transport = ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        ready = await client.get("/health/ready")
        refused = await client.get("/things")

    assert (ready.status_code, ready.json()["detail"]) == (
        503,
        "The pooler leaves the server with search_path elsewhere, public, statement_timeout 0:"
        " docs/pooler.md has the way out.",
    )
    assert refused.status_code == 503


@pytest.mark.parametrize("pooled", [True], indirect=True)
async def test_what_the_pooler_of_a_replica_loses_is_told(pooled: Settings) -> None:
    await alter(pooled, "RESET lock_timeout")
    there = {"postgres_replica_url": pooled.postgres_url}

    async with open_database(pooled.model_copy(update=there)) as database:
        assert database.replica is not None
        told = database.replica.problem

    assert told == (
        "The pooler leaves the server with lock_timeout 0: docs/pooler.md has the way out."
    )


@pytest.mark.parametrize("pooled", [True], indirect=True)
async def test_a_limit_of_the_role_may_be_stricter(pooled: Settings) -> None:
    await alter(pooled, "SET lock_timeout = 500")

    async with open_database(pooled) as database:
        assert await database.read().scalar(text("SHOW lock_timeout")) == "500ms"


@pytest.mark.parametrize("pooled", [False], indirect=True)
async def test_settings_that_do_not_come_with_begin_are_told(
    pooled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = asyncpg.Connection.execute

    async def cut(self: asyncpg.Connection, query: str, *arguments: Any, **options: Any) -> Any:
        return await execute(self, query.partition(";")[0], *arguments, **options)

    monkeypatch.setattr(asyncpg.Connection, "execute", cut)
    async with open_database(pooled) as database:
        with pytest.raises(NotReadyError) as error:
            await database.read().execute(text("SELECT 1"))

    lost = ("statement_timeout 0", "lock_timeout 0", "transaction_read_only off")
    assert [setting for setting in lost if setting not in str(error.value)] == []


@pytest.mark.parametrize("pooled", [True], indirect=True)
async def test_a_pooler_that_does_not_track_statements_is_told(
    pooled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server that knows the statement is not the one that the client was told of."""
    monkeypatch.setattr(asyncpg.Connection, "get_server_pid", lambda _: 1)

    async with open_database(pooled) as database:
        with pytest.raises(NotReadyError) as error:
            await database.read().execute(text("SELECT 1"))

    assert str(error.value) == (
        "The pooler leaves the server with prepared statements of all clients:"
        " docs/pooler.md has the way out."
    )


@pytest.mark.parametrize("where", ["", " in options"])
def test_what_a_pooler_refuses_is_told(where: str) -> None:
    error = asyncpg.ProtocolViolationError(f"unsupported startup parameter{where}: search_path")

    with pytest.raises(NotReadyError) as told:
        name_refused(error)

    assert str(told.value) == "The pooler refuses search_path: docs/pooler.md has the way out."


@pytest.mark.parametrize("pooled", [True], indirect=True)
async def test_a_statement_has_a_new_text_once_a_migration_changed_its_table(
    pooled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PgBouncer would go on with what it has prepared for the old text."""
    monkeypatch.setattr(PooledConnection, "suffix", "")
    size, running = text("SELECT size FROM lamp"), text("SELECT query FROM pg_stat_activity")

    async with open_database(pooled) as database:
        async with database.session() as session:
            await session.execute(text("CREATE TABLE lamp (size int)"))
        read = database.read()
        await read.execute(size)
        before = await read.scalars(running)
        async with database.session() as session:
            await session.execute(text("ALTER TABLE lamp ALTER size TYPE bigint"))
        await read.execute(size)
        after = await read.scalars(running)

    assert str(running) in before.all()
    assert str(running) + PooledConnection.suffix in after.all()
    assert PooledConnection.suffix.startswith(" /* ")


async def test_a_write_that_finds_a_standby_behind_a_pooler_leaves_it(pooled: Settings) -> None:
    async with open_database(pooled) as database, database.engine.connect() as connection:
        await connection.execute(text("SET TRANSACTION READ ONLY"))
        with pytest.raises(DBAPIError) as error:
            await connection.execute(text("CREATE TABLE refused ()"))

    assert (sqlstate(error.value), error.value.connection_invalidated) == ("25006", True)
