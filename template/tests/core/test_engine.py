"""How the service connects: limits, pool, JSON."""

import asyncio
import dataclasses
import enum
import os
from datetime import UTC, datetime
from decimal import Decimal
from unittest.mock import patch
from uuid import UUID

import pytest
from pydantic import BaseModel, SecretStr
from sqlalchemy import (
    text,
)
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.core import engine
from app.core.config import Settings
from app.core.database import (
    Database,
    open_database,
)
from app.core.engine import LostConnectionError, connect_arguments
from app.server.revisions import code_revisions, database_revision
from tests.things import Thing


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


@pytest.mark.parametrize(
    "query", ["?sslmode=disable", "?channel_binding=prefer&connect_timeout=5", "?keepalives=1"]
)
async def test_urls_of_libpq_work(settings: Settings, query: str) -> None:
    url = settings.postgres_url.get_secret_value()
    url += query.replace("?", "&") if "?" in url else query

    async with open_database(Settings(postgres_url=url)) as database, database.read() as session:
        assert await session.scalar(text("SELECT 1")) == 1


@pytest.mark.parametrize("target", ["any", "read-write", "primary", "prefer-standby"])
async def test_each_engine_finds_a_primary_that_is_asked_for(
    settings: Settings, target: str
) -> None:
    url = with_parameter(settings, "target_session_attrs", target)

    async with open_database(Settings(postgres_url=url)) as database:
        async with database.session() as session:
            writes = await session.scalar(text("SHOW transaction_read_only"))
        reads = await database.read().scalar(text("SHOW transaction_read_only"))
        revision = await database_revision(database.probe_engine)

    assert (writes, reads) == ("off", "on")
    assert revision == code_revisions().head


@pytest.mark.parametrize("target", ["read-only", "standby"])
async def test_no_engine_takes_a_primary_for_a_standby(settings: Settings, target: str) -> None:
    url = with_parameter(settings, "target_session_attrs", target)

    async with open_database(Settings(postgres_url=url)) as database:
        with pytest.raises(LostConnectionError):
            await database.read().scalar(text("SELECT 1"))


async def test_the_url_names_the_connection_and_its_time_limit(settings: Settings) -> None:
    url = SecretStr("postgresql://h/a?application_name=lamps&connect_timeout=7&sslmode=disable")

    arguments = connect_arguments(settings, url)

    assert arguments["dsn"] == "postgresql://h/a?sslmode=disable"
    assert arguments["timeout"] == 7
    assert arguments["server_settings"]["application_name"] == "lamps"


def with_parameter(settings: Settings, name: str, value: str) -> str:
    url = settings.postgres_url.get_secret_value()
    return f"{url}{'&' if '?' in url else '?'}{name}={value}"


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


def test_neither_connecting_nor_a_statement_is_waited_for_for_ever(settings: Settings) -> None:
    seconds = {"postgres_connect_timeout_seconds": 4, "postgres_statement_timeout_seconds": 7}
    limited = settings.model_copy(update=seconds)

    arguments = connect_arguments(limited, limited.postgres_url)

    assert (arguments["timeout"], arguments["command_timeout"]) == (4, 12)


async def test_postgres_is_told_which_service_and_process_connects(settings: Settings) -> None:
    async with open_database(settings) as database, database.read() as session:
        name = await session.scalar(text("SELECT current_setting('application_name')"))

    assert name == f"{settings.service_name}-{os.getpid()}"


async def test_a_connection_that_the_server_closed_is_replaced(settings: Settings) -> None:
    async with open_database(settings) as database:
        async with database.read() as session:
            process = await session.scalar(text("SELECT pg_backend_pid()"))
        async with database.session() as session:
            await session.execute(text(f"SELECT pg_terminate_backend({process}, 5000)"))

        async with database.read() as session:
            assert await session.scalar(text("SELECT pg_backend_pid()")) != process


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


async def test_the_message_of_an_error_does_not_tell_the_row(database: Database) -> None:
    with pytest.raises(DBAPIError) as error:
        async with database.session() as session:
            await session.execute(text("SELECT nothing WHERE 'a' = :value"), {"value": "hunter2"})

    assert "hunter2" not in str(error.value)


async def test_a_postgres_that_cannot_be_reached_has_an_error_of_its_own(
    settings: Settings,
) -> None:
    nobody_there = settings.model_copy(
        update={"postgres_url": SecretStr("postgresql://app:hunter2@127.0.0.1:1/app")}
    )

    async with open_database(nobody_there) as database, database.read() as session:
        with pytest.raises(LostConnectionError) as error:
            await session.execute(text("SELECT 1"))

    assert str(error.value) == "Postgres cannot be reached."
    assert isinstance(error.value.__cause__, ConnectionRefusedError)


async def test_a_statement_that_is_never_answered_is_a_lost_connection(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CLIENT_GRACE_SECONDS", -59.9)
    patient = settings.model_copy(update={"postgres_statement_timeout_seconds": 60})

    async with open_database(patient) as database, database.read() as session:
        with pytest.raises(LostConnectionError) as error:
            await session.execute(text("SELECT pg_sleep(30)"))

    assert str(error.value) == "Postgres did not answer."
    assert isinstance(error.value.__cause__, TimeoutError)
