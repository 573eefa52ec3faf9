"""A service is told to stop, or killed, while clients use it."""

import asyncio
import itertools
import signal
import time
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from tests.faults.client import Answer, Client, Load, ask, check_writes, eventually, load
from tests.faults.conftest import Serve
from tests.faults.production import Service
from tests.support.figures import figure

pytestmark = pytest.mark.slow

PAIRS = "/faults/pairs?pause=0.01"  # two rows in one transaction
DRAIN_SECONDS = 1.5


@dataclass
class Balancer:
    """Sends requests to the services that are ready, as one in front of a deployment does."""

    services: list[Service]
    ready: list[Service] = field(default_factory=list)
    answers: list[tuple[Service, Answer]] = field(default_factory=list)
    stopped: bool = False

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


@pytest.mark.parametrize("workers", [1, 2])
def test_a_deployment_fails_no_request_of_a_client_that_obeys_readiness(
    serve: Serve, workers: int, full: bool
) -> None:
    deployments = 5 if full else 1

    everything: list[Answer] = []

    async def deploy() -> dict[str, float]:
        old, new = (
            serve(shutdown_drain_seconds=DRAIN_SECONDS, web_concurrency=workers) for _ in "ab"
        )
        balancer = Balancer([old, new])
        async with asyncio.TaskGroup() as group:
            group.create_task(balancer.probe())
            for _ in range(8):
                group.create_task(balancer.client())
            await balancer.until_served(old)
            await balancer.until_served(new)
            # Longer than the drain: what has begun is finished.
            path = f"/faults/sleep?seconds={DRAIN_SECONDS + 1}"
            long = asyncio.create_task(ask(old.port, "GET", path))
            await asyncio.sleep(0.1)  # it has begun

            terminated = time.monotonic()
            old.signal(signal.SIGTERM)
            unready = await eventually(lambda: old not in balancer.ready, "it is seen unready", 5)
            late = await ask(old.port, "GET", "/items")
            code = await asyncio.to_thread(old.served.wait)
            ended = time.monotonic() - terminated
            await balancer.until_served(new)
            balancer.stopped = True

        assert [str(answer) for _, answer in balancer.answers if not answer.ok] == []
        assert ((await long).status, late.status, code) == (200, 200, 0)
        assert unready < DRAIN_SECONDS
        assert ended < DRAIN_SECONDS + 1 + 5
        await new.check_that_nothing_hangs()
        for service in (old, new):
            service.check_log([])
        everything.extend(answer for _, answer in balancer.answers)
        check_writes(everything, await new.pairs())
        # Its pool would keep connections that the next deployment needs.
        new.signal(signal.SIGTERM)
        await asyncio.to_thread(new.served.wait)
        return {"unready": unready, "ended": ended}

    results = [asyncio.run(deploy()) for _ in range(deployments)]
    figure(
        f"7 SIGTERM behind a balancer, {workers} worker(s)",
        deployments=deployments,
        requests=len(everything),
        failed=0,
        seen_unready_after_seconds=max(result["unready"] for result in results),
        ended_after_seconds=max(result["ended"] for result in results),
    )


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
        figure("7 SIGKILL during writes", kills=kills, half_written=0, **writes)

    asyncio.run(campaign())
