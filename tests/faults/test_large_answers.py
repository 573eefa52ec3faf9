"""Clients that ask for all they may ask for keep nobody else waiting."""

import asyncio
import http.client
import json
import statistics
import time

import asyncpg
import pytest

from tests.faults.client import Answer, Client, ask, percentile
from tests.faults.conftest import Serve
from tests.support.figures import figure

pytestmark = pytest.mark.slow

CLIENTS = 20
LONGEST_WAIT_OF_A_PROBE = 0.1
LONGEST_BLOCK_OF_THE_LOOP = 0.05
PAGE = "/items?limit=100"
FILL = "INSERT INTO item (id, name, attributes) VALUES (gen_random_uuid(), $1, $2)"


async def fill(url: str) -> None:
    """A page of items whose every column is as large as it may be."""
    attributes = {"": ""}
    attributes[""] = "x" * (16_384 - len(json.dumps(attributes, separators=(",", ":"))))
    rows = [("\U0001f600" * 97 + f"{number:03}", json.dumps(attributes)) for number in range(100)]
    connection = await asyncpg.connect(url)
    try:
        await connection.executemany(FILL, rows)
    finally:
        await connection.close()


async def ask_again_and_again(port: int, until: float) -> list[Answer]:
    client = Client(port)
    answers = []
    while time.monotonic() < until:
        answers.append(await client.request("GET", PAGE))
    await client.close()
    return answers


def probe(port: int, until: float) -> list[float]:
    """The seconds of each probe. Not in the loop of the clients, which has answers to read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    waits = []
    while time.monotonic() < until:
        began = time.monotonic()
        connection.request("GET", "/health/live")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status":"ok"}')
        waits.append(time.monotonic() - began)
        time.sleep(0.01)
    connection.close()
    return waits


def test_the_largest_pages_keep_no_probe_waiting(serve: Serve, full: bool) -> None:
    service = serve()
    seconds = 20 if full else 5

    async def campaign() -> None:
        await fill(service.database_url)
        largest = await ask(service.port, "GET", PAGE)
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            probing = group.create_task(asyncio.to_thread(probe, service.port, until))
            watch = f"/faults/loop?seconds={seconds}"
            watching = group.create_task(ask(service.port, "GET", watch))
            asking = [
                group.create_task(ask_again_and_again(service.port, until)) for _ in range(CLIENTS)
            ]

        waits = probing.result()
        pages = [page for task in asking for page in task.result()]
        blocked = json.loads(watching.result().body)
        figure(
            f"{CLIENTS} clients of the largest page",
            page_bytes=len(largest.body),
            pages=len(pages),
            probes=len(waits),
            median_ms_of_live=statistics.median(waits) * 1000,
            p90_ms_of_live=percentile(waits, 0.9) * 1000,
            p99_ms_of_live=percentile(waits, 0.99) * 1000,
            slowest_ms_of_live=max(waits) * 1000,
            p99_ms_of_the_loop_at_work=percentile(blocked, 0.99) * 1000,
            longest_ms_of_the_loop_at_work=max(blocked) * 1000,
        )
        assert {page.status for page in pages} == {200}
        assert len(json.loads(largest.body)["items"]) == 100
        # Not the slowest: the machine may have other work.
        assert percentile(waits, 0.9) < LONGEST_WAIT_OF_A_PROBE
        assert percentile(blocked, 0.99) < LONGEST_BLOCK_OF_THE_LOOP
        service.check_log([])

    asyncio.run(campaign())
