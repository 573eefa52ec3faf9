"""Several hosts, of which one hangs: it neither answers nor refuses."""

import asyncio
import time

import pytest

from tests.faults.client import ask, check_writes, load
from tests.faults.conftest import Serve
from tests.faults.postgres import IMMEDIATE, FaultyPostgres
from tests.support.figures import figure

pytestmark = pytest.mark.slow

CONNECT_LIMIT_SECONDS = 2
HANGS = "The primary hangs. Its connections are closed."


def url_of(*servers: FaultyPostgres) -> str:
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    return f"postgresql://postgres@{hosts}/service?target_session_attrs=read-write"


def test_a_primary_that_hangs_is_left_for_the_standby_that_is_promoted(
    serve: Serve, primary: FaultyPostgres, synchronous_standby: FaultyPostgres
) -> None:
    """Its connections are open, and its kernel accepts further ones."""
    standby = synchronous_standby
    service = serve(
        url_of(primary, standby), postgres_connect_timeout_seconds=CONNECT_LIMIT_SECONDS
    )

    async def campaign() -> None:
        async with load(service.port, clients=16) as running:
            await running.until_served()
            with primary.frozen():
                await asyncio.to_thread(standby.promote)
                promoted = time.monotonic()
                await running.until_served(20)
                await service.become_ready()
            await asyncio.to_thread(primary.stop, IMMEDIATE)  # it would go on as a primary

        writes = [a.ended for a in running.answers if a.ok and a.method == "POST"]
        resumed_after = min(ended for ended in writes if ended > promoted) - promoted
        last_failed_after = max(answer.ended for answer in running.failed) - promoted
        assert [str(answer) for answer in running.failed if not answer.is_unavailable] == []
        assert resumed_after < CONNECT_LIMIT_SECONDS + 2
        assert last_failed_after < CONNECT_LIMIT_SECONDS + 2
        assert HANGS in [line["event"] for line in service.log if line["level"] == "warning"]
        await service.check_that_nothing_hangs()
        service.check_log(running.answers)
        figure(
            f"a primary that hangs, connect limit {CONNECT_LIMIT_SECONDS} s",
            requests=len(running.answers),
            answered_503=len(running.failed),
            writes_resume_after_seconds=resumed_after,
            last_503_after_seconds=last_failed_after,
            **check_writes(running.answers, await service.names()),
        )

    asyncio.run(campaign())


def test_a_first_host_that_hangs_costs_one_connect_limit(
    serve: Serve, primary: FaultyPostgres, standby: FaultyPostgres
) -> None:
    with standby.frozen():
        service = serve(
            url_of(standby, primary), postgres_connect_timeout_seconds=CONNECT_LIMIT_SECONDS
        )

        async def campaign() -> None:
            first = await ask(service.port, "GET", "/items")
            await service.become_ready()
            others = [
                await ask(service.port, "POST", "/items", {"name": f"lamp {number}"})
                for number in range(3)
            ]

            assert [first.status, *(answer.status for answer in others)] == [200, 201, 201, 201]
            assert first.seconds < CONNECT_LIMIT_SECONDS + 2
            assert max(answer.seconds for answer in others) < CONNECT_LIMIT_SECONDS
            figure(
                f"the first host hangs, connect limit {CONNECT_LIMIT_SECONDS} s",
                first_answer_after_seconds=first.seconds,
                slowest_of_the_others_seconds=max(answer.seconds for answer in others),
            )

        asyncio.run(campaign())
