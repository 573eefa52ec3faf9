"""Postgres goes away, under load, and comes back. The service is never restarted."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

import asyncpg
import pytest

from tests.faults.client import Answer, Load, ask, check_writes, eventually, load
from tests.faults.conftest import Serve, through_poolers
from tests.faults.poolers import QUERY_WAIT_SECONDS, Pooler, supervised
from tests.faults.postgres import FAST, IMMEDIATE, FaultyPostgres
from tests.faults.production import Service
from tests.support.figures import figure

pytestmark = [pytest.mark.slow, through_poolers]

RECOVERY_SECONDS = 2
PAIRS = "/faults/pairs?pause=0.01"  # two rows in one transaction


async def run_for(seconds: float) -> None:
    """The length of a fault is part of it: nothing is awaited here."""
    await asyncio.sleep(seconds)


async def recovery(running: Load, *, returned: float) -> float:
    """The seconds until the last failure after Postgres was back, once requests succeed again."""
    await running.until_served(20)
    failed = [a.ended for a in running.failed if a.ended > returned]
    return max(failed, default=returned) - returned


def began_between(answers: Sequence[Answer], since: float, until: float) -> list[Answer]:
    return [answer for answer in answers if since < answer.began and answer.ended < until]


async def check_afterwards(service: Service, running: Load) -> dict[str, int]:
    await service.check_that_nothing_hangs()
    service.check_log(running.answers)
    found = service.pairs() if running.write == PAIRS else service.names()
    return check_writes(running.answers, await found)


@pytest.mark.parametrize("over", ["TCP", "a Unix socket"])
def test_while_postgres_is_away_there_are_only_503s_and_it_recovers_by_itself(
    serve: Serve,
    pooler: Pooler | None,
    postgres: FaultyPostgres,
    database: str,
    over: str,
    full: bool,
) -> None:
    service = serve(postgres.url(database) if over == "TCP" else postgres.socket_url(database))

    async def campaign() -> None:
        async with load(service.port) as running:
            await running.until_served()
            await asyncio.to_thread(postgres.stop)
            stopped = time.monotonic()
            await run_for(5 if full else 2)
            live = await ask(service.port, "GET", "/health/live")
            ready = await ask(service.port, "GET", "/health/ready")
            starting = time.monotonic()
            await asyncio.to_thread(postgres.start)
            returned = time.monotonic()
            seconds = await recovery(running, returned=returned)
            await service.become_ready()

        away = began_between(running.answers, stopped, starting)
        assert len(away) > 20
        assert [str(answer) for answer in away if not answer.is_unavailable] == []
        assert [str(answer) for answer in running.failed if not answer.is_unavailable] == []
        assert (live.status, ready.status) == (200, 503)
        assert seconds < RECOVERY_SECONDS
        slowest = max(answer.seconds for answer in running.answers)
        assert slowest < RECOVERY_SECONDS + (QUERY_WAIT_SECONDS if pooler else 0)
        writes = await check_afterwards(service, running)
        assert service.tracebacks == 1
        assert service.log_bytes_per_503() <= 600
        figure(
            f"Postgres stopped under load, over {over}",
            requests=len(running.answers),
            answered_503=len(running.failed),
            recovered_after_seconds=seconds,
            slowest_seconds=slowest,
            tracebacks=service.tracebacks,
            log_bytes_per_503=service.log_bytes_per_503(),
            **writes,
        )

    asyncio.run(campaign())


def test_restarts_of_postgres_lose_no_acknowledged_write(
    serve: Serve, postgres: FaultyPostgres, full: bool
) -> None:
    service = serve()

    async def campaign() -> None:
        recoveries = []
        async with load(service.port, write=PAIRS) as running:
            for number in range(5 if full else 3):
                await running.until_served()
                await asyncio.to_thread(postgres.stop, IMMEDIATE if number % 2 == 0 else FAST)
                await asyncio.to_thread(postgres.start)
                recoveries.append(await recovery(running, returned=time.monotonic()))

        assert [str(answer) for answer in running.failed if not answer.is_unavailable] == []
        assert max(recoveries) < RECOVERY_SECONDS
        writes = await check_afterwards(service, running)
        figure(
            "Postgres restarted under load",
            restarts=len(recoveries),
            requests=len(running.answers),
            answered_503=len(running.failed),
            slowest_recovery_seconds=max(recoveries),
            **writes,
        )

    asyncio.run(campaign())


def test_connections_that_are_terminated_fail_at_most_the_requests_in_flight(
    serve: Serve, full: bool
) -> None:
    service = serve()
    clients, rounds = 8, 20 if full else 5

    async def terminate() -> int:
        """Return when the backends have ended."""
        [(count,)] = await service.sql(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(count)

    async def campaign() -> None:
        terminated, failures = 0, []
        slow_read = "/faults/sleep?seconds=0.01"
        async with load(service.port, clients=clients, write=PAIRS, read=slow_read) as running:
            for _ in range(rounds):
                await running.until_served()
                before = len(running.failed)
                terminated += await terminate()
                await running.until_served()
                failures.append(len(running.failed) - before)

        assert [str(answer) for answer in running.failed if not answer.is_unavailable] == []
        assert max(failures) <= clients
        writes = await check_afterwards(service, running)
        figure(
            "backends terminated under load",
            rounds=rounds,
            terminated=terminated,
            requests=len(running.answers),
            answered_503=len(running.failed),
            most_503s_of_a_round=max(failures),
            in_flight=clients,
            **writes,
        )

    asyncio.run(campaign())


async def take_all(postgres: FaultyPostgres) -> list[asyncpg.Connection]:
    """Connections, until the server has no further one."""
    taken = []
    with suppress(asyncpg.TooManyConnectionsError):
        while True:
            taken.append(await asyncpg.connect(postgres.url()))
    return taken


def test_a_server_whose_connections_are_taken_is_a_503_until_there_is_one(
    serve: Serve, postgres: FaultyPostgres
) -> None:
    postgres.stop()
    postgres.start(max_connections="20")
    service = serve()

    async def campaign() -> None:
        taken = await take_all(postgres)
        async with load(service.port) as running:
            await running.until_answered(50)
            assert all(answer.is_unavailable for answer in running.answers)
            for connection in taken:
                await connection.close()
            seconds = await recovery(running, returned=time.monotonic())

        assert [str(answer) for answer in running.failed if not answer.is_unavailable] == []
        assert seconds < RECOVERY_SECONDS
        figure(
            "Postgres without a free connection",
            answered_503=len(running.failed),
            recovered_after_seconds=seconds,
            **await check_afterwards(service, running),
        )

    asyncio.run(campaign())


def test_a_network_that_dies_is_a_503_and_no_hang(
    serve: Serve, pooler: Pooler | None, postgres: FaultyPostgres
) -> None:
    """Nobody hangs up: only the client's own limits end a request."""
    statement_timeout = 0.5
    limit = statement_timeout + 5  # asyncpg's command_timeout
    service = serve(postgres_statement_timeout_seconds=statement_timeout)

    async def campaign() -> None:
        async with supervised(pooler), load(service.port) as running:
            await running.until_served()
            with postgres.frozen():
                frozen = time.monotonic()
                ready = await ask(service.port, "GET", "/health/ready")
                live = await ask(service.port, "GET", "/health/live")
                await eventually(
                    lambda: sum(a.ended > frozen + 1 for a in running.failed) >= 8,
                    "every client has an answer",
                )
            seconds = await recovery(running, returned=time.monotonic())

        slowest = max(answer.seconds for answer in running.answers)
        assert [str(answer) for answer in running.failed if not answer.is_unavailable] == []
        assert (live.status, ready.status) == (200, 503)
        assert ready.seconds < 2
        assert slowest < limit + 4
        assert seconds < RECOVERY_SECONDS
        figure(
            "a network that dies",
            limit_seconds=limit,
            slowest_seconds=slowest,
            recovered_after_seconds=seconds,
            **await check_afterwards(service, running),
        )

    asyncio.run(campaign())
