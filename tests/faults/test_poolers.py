"""PgBouncer between service and Postgres: it comes and goes, and forgets nothing unnoticed."""

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.client import Client, ask, check_writes, load
from tests.faults.conftest import Serve
from tests.faults.poolers import NEW, OLD, PASSWORD, Pooler
from tests.faults.postgres import FaultyPostgres
from tests.faults.test_outages import RECOVERY_SECONDS, recovery, run_for
from tests.support.figures import figure
from tests.support.serving import sql

pytestmark = [pytest.mark.slow, pytest.mark.system]
by_each_pooler = pytest.mark.parametrize(
    "release", [pytest.param(release, id=str(release)) for release in (OLD, NEW)], indirect=True
)

PAUSE_SECONDS = 10  # of each of the 300 clients: what fails is the pooler, not the machine
WAY_OUT = "docs/pooler.md has the way out."
READ_ONLY, PREPARED = "default_transaction_read_only off", "prepared statements of all clients"
SWALLOWS = {
    "track_extra_parameters": "IntervalStyle",
    "ignore_startup_parameters": "default_transaction_read_only",
}


async def kill(pooler: Pooler) -> None:
    await asyncio.to_thread(pooler.stop)
    await run_for(0.5)
    await asyncio.to_thread(pooler.start)


async def restart(pooler: Pooler) -> None:
    """As its service's manager does: transactions are finished first."""
    await asyncio.to_thread(pooler.stop, signal.SIGINT)
    await asyncio.to_thread(pooler.start)


async def reload(pooler: Pooler) -> None:
    pooler.signal(signal.SIGHUP)


async def pause(pooler: Pooler) -> None:
    pooler.signal(signal.SIGUSR1)
    await run_for(1)
    pooler.signal(signal.SIGUSR2)


@by_each_pooler
@pytest.mark.parametrize(
    ("happens", "fault"),
    [("killed", kill), ("restarted", restart), ("reloaded", reload), ("paused", pause)],
    ids=["killed", "restarted", "reloaded", "paused"],
)
def test_a_pooler_that_comes_and_goes_loses_no_acknowledged_write(
    serve: Serve,
    pooler: Pooler,
    happens: str,
    fault: Callable[[Pooler], Awaitable[None]],
    full: bool,
) -> None:
    service = serve()

    async def campaign() -> None:
        recoveries = []
        async with load(service.port, clients=300, pause=PAUSE_SECONDS) as running:
            for _ in range(5 if full else 2):
                await running.until_served()
                await fault(pooler)
                recoveries.append(await recovery(running, returned=time.monotonic()))
            await service.become_ready()

        assert [str(answer) for answer in running.failed if not answer.is_unavailable] == []
        await service.check_that_nothing_hangs()
        service.check_log(running.answers)
        figure(
            f"a pooler is {happens}, 300 clients on 5 connections",
            times=len(recoveries),
            requests=len(running.answers),
            answered_503=len(running.failed),
            slowest_recovery_seconds=max(recoveries),
            **check_writes(running.answers, await service.names()),
        )
        assert max(recoveries) < RECOVERY_SECONDS

    asyncio.run(campaign())


@by_each_pooler
def test_reads_stay_read_only_and_writes_do_not_become_so(
    serve: Serve, pooler: Pooler, full: bool
) -> None:
    """Both over two connections of the server: what one leaves there, the next one finds."""
    pooler.stop()
    pooler.set(default_pool_size="2")
    pooler.start()
    service = serve()
    counted = Counter[tuple[str, str, int | None, str]]()

    async def ask_again(method: str, path: str, times: int) -> None:
        client = Client(service.port)
        for _ in range(times):
            answer = await client.request(method, path)
            told = answer.body.decode() if answer.ok else ""
            counted[method, path, answer.status, told] += 1
        await client.close()

    async def campaign() -> None:
        times, clients = (250 if full else 40), 8
        await asyncio.gather(
            *(
                ask_again(method, f"/faults/{path}", times)
                for method, path in (
                    ("GET", "is-read-only"),
                    ("POST", "is-read-only"),
                    ("POST", "write-in-a-read"),
                )
                for _ in range(clients)
            )
        )

        assert counted == {
            ("GET", "/faults/is-read-only", 200, '"on"'): times * clients,
            ("POST", "/faults/is-read-only", 200, '"off"'): times * clients,
            ("POST", "/faults/write-in-a-read", 500, ""): times * clients,
        }
        errors = [line for line in service.log if line["level"] == "error"]
        assert all("ReadOnlySQLTransactionError" in line["exception"] for line in errors)
        assert await service.names() == set()
        await service.check_that_nothing_hangs()
        figure(
            "reads and writes in turns over two connections",
            reads=times * clients,
            writes=times * clients,
            writes_in_reads=times * clients,
            accepted_in_reads=0,
            refused_in_writes=0,
        )

    asyncio.run(campaign())


