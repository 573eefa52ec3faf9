"""What takes too long, or is too much, ends in time, and nobody else waits for it."""

import asyncio
import statistics
from contextlib import AsyncExitStack

import asyncpg
import pytest

from tests.faults.client import Client, ask, head, read_answer
from tests.faults.conftest import Serve, through_poolers
from tests.support.figures import figure

pytestmark = pytest.mark.slow


@through_poolers
def test_a_statement_that_takes_too_long_is_a_503_in_time(serve: Serve) -> None:
    service = serve(postgres_statement_timeout_seconds=0.5)

    async def campaign() -> None:
        for method in ("GET", "POST"):  # on either session
            answer = await ask(service.port, method, "/faults/sleep?seconds=30")

            assert answer.is_unavailable
            assert 0.5 <= answer.seconds < 10  # the limit where nothing is set
            await service.check_that_nothing_hangs()
            service.check_log([answer])
            figure(f"{method} of 30 s, statement_timeout 0.5 s", answered_after=answer.seconds)

    asyncio.run(campaign())


@through_poolers
def test_a_lock_that_somebody_holds_is_a_503_in_time(serve: Serve) -> None:
    service = serve(postgres_lock_timeout_seconds=0.5)

    async def campaign() -> None:
        await ask(service.port, "POST", "/items", {"name": "lamp"})
        holder = await asyncpg.connect(service.database_url)
        async with holder.transaction():
            [(item_id,)] = await holder.fetch("SELECT id FROM item FOR UPDATE")
            changed = {"name": "rug"}
            refused = await ask(service.port, "PATCH", f"/items/{item_id}", changed)
            read = await ask(service.port, "GET", f"/items/{item_id}")
        await holder.close()
        afterwards = await ask(service.port, "PATCH", f"/items/{item_id}", changed)

        assert refused.is_unavailable
        assert 0.5 <= refused.seconds < 3  # the limit where nothing is set
        assert (read.status, afterwards.status) == (200, 200)
        await service.check_that_nothing_hangs()
        service.check_log([refused])
        figure("a lock held by another, lock_timeout 0.5 s", answered_after=refused.seconds)

    asyncio.run(campaign())


async def send_slowly(port: int, every_seconds: float) -> tuple[int, str, float]:
    """Status, content type and seconds of a request whose body comes a byte at a time."""
    began = asyncio.get_running_loop().time()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head("POST", "/items", 1000))

    async def drip() -> None:
        while True:
            writer.write(b" ")
            await asyncio.sleep(every_seconds)

    dripping = asyncio.create_task(drip())
    status, headers, _ = await asyncio.wait_for(read_answer(reader), 30)
    dripping.cancel()
    writer.close()
    return status, headers["content-type"], asyncio.get_running_loop().time() - began


def test_a_body_that_comes_slowly_is_a_408_in_time(serve: Serve) -> None:
    service = serve(body_timeout_seconds=1)

    async def campaign() -> None:
        results = await asyncio.gather(*(send_slowly(service.port, 0.1) for _ in range(20)))

        seconds = [seconds for *_, seconds in results]
        assert {result[:2] for result in results} == {(408, "application/problem+json")}
        assert min(seconds) >= 1
        assert max(seconds) < 30  # the limit where nothing is set
        await service.check_that_nothing_hangs()
        service.check_log([])
        figure("bodies that come slowly, limit 1 s", slowest_408_after=max(seconds))

    asyncio.run(campaign())


async def send_chunks(port: int, count: int) -> tuple[int, str]:
    """Status and content type of a request whose length nobody tells beforehand."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    announced = head("POST", "/items").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    writer.write(announced)
    for _ in range(count):
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
    status, headers, _ = await asyncio.wait_for(read_answer(reader), 30)
    writer.close()
    return status, headers["content-type"]


def test_a_body_that_is_too_large_is_a_413(serve: Serve) -> None:
    service = serve()
    too_large = (413, "application/problem+json")

    async def campaign() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(head("POST", "/items", 2**40))
        status, headers, _ = await asyncio.wait_for(read_answer(reader), 30)
        writer.close()
        assert (status, headers["content-type"]) == too_large

        before = service.memory()
        answers = await asyncio.gather(*(send_chunks(service.port, 32) for _ in range(10)))
        assert set(answers) == {too_large}
        service.check_log([])
        figure("bodies that are too large", grown_by_mb=(service.memory() - before) / 2**20)

    asyncio.run(campaign())


async def typical_seconds(port: int) -> float:
    client = Client(port)
    answers = [await client.request("GET", "/items") for _ in range(200)]
    await client.close()
    assert all(answer.ok for answer in answers)
    return statistics.median(answer.seconds for answer in answers)


def test_connections_that_never_finish_their_headers_do_not_slow_others(
    serve: Serve, full: bool
) -> None:
    service = serve()
    count = 500 if full else 100

    async def campaign() -> None:
        await typical_seconds(service.port)  # warm-up
        alone = await typical_seconds(service.port)
        async with AsyncExitStack() as stack:
            for _ in range(count):
                _, writer = await asyncio.open_connection("127.0.0.1", service.port)
                stack.callback(writer.close)
                writer.write(b"GET /items HTTP/1.1\r\nHost: service\r\nX-Endless: ")
            beside = await typical_seconds(service.port)

        assert beside < 2 * alone + 0.02
        service.check_log([])
        figure(
            f"{count} connections with unfinished headers",
            median_ms_without=alone * 1000,
            median_ms_beside=beside * 1000,
        )

    asyncio.run(campaign())
