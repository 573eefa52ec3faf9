"""More requests than connections, and clients that do not wait for their answer."""

import asyncio
import socket
import struct
import time
from collections import Counter
from uuid import uuid4

import pytest

from tests.faults.client import ask_at_once, check_writes, head, load
from tests.faults.conftest import Serve, through_poolers
from tests.support.figures import figure

pytestmark = [pytest.mark.slow, through_poolers]

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


def test_three_hundred_requests_for_five_connections_are_answered_in_time(serve: Serve) -> None:
    pool_timeout, statement = 2, 1
    last_in_a_queue_of_all = 300 / 5 * statement
    service = serve(
        postgres_pool_size=5,
        postgres_pool_max_overflow=0,
        postgres_pool_timeout_seconds=pool_timeout,
    )

    async def crowd(method: str) -> None:
        path = f"/faults/sleep?seconds={statement}"
        answers = await ask_at_once(300, service.port, method, path)

        counted = Counter(answer.status for answer in answers)
        slowest = max(answer.seconds for answer in answers)
        assert [str(a) for a in answers if not (a.ok or a.is_unavailable)] == []
        assert counted[200] >= 5
        assert counted[503] > 0
        assert slowest < last_in_a_queue_of_all / 3
        await service.check_that_nothing_hangs()
        service.check_log(answers)
        figure(
            f"{method} 300 times at once on a pool of 5",
            answered_200=counted[200],
            answered_503=counted[503],
            slowest_seconds=slowest,
            bound_seconds=pool_timeout + statement,
        )

    async def campaign() -> None:
        await crowd("GET")  # on either session
        await crowd("POST")

    asyncio.run(campaign())


def test_a_crowd_of_readers_and_writers_starves_neither_nor_readiness(
    serve: Serve, full: bool
) -> None:
    service = serve()

    async def campaign() -> None:
        async with load(service.port, clients=1000 if full else 100) as running:
            await running.until_served(50)
            await service.become_ready()
            await running.until_served(50)

        assert [str(answer) for answer in running.failed if not answer.is_unavailable] == []
        await service.check_that_nothing_hangs()
        service.check_log(running.answers)
        figure(
            "a crowd of readers and writers",
            requests=len(running.answers),
            answered_503=len(running.failed),
            slowest_seconds=max(answer.seconds for answer in running.answers),
            **check_writes(running.answers, await service.names()),
        )

    asyncio.run(campaign())


async def hang_up(port: int, kind: int, name: str) -> None:
    """A client that leaves: after its request, in its body, before it, in the answer; or rudely."""
    body = b'{"name": "%b"}' % name.encode()
    path = "/faults/pairs?pause=0.02"
    sent = [
        head("POST", path, len(body)) + body,
        head("POST", path, len(body)) + body[:5],
        head("POST", path, len(body)),
        head("GET", "/faults/sleep?seconds=0.05"),
        head("GET", "/faults/rows"),
    ][kind % 5]
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    await asyncio.sleep(0.01 * (kind % 7))  # at another moment of the request each time
    if kind % 2:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.close()
    await writer.wait_closed()


def test_clients_that_hang_up_leave_nothing_behind(serve: Serve, full: bool) -> None:
    service = serve()
    clients, at_once = 1000 if full else 300, 20

    async def campaign() -> None:
        began = time.monotonic()
        for first in range(0, clients, at_once):
            kinds = range(first, min(first + at_once, clients))
            await asyncio.gather(*(hang_up(service.port, k, uuid4().hex) for k in kinds))
        await service.check_that_nothing_hangs()
        pairs = await service.pairs()

        service.check_log([])
        assert [line for line in service.log if line["level"] == "error"] == []
        figure(
            "clients that hang up",
            clients=clients,
            whole_pairs_found=len(pairs),
            connections_leaked=0,
            seconds=time.monotonic() - began,
        )

    asyncio.run(campaign())
