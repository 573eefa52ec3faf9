"""What befalls a replica, and what a service with one does and says."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.faults.client import Answer, Load, ask, eventually, load
from tests.faults.postgres import FAST, IMMEDIATE, FaultyPostgres
from tests.faults.production import Service
from tests.support.serving import sql

LEFT, USED = "The replica is not used.", "The replica is used again."
Fault = Callable[[FaultyPostgres], AbstractContextManager[None]]


@contextmanager
def stopped(standby: FaultyPostgres) -> Iterator[None]:
    standby.stop(FAST)
    yield
    standby.start()


@contextmanager
def crashed(standby: FaultyPostgres) -> Iterator[None]:
    standby.stop(IMMEDIATE)
    yield
    standby.start()


@contextmanager
def paused(standby: FaultyPostgres) -> Iterator[None]:
    """It answers, and replays nothing of what it receives."""
    sql(standby.url(), "SELECT pg_wal_replay_pause()")
    yield
    sql(standby.url(), "SELECT pg_wal_replay_resume()")


@contextmanager
def cut_off(standby: FaultyPostgres) -> Iterator[None]:
    """It answers, and does not know that there is more to receive."""
    usual = sql(standby.url(), "SHOW primary_conninfo")[0][0]
    sql(standby.url(), "ALTER SYSTEM SET primary_conninfo = ''")
    sql(standby.url(), "SELECT pg_reload_conf()")
    yield
    quoted = usual.replace("'", "''")
    sql(standby.url(), f"ALTER SYSTEM SET primary_conninfo = '{quoted}'")
    sql(standby.url(), "SELECT pg_reload_conf()")


FAULTS: dict[Fault, str] = {
    stopped: "It does not answer.",
    crashed: "It does not answer.",
    FaultyPostgres.frozen: "It does not answer.",
    paused: "It is more than 1 s behind the primary.",
    cut_off: "It is more than 1 s behind the primary.",
}


def lines(service: Service) -> list[tuple[str, str, str | None]]:
    """What the service said of its replica."""
    return [
        (line["level"], line["event"], line.get("reason"))
        for line in service.log
        if line["event"] in (LEFT, USED)
    ]


def ports(answers: list[Answer], since: float) -> set[int]:
    """Of the servers that reads were served by, which began after that moment."""
    return {int(a.body) for a in answers if a.method == "GET" and a.ok and a.began > since}


async def read_only_from(server: FaultyPostgres, running: Load) -> None:
    async def is_read() -> bool:
        since = time.monotonic()
        await running.until_answered(20)
        return ports(running.answers, since) == {server.port}

    await eventually(is_read, f"all reads are served by port {server.port}")


async def outage(
    service: Service, primary: FaultyPostgres, standby: FaultyPostgres, fault: Fault
) -> tuple[Load, float, float]:
    """The load, and the seconds until all reads had left the standby, and were back."""
    async with load(service.port, read="/faults/port") as running:
        await read_only_from(standby, running)
        broken = fault(standby)
        began = time.monotonic()
        await asyncio.to_thread(broken.__enter__)
        await read_only_from(primary, running)
        left_after = time.monotonic() - began
        await eventually(lambda: [line[1] for line in lines(service)][-1:] == [LEFT], LEFT)
        ready = await ask(service.port, "GET", "/health/ready")
        await asyncio.to_thread(broken.__exit__, None, None, None)
        returned = time.monotonic()
        await read_only_from(standby, running)
        used_after = time.monotonic() - returned
    assert ready.status == 200
    return running, left_after, used_after