LOST = {
    "the protection of reads is swallowed": (NEW, SWALLOWS, {}, [READ_ONLY]),
    "prepared statements are not tracked": (NEW, {"max_prepared_statements": "0"}, {}, [PREPARED]),
    "an old pooler swallows, and tracks nothing": (
        OLD,
        SWALLOWS,
        {"postgres_pooler_prepared_statements": True},
        [READ_ONLY, PREPARED],
    ),
}


def lost_sentence(lost: list[str]) -> str:
    return f"The pooler leaves the server with {', '.join(lost)}: {WAY_OUT}"


def reconfigure(pooler: Pooler, lines: dict[str, str]) -> None:
    pooler.stop()
    known = pooler.release.prepares
    pooler.set(**{name: v for name, v in lines.items() if known or not name.startswith("track")})
    pooler.start()


@pytest.mark.parametrize(
    ("release", "lines", "settings", "lost"), LOST.values(), ids=LOST, indirect=["release"]
)
def test_what_a_pooler_loses_is_told_and_no_write_of_a_read_succeeds(
    serve: Serve,
    pooler: Pooler,
    lines: dict[str, str],
    settings: dict[str, object],
    lost: list[str],
) -> None:
    reconfigure(pooler, lines)
    service = serve(**settings)
    without = serve(postgres_pooler_prepared_statements=False)

    async def campaign() -> None:
        for _ in range(3):
            ready = await ask(service.port, "GET", "/health/ready")
            assert (ready.status, ready.detail) == (503, lost_sentence(lost))
            answers = [
                await ask(service.port, "POST", "/faults/write-in-a-read"),
                await ask(service.port, "GET", "/items"),
            ]
            assert [answer.is_unavailable for answer in answers] == [True, True]
        assert (await ask(service.port, "GET", "/health/live")).status == 200
        assert PASSWORD not in service.served.said

        # The way out of all of them.
        assert (await ask(without.port, "GET", "/health/ready")).status == 200
        assert (await ask(without.port, "POST", "/faults/write-in-a-read")).status == 500
        assert await service.names() == set()

    asyncio.run(campaign())


@by_each_pooler
@pytest.mark.parametrize("says", ["none", "transaction"])
def test_what_a_pooler_refuses_is_told(serve: Serve, pooler: Pooler, says: str) -> None:
    """Without a word in the settings, and with one that asks too much of it."""
    reconfigure(pooler, {"track_extra_parameters": "IntervalStyle"})
    service = serve(postgres_pooler=says, postgres_pooler_prepared_statements=True)
    refused = "default_transaction_read_only" if says == "transaction" else "statement_timeout"

    ready = asyncio.run(ask(service.port, "GET", "/health/ready"))

    assert (ready.status, ready.detail) == (503, f"The pooler refuses {refused}: {WAY_OUT}")


@pytest.mark.parametrize("release", [pytest.param(NEW, id=str(NEW))], indirect=True)
def test_limits_that_the_role_does_not_have_are_told_until_it_has_them(
    serve: Serve, pooler: Pooler, postgres: FaultyPostgres
) -> None:
    service = serve()
    role = "ALTER ROLE pooled"

    async def readiness() -> tuple[int | None, str | None]:
        answer = await ask(service.port, "GET", "/health/ready")
        return answer.status, json.loads(answer.body).get("detail")

    def change(statement: str) -> None:
        """PgBouncer's own connections, and the service's, are opened anew."""
        sql(postgres.url(), f"{role} {statement}")
        pooler.stop()
        pooler.start()

    async def campaign() -> None:
        for statement, lost in (
            ("RESET lock_timeout", "lock_timeout 0"),
            ("SET lock_timeout = 5000", "lock_timeout 5000"),
            ("SET lock_timeout = 500", None),  # stricter than the service asks for
            ("SET search_path = elsewhere", "search_path elsewhere"),
            ("SET search_path = public", None),
        ):
            await asyncio.to_thread(change, statement)
            told = (503, lost_sentence([lost])) if lost else (200, None)
            assert await readiness() == told

    asyncio.run(campaign())
