import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from app.core.database import Database
from app.core.jobs import enqueue
from app.worker import metrics
from app.worker.worker import Worker
from tests.worker.conftest import StartWorker
from tests.worker.rows import until


class Recorder:
    """In place of a gauge or a counter."""

    def __init__(self) -> None:
        self.recorded: list[tuple[float, dict[str, str]]] = []

    def record(self, value: float, attributes: dict[str, str]) -> None:
        self.recorded.append((value, attributes))

    add = set = record


async def test_how_many_jobs_wait_and_are_held_and_how_runs_end_is_recorded(
    jobs_database: Database,
    lamps: Any,
    start_worker: StartWorker,
    new_worker: Callable[..., Worker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs, oldest, runs = Recorder(), Recorder(), Recorder()
    monkeypatch.setattr(metrics, "RUNS", runs)
    async with start_worker():
        async with jobs_database.session() as session:
            await enqueue(session, lamps.break_one, name="a")
        await until(jobs_database, [("lamps.break_one", "failed", 2, "0")])

    monkeypatch.setattr(metrics, "JOBS", jobs)  # the worker, which counts as well, has ended
    monkeypatch.setattr(metrics, "OLDEST", oldest)
    await metrics.record_queue(new_worker().queue)

    job = {"job.name": "lamps.break_one"}
    assert runs.recorded == [(1, job | {"status": "retry"}), (1, job | {"status": "held"})]
    assert jobs.recorded == [
        (0, job | {"status": "queued"}),
        (0, job | {"status": "picked"}),
        (1, job | {"status": "failed"}),
    ]
    assert oldest.recorded == [(0, job)]


async def test_a_type_of_which_no_job_is_left_is_told_to_be_none(
    jobs_database: Database,
    lamps: Any,
    new_worker: Callable[..., Worker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    oldest = Recorder()
    monkeypatch.setattr(metrics, "OLDEST", oldest)
    queue = new_worker().queue
    async with jobs_database.session() as session:
        await enqueue(session, lamps.break_one, name="a")
    await metrics.record_queue(queue)
    async with jobs_database.session() as session:
        await session.execute(text("DELETE FROM jobs.pgqueuer"))

    await metrics.record_queue(queue)

    (waits, job), none = oldest.recorded
    assert waits > 0
    assert none == (0, job)


async def test_a_queue_that_cannot_be_counted_is_told_once(
    new_worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = asyncio.Queue[None]()

    async def refuse(_: Any) -> None:
        counted.put_nowait(None)
        raise OperationalError("SELECT", {}, Exception()) from PermissionError("no rights on jobs")

    monkeypatch.setattr(metrics, "record_queue", refuse)
    monkeypatch.setattr(metrics, "SECONDS_BETWEEN_MEASURES", 0)

    with capture_logs() as lines:
        measuring = asyncio.create_task(metrics.measure(new_worker().queue))
        for _ in range(3):
            await counted.get()
        measuring.cancel()

    assert lines == [
        {
            "event": "The jobs cannot be counted.",
            "log_level": "warning",
            "reason": "PermissionError('no rights on jobs')",
        }
    ]
