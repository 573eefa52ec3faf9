"""Reads on a replica that conflicts with its primary, goes away and comes back."""

import asyncio

import pytest

from tests.faults.client import ask
from tests.faults.conftest import Serve
from tests.faults.postgres import FaultyPostgres
from tests.faults.production import Service
from tests.support.serving import sql, until

pytestmark = pytest.mark.slow


@pytest.fixture
def service(serve: Serve, primary: FaultyPostgres, standby: FaultyPostgres) -> Service:
    """Writes to the primary, reads on the standby."""
    return serve(primary.url("service"), postgres_replica_url=standby.url("service"))


def test_reads_are_503_while_the_replica_is_away_and_writes_go_on(
    service: Service, standby: FaultyPostgres
) -> None:
    async def statuses() -> list[int | None]:
        read = await ask(service.port, "GET", "/items")
        write = await ask(service.port, "POST", "/items", {"name": f"{read.ended}"})
        return [read.status, write.status]

    async def campaign() -> None:
        usual = await statuses()
        await asyncio.to_thread(standby.stop)
        away = await statuses()
        await asyncio.to_thread(standby.start)
        back = await statuses()

        assert [usual, away, back] == [[200, 201], [503, 201], [200, 201]]
        service.check_log([])

    asyncio.run(campaign())


def test_a_read_that_conflicts_with_the_recovery_of_the_replica_is_a_503(
    service: Service, primary: FaultyPostgres, standby: FaultyPostgres
) -> None:
    sql(standby.url(), "ALTER SYSTEM SET max_standby_streaming_delay = 0")
    sql(standby.url(), "SELECT pg_reload_conf()")
    url = primary.url("service")
    reads = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"

    async def campaign() -> None:
        created = await ask(service.port, "POST", "/items", {"name": "lamp"})
        reading = asyncio.create_task(ask(service.port, "GET", "/faults/sleep?seconds=9"))
        await asyncio.to_thread(until, lambda: sql(standby.url(), reads), "the replica is read")
        await ask(service.port, "DELETE", created.headers["location"])
        await asyncio.to_thread(sql, url, "VACUUM item")
        read = await reading

        assert read.is_unavailable
        await service.check_that_nothing_hangs()
        service.check_log([read])

    asyncio.run(campaign())


def test_a_write_in_a_read_is_refused_by_the_replica(service: Service) -> None:
    async def campaign() -> None:
        write = await ask(service.port, "POST", "/faults/write-in-a-read")

        assert write.status == 500
        await service.check_that_nothing_hangs()
        service.check_log([write])
        [error] = [line for line in service.log if line["level"] == "error"]
        assert "cannot execute INSERT in a read-only transaction" in error["exception"]

    asyncio.run(campaign())
