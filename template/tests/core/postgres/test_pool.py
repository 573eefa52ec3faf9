import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from app.core.config import Settings
from app.core.database import open_database
from app.core.engine import LostConnectionError, open_engine
from app.core.postgres.pool import FairPool

LONG = 60


@asynccontextmanager
async def pool_of_one(
    settings: Settings, *, seconds: float = LONG, url: SecretStr | None = None
) -> AsyncIterator[tuple[AsyncEngine, FairPool]]:
    patient = settings.model_copy(update={"postgres_pool_timeout_seconds": seconds})
    async with (
        asyncio.timeout(LONG / 4),
        open_engine(patient, url or settings.postgres_url, pool_size=1) as engine,
    ):
        assert isinstance(engine.pool, FairPool)
        yield engine, engine.pool


async def test_a_connection_goes_to_whoever_has_waited_longest(settings: Settings) -> None:
    served: list[int | str] = []

    async with pool_of_one(settings) as (engine, _):

        async def use(who: int | str) -> None:
            async with engine.connect():
                served.append(who)

        held = await engine.connect()
        waiting = [asyncio.create_task(use(number)) for number in range(20)]
        await asyncio.sleep(0)
        await held.close()
        await use("the newcomer")  # who asks before any of the others has run
        await asyncio.gather(*waiting)

    assert served == [*range(20), "the newcomer"]


async def test_every_engine_has_a_turn_for_each_connection(settings: Settings) -> None:
    limits = {"postgres_pool_size": 3, "postgres_pool_max_overflow": 2}

    async with open_database(settings.model_copy(update=limits)) as database:
        counted = {}
        for name, engine in {
            "write": database.engine,
            "read": database.async_read_session_factory.kw["bind"],
            "probe": database.probe_engine,
        }.items():
            assert isinstance(engine.pool, FairPool)
            async with AsyncExitStack() as held:
                counted[name] = 0
                while not engine.pool.turns.locked():
                    await held.enter_async_context(engine.connect())
                    counted[name] += 1

    assert counted == {"write": 5, "read": 5, "probe": 1}


@pytest.mark.parametrize("woken", [False, True])
async def test_who_gives_up_leaves_the_turn_to_the_next(settings: Settings, woken: bool) -> None:
    async with pool_of_one(settings) as (engine, pool):
        held = await engine.connect()
        first, second = (asyncio.create_task(engine.connect().start()) for _ in range(2))
        await asyncio.sleep(0)
        if woken:
            await held.close()
            first.cancel()
        else:
            first.cancel()
            await held.close()
        await (await second).close()

        assert first.cancelled()
        assert (pool.turns.locked(), pool.checkedout()) == (False, 0)


async def test_a_turn_is_waited_for_as_long_as_is_set(settings: Settings) -> None:
    async with pool_of_one(settings, seconds=0.01) as (engine, pool):
        async with engine.connect():
            with pytest.raises(PoolTimeoutError) as error:
                await engine.connect()

        assert str(error.value) == "No connection was free for 0.01 s."
        assert (pool.turns.locked(), pool.checkedout()) == (False, 0)


async def test_after_a_failed_connect_the_next_one_tries_at_once(settings: Settings) -> None:
    nobody_there = SecretStr("postgresql://app@127.0.0.1:1/app")

    async with pool_of_one(settings, url=nobody_there) as (engine, pool):
        attempts = [asyncio.create_task(engine.connect().start()) for _ in range(20)]
        results = await asyncio.gather(*attempts, return_exceptions=True)

        assert [type(result) for result in results] == [LostConnectionError] * 20
        assert (pool.turns.locked(), pool.checkedout()) == (False, 0)


async def test_who_stops_connecting_leaves_the_turn_to_the_next(settings: Settings) -> None:
    connected: asyncio.Queue[None] = asyncio.Queue()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.put_nowait(None)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        url = SecretStr(f"postgresql://app@127.0.0.1:{port}/app?connect_timeout=60")
        async with pool_of_one(settings, url=url) as (engine, pool):
            first, second = (asyncio.create_task(engine.connect().start()) for _ in range(2))
            await connected.get()
            first.cancel()
            await connected.get()
            second.cancel()
            await asyncio.wait([first, second])

            assert (pool.turns.locked(), pool.checkedout()) == (False, 0)


def test_sqlalchemy_takes_and_returns_connections_by_the_methods_that_are_replaced() -> None:
    replaced = {"_do_get", "_do_return_conn"}

    assert replaced <= set(dir(AsyncAdaptedQueuePool)), (
        "SQLAlchemy renamed what takes a connection from the pool (`_do_get`) or returns it"
        " (`_do_return_conn`): rename the methods of FairPool likewise. Until then, remove"
        " `poolclass=FairPool` from app/core/engine.py: all works, but nobody waits in order."
    )
    assert replaced <= set(vars(FairPool))


async def test_the_pool_logs_like_those_of_sqlalchemy(settings: Settings) -> None:
    async with pool_of_one(settings) as (_, pool):
        loggers = [pool.logger, logging.getLogger("sqlalchemy")]

    assert [logger.getEffectiveLevel() for logger in loggers] == [logging.WARNING] * 2
