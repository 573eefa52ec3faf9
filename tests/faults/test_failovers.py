"""A primary that becomes a standby, and a standby that becomes the primary."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.address import Address
from tests.faults.client import ask, check_writes, load
from tests.faults.conftest import Serve
from tests.faults.postgres import FaultyPostgres
from tests.faults.production import Service
from tests.support.figures import figure

pytestmark = pytest.mark.slow

IS_STANDBY = "The database is a standby, which refuses writes."
Move = Callable[[], Awaitable[None]]


async def readiness(service: Service) -> tuple[int | None, str | None]:
    answer = await ask(service.port, "GET", "/health/ready")
    return answer.status, answer.detail


async def check_a_time_as_standby(service: Service, there: Move, back: Move) -> None:
    """Under load: only 503s, of writes alone once it is a standby; all is well after the return."""
    async with load(service.port) as running:
        await running.until_served()
        await there()
        await running.until_answered(20)
        since = time.monotonic()
        await running.until_answered(40)
        as_standby = [answer for answer in running.answers if answer.began > since]
        ready = await readiness(service)
        await back()
        returned = time.monotonic()
        await running.until_served(20)

    assert [str(answer) for answer in running.failed if not answer.is_unavailable] == []
    assert {(a.method, a.status) for a in as_standby} == {("POST", 503), ("GET", 200)}
    assert ready == (503, IS_STANDBY)
    await service.become_ready()
    await service.check_that_nothing_hangs()
    service.check_log(running.answers)
    recovered = [answer.ended for answer in running.failed if answer.ended > returned]
    figure(
        "the address has become a standby",
        requests=len(running.answers),
        answered_503=len(running.failed),
        recovered_after_seconds=max(recovered, default=returned) - returned,
        **check_writes(running.answers, await service.names()),
    )


def test_a_primary_that_becomes_a_standby_is_a_503_for_writes_until_it_is_promoted(
    serve: Serve, primary: FaultyPostgres
) -> None:
    service = serve(primary.url("service"))

    asyncio.run(
        check_a_time_as_standby(
            service,
            lambda: asyncio.to_thread(primary.become_standby),
            lambda: asyncio.to_thread(primary.promote),
        )
    )


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "kept"])
def test_an_address_that_leads_to_a_standby_is_left_for_the_primary(
    serve: Serve, primary: FaultyPostgres, standby: FaultyPostgres, cut: bool
) -> None:
    """Connections that are kept when the address returns lead to the standby for ever."""
    address = Address(primary)
    service = serve(address.url("service"))

    async def campaign() -> None:
        async with address.open():
            await check_a_time_as_standby(
                service,
                lambda: address.move(standby, cut=True),
                lambda: address.move(primary, cut=cut),
            )

    asyncio.run(campaign())
