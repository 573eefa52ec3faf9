"""Reads on a replica that goes away, lags, hangs, is the wrong one, and comes back."""

import asyncio
import json
import time
from collections.abc import Iterator

import pytest

from tests.faults.address import Address
from tests.faults.client import Answer, ask, eventually, load
from tests.faults.conftest import Serve
from tests.faults.postgres import FaultyPostgres, faulty_postgres
from tests.faults.production import Production, Service
from tests.faults.replicas import (
    FAULTS,
    LEFT,
    USED,
    crashed,
    cut_off,
    lines,
    outage,
    paused,
    ports,
    read_only_from,
)
from tests.support.figures import figure
from tests.support.serving import free_port, sql, until

pytestmark = pytest.mark.slow

CONNECT_LIMIT_SECONDS, PAUSE_SECONDS = 3, 2


@pytest.fixture(scope="module")
def pair(production: Production) -> Iterator[tuple[FaultyPostgres, FaultyPostgres]]:
    """A primary with the migrated database `service`, and its standby, which keep their parts."""
    with faulty_postgres() as primary:
        sql(primary.url(), "CREATE DATABASE service")
        production.run("alembic", "upgrade", "head", POSTGRES_URL=primary.url("service"))
        with faulty_postgres(primary) as standby:
            yield primary, standby


@pytest.fixture
def serve_reads(serve: Serve, pair: tuple[FaultyPostgres, FaultyPostgres]) -> Serve:
    """A service that writes to the primary and reads on the standby, both as usual."""
    primary, standby = pair
    primary.restore()
    standby.restore()

    def serve_reads(url: str | None = None, **settings: object) -> Service:
        settings = {"postgres_replica_url": url or standby.url("service")} | settings
        return serve(primary.url("service"), **settings)

    return serve_reads


def test_a_replica_that_is_away_or_behind_is_left_for_the_primary_until_it_is_back(
    serve_reads: Serve, pair: tuple[FaultyPostgres, FaultyPostgres], full: bool
) -> None:
    service = serve_reads(postgres_replica_max_lag_seconds=1)
    faults = FAULTS if full else {f: FAULTS[f] for f in (crashed, FaultyPostgres.frozen, cut_off)}

    async def campaign() -> None:
        for fault in faults:
            running, left_after, used_after = await outage(service, *pair, fault)
            slowest = max(answer.seconds for answer in running.answers)
            assert [str(answer) for answer in running.failed] == []
            assert slowest < CONNECT_LIMIT_SECONDS
            figure(
                f"the replica is {fault.__name__.replace('_', ' ')} under load",
                requests=len(running.answers),
                failed=len(running.failed),
                left_after_seconds=left_after,
                used_after_seconds=used_after,
                slowest_seconds=slowest,
            )
        await service.check_that_nothing_hangs()

    asyncio.run(campaign())

    assert lines(service) == [
        line
        for reason in faults.values()
        for line in [("warning", LEFT, reason), ("info", USED, None)]
    ]
    service.check_log([])


def test_reads_go_on_while_the_primary_is_away(
    serve_reads: Serve, pair: tuple[FaultyPostgres, FaultyPostgres]
) -> None:
    primary, standby = pair
    lag = 0.5
    service = serve_reads(postgres_replica_max_lag_seconds=lag)

    async def campaign() -> None:
        async with load(service.port, read="/faults/port") as running:
            await read_only_from(standby, running)
            await asyncio.to_thread(primary.stop)
            since = time.monotonic()
            await eventually(lambda: time.monotonic() > since + 2 * lag, "it is away for longer")
            await running.until_answered(20)
        await asyncio.to_thread(primary.start)
        await service.become_ready()

        reads = [answer for answer in running.answers if answer.method == "GET"]
        assert [str(answer) for answer in reads if not answer.ok] == []
        assert ports(running.answers, since) == {standby.port}
        assert lines(service) == []
        await service.check_that_nothing_hangs()
        service.check_log(running.answers)

    asyncio.run(campaign())


def test_a_replica_that_is_no_standby_of_the_primary_is_left_with_one_warning(
    serve: Serve, postgres: FaultyPostgres, primary: FaultyPostgres, standby: FaultyPostgres
) -> None:
    with faulty_postgres(postgres) as foreign_standby:
        urls = {
            postgres.url("service"): "It takes writes: it is no standby.",
            foreign_standby.url("service"): "It is not a standby of this database.",
            standby.url(): "It is not a standby of this database.",
            f"postgresql://127.0.0.1:{free_port()}/service": "It does not answer.",
        }
        services = {
            url: serve(primary.url("service"), postgres_replica_url=url)
            for url in (*urls, standby.url("service"))
        }
        urls[standby.url("service")] = "It takes writes: it is no standby."

        async def campaign() -> None:
            promoted = services[standby.url("service")]
            async with load(promoted.port, read="/faults/port") as running:
                await read_only_from(standby, running)
                await asyncio.to_thread(standby.promote)
                await read_only_from(primary, running)
            assert [str(answer) for answer in running.failed] == []
            for url, service in services.items():
                read = await ask(service.port, "GET", "/faults/port")
                ready = await ask(service.port, "GET", "/health/ready")
                assert (read.body, ready.status) == (f"{primary.port}".encode(), 200), url

        asyncio.run(campaign())

    for url, service in services.items():
        assert lines(service) == [("warning", LEFT, urls[url])], url
        service.check_log([])


