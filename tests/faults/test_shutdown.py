"""A service is told to stop, or killed, while clients use it."""

import asyncio
import itertools
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from tests.faults.client import Answer, Client, Load, ask, check_writes, eventually, load
from tests.faults.conftest import Serve, through_poolers
from tests.faults.production import Service
from tests.support.figures import figure

pytestmark = pytest.mark.slow

PAIRS = "/faults/pairs?pause=0.01"  # two rows in one transaction
DRAIN_SECONDS = 1.5
LONG = f"/faults/sleep?seconds={DRAIN_SECONDS + 1}"  # is answered after the drain
SLEEPING = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
AND state = 'active' AND query LIKE '%pg_sleep%'
"""


@dataclass
class Balancer:
    """Sends requests to the services that are ready, as one in front of a deployment does."""

    services: list[Service]
    ready: list[Service] = field(default_factory=list)
    answers: list[tuple[Service, Answer]] = field(default_factory=list)
    stopped: bool = False

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """With eight clients, until the end of the block."""
        async with asyncio.TaskGroup() as group:
            for task in (self.probe(), *(self.client() for _ in range(8))):
                group.create_task(task)
            yield
            self.stopped = True

    async def probe(self) -> None:
        while not self.stopped:
            probes = [ask(service.port, "GET", "/health/ready") for service in self.services]
            answered = zip(self.services, await asyncio.gather(*probes), strict=True)
            self.ready = [service for service, answer in answered if answer.status == 200]
            await asyncio.sleep(0.1)

    async def client(self) -> None:
        kept = {service.port: Client(service.port) for service in self.services}
        for number in itertools.count():
            if self.stopped:
                break
            if self.ready:
                service = self.ready[number % len(self.ready)]
                method, path = [("GET", "/items"), ("POST", PAIRS)][number // 2 % 2]
                body = {"name": uuid4().hex} if method == "POST" else None
                answer = await kept[service.port].request(method, path, body)
                self.answers.append((service, answer))
            await asyncio.sleep(0.01)
        for client in kept.values():
            await client.close()

    async def until_served(self, service: Service, count: int = 20) -> None:
        """Until the service has answered so many requests that began after this call."""
        since = time.monotonic()
        await eventually(
            lambda: sum(s is service and a.began > since for s, a in self.answers) >= count,
            f"{count} requests are answered by {service.port}",
        )


@dataclass(frozen=True)
class End:
    """That of a service in front of which a balancer stands."""

    long: Answer  # begun before the service was told to stop
    late: Answer  # sent when the balancer knew that it is unready
    code: int
    unready_after: float
    ended_after: float


@dataclass(frozen=True)
class Deployment:
    """A new service replaces an old one."""

    answers: list[Answer]
    written: set[str]
    end: End


async def deploy(serve: Serve, workers: int) -> Deployment:
    settings = {"shutdown_drain_seconds": DRAIN_SECONDS, "web_concurrency": workers}
    old, new = serve(**settings), serve(**settings)
    balancer = Balancer([old, new])
    async with balancer.busy():
        await balancer.until_served(old)
        await balancer.until_served(new)
        end = await stop(old, balancer)
        await balancer.until_served(new)
    await new.check_that_nothing_hangs()
    for service in (old, new):
        service.check_log([])
    written = await new.pairs()
    # Its pool would keep connections that the next deployment needs.
    new.signal(signal.SIGTERM)
    await asyncio.to_thread(new.served.wait)
    return Deployment([answer for _, answer in balancer.answers], written, end)


async def stop(old: Service, balancer: Balancer) -> End:
    """Tell a service to stop that has begun a long request."""

    async def has_begun() -> bool:
        return await old.sql(SLEEPING) != []

    long = asyncio.create_task(ask(old.port, "GET", LONG))
    await eventually(has_begun, "the long request has begun")
    terminated = time.monotonic()
    old.signal(signal.SIGTERM)
    unready = await eventually(lambda: old not in balancer.ready, "it is seen unready", 5)
    late = await ask(old.port, "GET", "/items")
    code = await asyncio.to_thread(old.served.wait)
    return End(await long, late, code, unready, time.monotonic() - terminated)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_deployment_fails_no_request_of_a_client_that_obeys_readiness(
    serve: Serve, workers: int, full: bool
) -> None:
    deployments = [asyncio.run(deploy(serve, workers)) for _ in range(5 if full else 1)]

    answers = [answer for deployment in deployments for answer in deployment.answers]
    ends = [deployment.end for deployment in deployments]
    unready = max(end.unready_after for end in ends)
    ended = max(end.ended_after for end in ends)
    assert [str(answer) for answer in answers if not answer.ok] == []
    assert {(end.long.status, end.late.status, end.code) for end in ends} == {(200, 200, 0)}
    assert unready < DRAIN_SECONDS
    assert ended < DRAIN_SECONDS + 1 + 5
    check_writes(answers, deployments[-1].written)
    figure(
        f"SIGTERM behind a balancer, {workers} worker(s)",
        deployments=len(deployments),
        requests=len(answers),
        failed=0,
        seen_unready_after_seconds=unready,
        ended_after_seconds=ended,
    )


@through_poolers
def test_a_service_that_is_killed_leaves_no_request_half_written(serve: Serve, full: bool) -> None:
    kills = 10 if full else 2

    async def kill_and_restart(service: Service) -> tuple[Load, Service]:
        async with load(service.port, write=PAIRS) as running:
            await running.until_served()
            service.signal(signal.SIGKILL)
            await asyncio.to_thread(service.served.wait)
            await running.until_answered()
        restarted = serve()
        await restarted.become_ready()
        return running, restarted

    async def campaign() -> None:
        service, answers = serve(), list[Answer]()
        for _ in range(kills):
            running, service = await kill_and_restart(service)
            answers += running.answers
            await service.check_that_nothing_hangs()

        writes = check_writes(answers, await service.pairs())
        figure("SIGKILL during writes", kills=kills, half_written=0, **writes)

    asyncio.run(campaign())
