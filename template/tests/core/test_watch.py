"""Servers that are asked beside the requests."""

import asyncio
import time
from functools import partial

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.util import await_

from app.core import watch
from app.core.config import Settings
from app.core.database import open_database
from app.core.engine import open_engine
from app.core.postgres.hosts import Hosts
from app.core.watch import Watch

SLEEP = text("SELECT pg_sleep(30)")


async def test_nobody_waits_for_a_server_that_gives_its_watch_no_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        asyncio.timeout(10),
        open_engine(settings, settings.postgres_url) as engine,
        open_engine(settings, settings.postgres_url, pool_size=1) as watching,
    ):
        hosts = Hosts(engine, watching)
        async with engine.connect() as connection:
            waiting = asyncio.create_task(connection.execute(SLEEP))
            with monkeypatch.context() as silence:
                silence.setattr(watch, "STATE", SLEEP)
                with pytest.raises(SQLAlchemyError):
                    await Watch(watching, 0.1, hosts.leave).ask()
            with pytest.raises(DBAPIError) as error:
                await waiting
        answer = await Watch(watching, 5, hosts.leave).ask()

    assert error.value.connection_invalidated
    assert answer.is_standby is False


async def test_a_server_that_hangs_at_the_end_of_the_question_is_left_too(
    settings: Settings,
) -> None:
    left = asyncio.Event()

    async with open_engine(settings, settings.postgres_url, pool_size=1) as engine:
        hang = partial(asyncio.wait_for, timeout=5)
        event.listen(engine.sync_engine, "rollback", lambda _: await_(hang(left.wait())))
        answer = await Watch(engine, 0.1, left.set).ask()

    assert answer.is_standby is False


async def test_a_server_is_not_left_because_this_process_is_busy(settings: Settings) -> None:
    left: list[bool] = []

    async with open_engine(settings, settings.postgres_url, pool_size=1) as engine:
        watching = Watch(engine, 0.1, lambda: left.append(True))
        await watching.ask()
        asking = asyncio.create_task(watching.ask())
        while not asking.done():
            time.sleep(0.06)  # noqa: ASYNC251  # that is the fault
            await asyncio.sleep(0)

    assert left == []


async def test_a_server_alone_is_not_watched(settings: Settings) -> None:
    before = asyncio.all_tasks()

    async with open_database(settings) as database:
        assert database.replica is None
        assert asyncio.all_tasks() == before


async def test_a_service_starts_without_the_servers_that_it_watches(settings: Settings) -> None:
    nobody = "postgresql://127.0.0.1:1,127.0.0.1:2/none"
    alone = Settings(postgres_url=nobody, postgres_replica_url=nobody)

    async with asyncio.timeout(10), open_database(alone) as database:
        assert database.replica is not None
        assert database.replica.problem == "It does not answer."
