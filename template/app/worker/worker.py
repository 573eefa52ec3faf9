"""The worker's loop: picks jobs, says that it is alive, takes over from workers that are not."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from pgqueuer.domain.models import Job
from sqlalchemy.exc import SQLAlchemyError

from app.core.database import Database
from app.core.jobs.definitions import definitions
from app.core.jobs.settings import JobSettings
from app.core.logger import logger
from app.worker.metrics import SECONDS_BETWEEN_MEASURES, has_telemetry, record_queue
from app.worker.perform import perform
from app.worker.queue import Queue
from app.worker.schedules import enqueue_due

SECONDS_TO_GATHER = 0.005
SECONDS_TO_END = 5
SECONDS_BETWEEN_PRUNES = 600


@dataclass
class Worker:
    """Runs `concurrency` jobs at once. A job that may have killed a worker (a suspect) runs alone:
    so nobody is blamed for what a neighbour does."""

    database: Database
    queue: Queue
    settings: JobSettings
    concurrency: int
    running: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    suspects: set[int] = field(default_factory=set)
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    hurrying: asyncio.Event = field(default_factory=asyncio.Event)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Pick no more jobs. Told twice, wait for none."""
        (self.hurrying if self.stopping.is_set() else self.stopping).set()
        self.woken.set()

    async def run(self) -> None:
        """Work until `stop`; then give unfinished jobs back."""
        pause = self.settings.jobs_heartbeat_seconds / 4
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(self._repeat(self._beat, pause)),
                group.create_task(self._repeat(self._rescue, pause)),
                group.create_task(self._repeat(self._schedule, 0)),
                group.create_task(self._repeat(self._prune, SECONDS_BETWEEN_PRUNES)),
                group.create_task(self._repeat(self._measure, SECONDS_BETWEEN_MEASURES)),
            ]
            while not self.stopping.is_set():
                await self._survive(self._pick)
            await self._drain()
            for loop in loops:
                loop.cancel()

    async def _repeat(self, step: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            await self._survive(step)
            await asyncio.sleep(pause)

    async def _survive(self, step: Callable[[], Awaitable[None]]) -> None:
        """A database that is away ends no worker."""
        try:
            await step()
        except (SQLAlchemyError, TimeoutError) as error:
            reason = repr(error.__cause__ or error)
            logger.warning("The worker cannot use its database.", reason=reason)
            await asyncio.sleep(self.settings.jobs_poll_seconds)

    async def _pick(self) -> None:
        free = 0 if self.suspects else self.concurrency - len(self.running)
        self.woken.clear()
        picked = await self.queue.pick(definitions(), free) if free else []
        if self.stopping.is_set() and picked:
            await self.queue.give_back(job.id for job in picked)
            return
        self.suspects |= {job.id for job in picked if "crashes" in (job.headers or {})}
        for job in picked:
            task = asyncio.create_task(self._perform(job))
            self.running[job.id] = task
            task.add_done_callback(partial(self._forget, job.id))
        with suppress(TimeoutError):
            await asyncio.wait_for(self.woken.wait(), self.settings.jobs_poll_seconds)
        if len(self.running) > self.concurrency // 2:
            await asyncio.sleep(SECONDS_TO_GATHER)  # one query for several jobs

    async def _perform(self, job: Job) -> None:
        """Run a job to its end; while the database is away, wait to write how it ended."""
        if job.id not in self.suspects:
            await perform(job, self.queue, self.database)
            return
        async with self.alone:
            if others := [task for id_, task in self.running.items() if id_ not in self.suspects]:
                await asyncio.wait(others)
            await self.queue.start_suspect(job)
            await perform(job, self.queue, self.database)

    def _forget(self, job_id: int, task: asyncio.Task[None]) -> None:
        del self.running[job_id]
        self.suspects.discard(job_id)
        self.woken.set()
        if not task.cancelled() and (error := task.exception()):
            logger.warning("How a job ended could not be written.", job_id=job_id, exc_info=error)

    async def _beat(self) -> None:
        if self.running:
            await self.queue.beat(list(self.running))

    async def _rescue(self) -> None:
        settings = self.settings
        for job in await self.queue.rescue(settings.jobs_heartbeat_seconds, settings.jobs_crashes):
            logger.error("A worker died while it had a job.", **job)
            self.woken.set()

    async def _schedule(self) -> None:
        due = {each.name: each for each in definitions().values() if each.limits.cron}
        await asyncio.sleep(await enqueue_due(self.database, due.values()))

    async def _measure(self) -> None:
        if has_telemetry():  # to count a million jobs takes Postgres half a second
            await record_queue(self.queue)

    async def _prune(self) -> None:
        await self.queue.prune(self.settings.jobs_log_days)

    async def _drain(self) -> None:
        """Wait for running jobs; then cancel the others, whose work is rolled back."""
        if self.running:
            logger.info("The worker waits for its jobs.", jobs=sorted(self.running))
            ended = asyncio.create_task(asyncio.wait(self.running.values()))
            ended.add_done_callback(lambda _: self.hurrying.set())
            with suppress(TimeoutError):
                await asyncio.wait_for(self.hurrying.wait(), self.settings.jobs_drain_seconds)
        left = dict(self.running)
        for task in left.values():
            task.cancel()
        if left:
            await asyncio.wait(left.values(), timeout=SECONDS_TO_END)
            with suppress(SQLAlchemyError, TimeoutError):
                async with asyncio.timeout(SECONDS_TO_END):
                    await self.queue.give_back(left)
            logger.warning("Unfinished jobs were given back.", jobs=sorted(left))
