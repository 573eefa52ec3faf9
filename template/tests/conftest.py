"""Fixtures: a real Postgres for the run, and for each test a database that no other test sees.

`client` talks to the service inside one outer transaction, which is rolled back after the test:
fast, and enough for most tests. `committing_client` has a database of its own, with real commits.
"""

import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from dotenv import dotenv_values

# Before `app` is imported: tests use tests/settings.env, neither the developer's settings nor .env.
ROOT = Path(__file__).parents[1]
for file in ROOT.glob(".env*.example"):
    for variable in re.findall(r"^#? ?([A-Z_]+)=", file.read_text(), re.MULTILINE):
        os.environ.pop(variable, None)
for file in (ROOT / "tests").glob("settings.*.env"):  # those of capabilities
    os.environ |= {name: value or "" for name, value in dotenv_values(file).items()}
os.environ |= {
    "ENVIRONMENT": "test",
    "ENV_FILE": str(ROOT / "tests" / "settings.env"),
    "LOG_LEVEL": "INFO",
    "POSTGRES_URL": "postgresql:///none",
}

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import Connection, Engine, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session

from app.core.config import Settings
from app.core.database import Base, Database, open_database
from app.core.engine import open_engine
from app.core.read_session import ReadSession
from app.main import create_app
from dev.postgres import has_ended, temporary_server
from tests.things import Thing

# The fixtures of capabilities.
pytest_plugins = [
    f"tests.capabilities.{file.stem}"
    for file in sorted((ROOT / "tests" / "capabilities").glob("[!_]*.py"))
    if not file.stem.startswith("test_")
]

NewDatabase = Callable[..., AbstractAsyncContextManager[Settings]]
Alembic = Callable[..., None]


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A server where tests may create databases: TEST_POSTGRES_URL, or a throw-away one."""
    if url := os.environ.get("TEST_POSTGRES_URL"):
        yield url
    else:
        with temporary_server() as url:
            yield url


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """End the run by a sentence, not each test by a traceback, when Postgres has ended."""
    url = item.funcargs.get("server_url") if isinstance(item, pytest.Function) else None
    if isinstance(url, str) and has_ended(url):
        item.session.shouldstop = "The Postgres of the tests has ended. Run them again."


@pytest.fixture(scope="session")
def new_database(server_url: str) -> NewDatabase:
    """`async with new_database() as settings: ...` creates a database and drops it in the end."""

    @asynccontextmanager
    async def new_database(template: str = "template0") -> AsyncIterator[Settings]:
        name = f"test_{uuid4().hex}"
        server = await asyncpg.connect(server_url)
        try:
            await server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
            yield Settings(postgres_url=urlsplit(server_url)._replace(path=f"/{name}").geturl())
        finally:
            if not has_ended(server_url):
                await server.execute(f"DROP DATABASE IF EXISTS {name} (FORCE)")
            await server.close()

    return new_database


@pytest.fixture(scope="session")
def alembic() -> Alembic:
    """`await connection.run_sync(alembic, command.upgrade, "head")` runs a command of Alembic."""

    def alembic(connection: Connection, command: Callable[..., object], *arguments: str) -> None:
        attributes = {"connection": connection}
        command(Config(toml_file=ROOT / "pyproject.toml", attributes=attributes), *arguments)
        connection.commit()

    return alembic


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[AsyncConnection]:
    async with (
        open_engine(settings, settings.postgres_url) as engine,
        engine.connect() as connection,
    ):
        yield connection


@pytest.fixture
async def empty_database(new_database: NewDatabase) -> AsyncIterator[AsyncConnection]:
    """A connection to a database without tables, for tests of migrations."""
    async with new_database() as settings, connect(settings) as connection:
        yield connection


@pytest.fixture(scope="session")
async def template(new_database: NewDatabase, alembic: Alembic) -> AsyncIterator[str]:
    """The name of a migrated database, which the tests' databases are copies of."""
    async with new_database() as settings:
        async with connect(settings) as connection:
            await connection.run_sync(alembic, command.upgrade, "head")
        yield urlsplit(settings.postgres_url.get_secret_value()).path[1:]


@pytest.fixture(scope="session")
async def settings(new_database: NewDatabase, template: str) -> AsyncIterator[Settings]:
    """Settings with a database of this run, or of this worker, alone."""
    async with new_database(template) as settings:
        yield settings


@pytest.fixture(scope="session")
async def shared_database(settings: Settings) -> AsyncIterator[Database]:
    async with open_database(settings) as database:
        yield database