def test_without_fallback_reads_are_503_and_a_required_replica_makes_the_service_unready(
    serve_reads: Serve, pair: tuple[FaultyPostgres, FaultyPostgres]
) -> None:
    _, standby = pair
    service = serve_reads(postgres_replica_fallback=False, postgres_replica_required=True)

    async def outcomes() -> list[Answer]:
        return [
            await ask(service.port, "GET", "/items"),
            await ask(service.port, "POST", "/items", {"name": f"{time.monotonic()}"}),
            await ask(service.port, "GET", "/health/ready"),
        ]

    async def campaign() -> None:
        usual = await outcomes()
        await asyncio.to_thread(standby.stop)
        away = await outcomes()
        await asyncio.to_thread(standby.start)
        await service.become_ready()
        back = await outcomes()

        assert [[answer.status for answer in each] for each in (usual, away, back)] == [
            [200, 201, 200],
            [503, 201, 503],
            [200, 201, 200],
        ]
        assert away[0].is_unavailable
        assert away[2].detail == "The replica is not used. It does not answer."
        service.check_log(away[:1])  # no line tells of a probe

    asyncio.run(campaign())


async def conflict(service: Service, primary: FaultyPostgres, standby: FaultyPostgres) -> Answer:
    """The answer to a read of a snapshot that the primary has just cleaned up."""
    await asyncio.to_thread(sql, standby.url(), "ALTER SYSTEM SET max_standby_streaming_delay = 0")
    await asyncio.to_thread(sql, standby.url(), "SELECT pg_reload_conf()")
    reads = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    created = await ask(service.port, "POST", "/items", {"name": "lamp"})
    reading = asyncio.create_task(ask(service.port, "GET", "/faults/sleep?seconds=3"))
    await asyncio.to_thread(until, lambda: sql(standby.url(), reads), "the replica is read")
    await ask(service.port, "DELETE", created.headers["location"])
    await asyncio.to_thread(sql, primary.url("service"), "VACUUM item")
    return await reading


@pytest.mark.parametrize("fallback", [True, False])
def test_a_read_that_conflicts_with_the_recovery_of_the_replica_is_repeated_or_told(
    serve_reads: Serve, pair: tuple[FaultyPostgres, FaultyPostgres], fallback: bool
) -> None:
    service = serve_reads(postgres_replica_fallback=fallback)

    async def campaign() -> None:
        read = await conflict(service, *pair)

        if fallback:
            assert read.status == 200
        else:
            assert read.is_unavailable
            told = "The replica cancelled this read to follow the primary. Try again."
            assert read.detail == told
            [error] = [line for line in service.log if line["level"] == "error"]
            assert (error["event"], error["sqlstate"]) == (told, "40001")
        assert lines(service) == []
        await service.check_that_nothing_hangs()
        service.check_log([read])

    asyncio.run(campaign())


def test_a_replica_that_is_away_is_asked_again_with_a_pause(
    serve_reads: Serve, pair: tuple[FaultyPostgres, FaultyPostgres]
) -> None:
    primary, standby = pair
    address = Address(standby)
    service = serve_reads(address.url("service"))

    async def campaign() -> None:
        async with address.open(), load(service.port, read="/faults/port") as running:
            await read_only_from(standby, running)
            await asyncio.to_thread(standby.stop)
            await read_only_from(primary, running)
            asked, began, count = address.accepted, time.monotonic(), len(running.answers)
            await eventually(lambda: address.accepted > asked + 1, "the replica is asked twice")
            seconds, requests = time.monotonic() - began, len(running.answers) - count

        assert [str(answer) for answer in running.failed] == []
        assert seconds > PAUSE_SECONDS
        figure("a replica that is away, asked twice", requests=requests, seconds=seconds)

    asyncio.run(campaign())


def test_a_read_that_asks_for_the_primary_finds_what_the_replica_does_not_have_yet(
    serve_reads: Serve, pair: tuple[FaultyPostgres, FaultyPostgres]
) -> None:
    _, standby = pair
    service = serve_reads(postgres_replica_max_lag_seconds=60)

    async def campaign() -> None:
        name = f"{time.monotonic()}"
        created = await ask(service.port, "POST", "/items", {"name": name})
        on_the_replica = await ask(service.port, "GET", created.headers["location"])
        key = created.headers["location"].rpartition("/")[2]
        on_the_primary = await ask(service.port, "GET", f"/faults/items-of-the-primary/{key}")
        write = await ask(service.port, "PATCH", created.headers["location"], {"name": name})

        assert [created.status, on_the_replica.status, write.status] == [201, 404, 200]
        assert (json.loads(on_the_primary.body), lines(service)) == (name, [])
        service.check_log([])

    with paused(standby):
        asyncio.run(campaign())


def test_a_write_in_a_read_is_refused_by_the_replica(serve_reads: Serve) -> None:
    service = serve_reads()

    async def campaign() -> None:
        write = await ask(service.port, "POST", "/faults/write-in-a-read")

        assert write.status == 500
        await service.check_that_nothing_hangs()
        service.check_log([write])
        [error] = [line for line in service.log if line["level"] == "error"]
        assert "cannot execute INSERT in a read-only transaction" in error["exception"]

    asyncio.run(campaign())
