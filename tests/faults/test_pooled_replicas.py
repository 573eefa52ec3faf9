"""A replica behind a pooler of its own, as the primary is: reads go there, or tell why not."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from tests.faults.client import ask, load
from tests.faults.conftest import Serve, set_limits
from tests.faults.poolers import NEW, OLD, ROLE, Pooler, Release, pooled, supervised
from tests.faults.postgres import FaultyPostgres
from tests.faults.production import Production, Service
from tests.faults.replicas import LEFT, USED, Fault, crashed, cut_off, lines, outage, read_only_from
from tests.support.figures import figure
from tests.support.serving import sql, until

pytestmark = [pytest.mark.slow, pytest.mark.system]
by_each_pooler = pytest.mark.parametrize("before_each", [OLD, NEW], ids=str)
CONNECT_LIMIT_SECONDS = 3


class Site(NamedTuple):
    """Two servers, each behind a pooler; `serve` starts a service with both."""

    primary: FaultyPostgres
    standby: FaultyPostgres
    pooler: Pooler
    """Of the standby."""
    serve: Callable[..., Service]


@pytest.fixture
def site(
    serve: Serve,
    production: Production,
    primary: FaultyPostgres,
    standby: FaultyPostgres,
    before_each: Release,
) -> Iterator[Site]:
    sql(primary.url(), f"CREATE ROLE {ROLE} LOGIN SUPERUSER")
    limits = "SELECT setconfig FROM pg_db_role_setting"
    with pooled(before_each, primary, "service") as writes:
        set_limits(production, writes)
        wanted = sql(primary.url(), limits)
        until(lambda: sql(standby.url(), limits) == wanted, "the standby has the role's limits")
        with pooled(before_each, standby, "service") as reads:

            def serve_both(**settings: object) -> Service:
                settings = before_each.settings | settings
                service = serve(writes.url, postgres_replica_url=reads.url, **settings)
                return Service(service.served, primary.url("service"))

            yield Site(primary, standby, reads, serve_both)


@by_each_pooler
def test_reads_go_through_the_pooler_of_the_replica_which_refuses_writes(site: Site) -> None:
    service = site.serve()

    async def campaign() -> None:
        async with load(service.port, read="/faults/port") as running:
            await read_only_from(site.standby, running)
            await running.until_served()
            write = await ask(service.port, "POST", "/faults/write-in-a-read")
            read_only = await ask(service.port, "GET", "/faults/is-read-only")

        assert [str(answer) for answer in running.failed] == []
        assert (write.status, read_only.body) == (500, b'"on"')
        [error] = [line for line in service.log if line["level"] == "error"]
        assert "cannot execute INSERT in a read-only transaction" in error["exception"]
        assert lines(service) == []
        await service.check_that_nothing_hangs()
        service.check_log([write])

    asyncio.run(campaign())


@by_each_pooler
def test_a_replica_or_its_pooler_that_is_away_or_behind_is_left_for_the_primary(
    site: Site, full: bool
) -> None:
    service = site.serve(postgres_replica_max_lag_seconds=1)

    @contextmanager
    def without_its_pooler(_: FaultyPostgres) -> Iterator[None]:
        site.pooler.stop()
        yield
        site.pooler.start()

    faults: dict[Fault, str] = {
        without_its_pooler: "It does not answer.",
        crashed: "It does not answer.",
        FaultyPostgres.frozen: "It does not answer.",
        cut_off: "It is more than 1 s behind the primary.",
    }

    async def campaign() -> None:
        for fault in list(faults) * (3 if full else 1):
            dies = site.pooler if fault is FaultyPostgres.frozen else None  # 1.18 sometimes
            async with supervised(dies):
                running, *seconds = await outage(service, site.primary, site.standby, fault)
            slowest = max(answer.seconds for answer in running.answers)
            assert [str(answer) for answer in running.failed] == []
            assert slowest < 2 * CONNECT_LIMIT_SECONDS
            figure(
                f"the replica is {fault.__name__.replace('_', ' ')}, both behind poolers",
                requests=len(running.answers),
                failed=len(running.failed),
                left_after_seconds=seconds[0],
                used_after_seconds=seconds[1],
                slowest_seconds=slowest,
            )
        await service.check_that_nothing_hangs()

    asyncio.run(campaign())

    told = [(("warning", LEFT, reason), ("info", USED, None)) for reason in faults.values()]
    assert lines(service) == [line for pair in told for line in pair] * (3 if full else 1)
    service.check_log([])


@pytest.mark.parametrize("before_each", [NEW], ids=str)
def test_what_the_pooler_of_a_replica_loses_is_told_and_reads_go_to_the_primary(
    site: Site,
) -> None:
    site.pooler.stop()
    site.pooler.set(
        track_extra_parameters="IntervalStyle",
        ignore_startup_parameters="default_transaction_read_only",
    )
    site.pooler.start()
    service, required = site.serve(), site.serve(postgres_replica_required=True)
    lost = (
        "The pooler leaves the server with default_transaction_read_only off:"
        " docs/pooler.md has the way out."
    )

    async def campaign() -> None:
        read = await ask(service.port, "GET", "/faults/port")
        ready = [await ask(port, "GET", "/health/ready") for port in (service.port, required.port)]

        assert read.body == f"{site.primary.port}".encode()
        assert [answer.status for answer in ready] == [200, 503]
        assert ready[1].detail == f"The replica is not used. {lost}"

    asyncio.run(campaign())

    assert lines(service) == lines(required) == [("warning", LEFT, lost)]