class TestsSession(Session):
    """Keeps the test's connection, which an invalidation would close."""

    def invalidate(self) -> None:
        self.close()


class ReadOnlySession(TestsSession, ReadSession):
    """Runs on the test's connection, which can write: so each savepoint is made read-only."""

    def connection(self, *arguments: Any, **_: Any) -> Connection:
        return super().connection(*arguments)  # its isolation level cannot change any more


@event.listens_for(ReadOnlySession, "after_begin")
def _refuse_writes(_session: Session, _transaction: object, connection: Connection) -> None:
    connection.exec_driver_sql("SET LOCAL transaction_read_only = on")


@pytest.fixture
async def connection(shared_database: Database) -> AsyncIterator[AsyncConnection]:
    """The test's connection, in a transaction that is rolled back in the end."""
    async with shared_database.engine.connect() as connection, connection.begin() as transaction:
        yield connection
        await transaction.rollback()


@pytest.fixture
def database(shared_database: Database, connection: AsyncConnection) -> Database:
    """Sessions as in production; their commits release savepoints of the test's transaction."""

    def inside(
        factory: async_sessionmaker[AsyncSession], **options: object
    ) -> async_sessionmaker[AsyncSession]:
        options |= {"bind": connection, "join_transaction_mode": "create_savepoint"}
        return async_sessionmaker(**factory.kw | options)

    return Database(
        shared_database.engine,
        shared_database.probe_engine,
        inside(shared_database.async_session_factory, sync_session_class=TestsSession),
        inside(shared_database.async_read_session_factory, sync_session_class=ReadOnlySession),
    )


@pytest.fixture
def assert_queries(shared_database: Database) -> Callable[[int], AbstractContextManager[None]]:
    """`with assert_queries(2): ...` fails unless exactly two statements run inside: no N+1."""

    @contextmanager
    def assert_queries(expected: int) -> Iterator[None]:
        statements: list[str] = []

        def count(*arguments: Any) -> None:
            if not re.match("SAVEPOINT|RELEASE|ROLLBACK|SET", statement := str(arguments[2])):
                statements.append(statement)

        event.listen(shared_database.engine.sync_engine, "before_cursor_execute", count)
        try:
            yield
        finally:
            event.remove(shared_database.engine.sync_engine, "before_cursor_execute", count)
        assert len(statements) == expected, "\n".join(statements)

    return assert_queries


WRITE = re.compile(r'\s*(?:UPDATE|INSERT INTO) "?(\w+)"? .*?\bSET\b(.*)', re.DOTALL)


@event.listens_for(Engine, "before_cursor_execute")
def refuse_forgotten_versions(*arguments: Any) -> None:
    """Neither an UPDATE of many rows nor SQL as text raises the version by itself."""
    if match := WRITE.match(statement := str(arguments[2])):
        table, changes = match[1], re.split(r"\bWHERE\b", match[2])[0]
        columns = [mapper.version_id_col for mapper in Base.registry.mappers]
        counted = [c.name for c in columns if c is not None and c.table.name == table]
        assert all(re.search(rf"\b{name} ?=", changes) for name in counted), (
            f"This forgets the version: add `{counted[0]} = {counted[0]} + 1` to\n{statement}"
        )


@pytest.fixture
def app(settings: Settings, database: Database) -> FastAPI:
    """The service on the test's transaction. Tests may add routes to it."""
    app = create_app(settings)
    app.state.database = database
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """The service, over HTTP."""
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        yield client


@pytest.fixture
async def committing_app(new_database: NewDatabase, template: str) -> AsyncIterator[FastAPI]:
    """The service on a database of its own: commits are real, requests run concurrently."""
    async with new_database(template) as settings:
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            yield app


@pytest.fixture
async def committing_client(committing_app: FastAPI) -> AsyncIterator[AsyncClient]:
    """That service, over HTTP."""
    transport = ASGITransport(committing_app)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def things(connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table `thing`, in the test's transaction, known to the service as one of its own."""
    await connection.run_sync(Thing.metadata.create_all)
    monkeypatch.setattr(Base, "metadata", Thing.metadata)


@pytest.fixture
async def committed_things(committing_app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table `thing`, in the database of `committing_app`."""
    async with committing_app.state.database.engine.begin() as connection:
        await connection.run_sync(Thing.metadata.create_all)
    monkeypatch.setattr(Base, "metadata", Thing.metadata)
