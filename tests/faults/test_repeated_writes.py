"""Clients repeat their writes with an Idempotency-Key until they have an answer."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from tests.faults.client import Answer, ask, ask_at_once, eventually
from tests.faults.commit_cutter import WAYS, CommitCutter
from tests.faults.conftest import Serve, through_poolers
from tests.faults.postgres import FaultyPostgres
from tests.faults.production import Service
from tests.support.figures import figure

pytestmark = pytest.mark.slow

ENTRY = "CREATE TABLE entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)"
BACKENDS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'my-service-%'
"""


def key_of(name: str) -> str:
    return f'\r\nIdempotency-Key: "{name}"'


class Writers:
    """Each writes one row after the other, and each row until it is told what became of it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.told: dict[str, int] = {}
        self.answers: list[Answer] = []
        self.stopped = False

    async def write(self) -> None:
        name, answer = uuid4().hex, None
        while answer is None or answer.status != 201:
            port = self.service.port
            answer = await ask(port, "POST", "/faults/entries", {"name": name}, more=key_of(name))
            self.answers.append(answer)
            again = answer.headers.get("retry-after") == "1"
            assert answer.status in (201, None) or again, str(answer)
            if answer.status != 201:
                await asyncio.sleep(0.02)  # a client that waits before the next attempt
        self.told[name] = json.loads(answer.body)["id"]

    async def write_on(self) -> None:
        while not self.stopped:
            await self.write()

    @asynccontextmanager
    async def running(self, count: int) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(self.write_on())
            try:
                yield
            finally:
                self.stopped = True

    async def until_told(self, more: int) -> None:
        wanted = len(self.told) + more
        await eventually(lambda: len(self.told) >= wanted, f"{more} more clients have an answer")

    async def check(self) -> dict[str, int]:
        """There is one row for each key, and it is the one that the client was told of."""
        rows = [tuple(row) for row in await self.service.sql("SELECT name, id FROM entry")]
        assert sorted(rows) == sorted(self.told.items())
        kept = await self.service.sql("SELECT count(*) FROM idempotency_key WHERE status = 201")
        assert kept == [(len(rows),)]
        statuses = Counter(answer.status for answer in self.answers)
        replayed = [a for a in self.answers if a.headers.get("idempotent-replayed") == "true"]
        return {
            "keys": len(rows),
            "requests": len(self.answers),
            "answered_503": statuses[503],
            "answered_409": statuses[409],
            "cut": statuses[None],
            "replayed": len(replayed),
            "written_twice": 0,
            "told_wrong": 0,
        }


def test_connections_that_are_cut_at_commit_leave_no_client_in_doubt(
    serve: Serve, postgres: FaultyPostgres, database: str, full: bool
) -> None:
    keys, at_once = 2000 if full else 120, 8

    async def campaign() -> None:
        cutter = CommitCutter(postgres)
        async with cutter.open():
            service = await asyncio.to_thread(serve, cutter.url(database))
            direct = Service(service.served, postgres.url(database))
            await direct.execute(ENTRY)
            writers = Writers(direct)
            for first in range(0, keys, at_once):
                await asyncio.gather(*(writers.write() for _ in range(first, first + at_once)))

            counted = await writers.check()
            await direct.check_that_no_transaction_is_open()
            service.check_log(writers.answers)
        commits = cutter.commits
        assert min(commits[way] for way in WAYS) > 0
        assert counted["replayed"] > keys / 4
        figure(
            "connections cut at COMMIT",
            cut_before_it=commits["before"],
            cut_after_it=commits["after"],
            cut_right_behind_it=commits["behind"],
            **counted,
        )

    asyncio.run(campaign())


def test_a_hundred_requests_at_once_with_one_key_write_one_row(serve: Serve, full: bool) -> None:
    service = serve(web_concurrency=2)
    rounds, at_once = 50 if full else 2, 100

    async def campaign() -> None:
        await service.execute(ENTRY)
        statuses: Counter[int | None] = Counter()
        for number in range(rounds):
            body, more = {"name": f"{number}"}, key_of(f"{number}")
            answers = await ask_at_once(
                at_once, service.port, "POST", "/faults/entries", body, more=more
            )
            made = {answer.body for answer in answers if answer.status == 201}
            assert len(made) == 1
            assert all(a.status == 201 or a.headers["retry-after"] == "1" for a in answers)
            statuses.update(answer.status for answer in answers)

        rows = await service.sql("SELECT name, count(*) FROM entry GROUP BY name")
        assert sorted(rows) == sorted((f"{number}", 1) for number in range(rounds))
        assert set(statuses) <= {201, 409}
        service.check_log([])
        figure(
            "100 requests at once with one key",
            keys=rounds,
            answered_201=statuses[201],
            answered_409=statuses[409],
            written_twice=0,
        )

    asyncio.run(campaign())


@through_poolers
@pytest.mark.parametrize("pool", [1, 3, 10])
def test_of_a_hundred_changes_of_one_version_one_is_made(
    serve: Serve, full: bool, pool: int
) -> None:
    service = serve(postgres_pool_size=pool)
    rounds, at_once = 20 if full else 1, 100

    async def race() -> Counter[int | None]:
        created = await ask(service.port, "POST", "/items", {"name": uuid4().hex})
        path, more = created.headers["location"], f"\r\nIf-Match: {created.headers['etag']}"
        changes = [
            ask(service.port, "PATCH", path, {"name": uuid4().hex}, more=more)
            for _ in range(at_once)
        ]
        answers = await asyncio.gather(*changes)
        [changed] = [answer for answer in answers if answer.status == 200]
        found = await ask(service.port, "GET", path)
        assert (found.body, found.headers["etag"]) == (changed.body, '"2"')
        return Counter(answer.status for answer in answers)

    async def campaign() -> None:
        counted = [await race() for _ in range(rounds)]

        assert counted == [{200: 1, 412: at_once - 1}] * rounds
        service.check_log([])
        figure(
            f"100 changes at once with one ETag, pool of {pool}",
            items=rounds,
            answered_200=rounds,
            answered_412=rounds * (at_once - 1),
            lost=0,
        )

    asyncio.run(campaign())


def test_a_service_and_a_postgres_that_are_killed_leave_no_client_in_doubt(
    serve: Serve, postgres: FaultyPostgres, full: bool
) -> None:
    kills = 10 if full else 1

    async def campaign() -> None:
        service = serve()
        await service.execute(ENTRY)
        writers = Writers(service)
        async with writers.running(8):
            for _ in range(kills):
                await writers.until_told(10)
                writers.service.signal(signal.SIGKILL)
                await asyncio.to_thread(writers.service.served.wait)
                writers.service = await asyncio.to_thread(serve)
                await writers.until_told(10)
                # One backend, after which Postgres ends all others and recovers from its log.
                [pid, *_] = await writers.service.sql(BACKENDS)
                os.kill(int(pid[0]), signal.SIGKILL)
                await writers.until_told(10)

        figure("SIGKILL of the service, and of Postgres", kills=2 * kills, **await writers.check())

    asyncio.run(campaign())
