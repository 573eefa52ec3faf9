"""A worker in the test's own process, on a database of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from app.core.database import Database
from app.core.jobs.settings import JobSettings
from app.worker.queue import Queue
from app.worker.worker import Worker

StartWorker = Callable[..., AbstractAsyncContextManager[Worker]]


@pytest.fixture
def jobs_database(committing_app: FastAPI, committed_things: None, lamps: Any) -> Database:
    """With the table `thing`, for jobs of `lamps`."""
    found: Database = committing_app.state.database
    return found


@pytest.fixture
def new_worker(jobs_database: Database) -> Callable[..., Worker]:
    def new_worker(**settings: Any) -> Worker:
        quick = {"jobs_poll_seconds": 0.02, "jobs_retry_seconds": 0.01} | settings
        job_settings = JobSettings.model_validate(quick)
        queue = Queue(jobs_database.engine.begin, retry_seconds=job_settings.jobs_retry_seconds)
        return Worker(jobs_database, queue, job_settings, job_settings.jobs_concurrency)

    return new_worker


@pytest.fixture
def start_worker(new_worker: Callable[..., Worker]) -> StartWorker:
    """`async with start_worker() as worker: ...` runs a worker, and stops it in the end."""

    @asynccontextmanager
    async def start_worker(**settings: Any) -> AsyncIterator[Worker]:
        worker = new_worker(**settings)
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            async with asyncio.timeout(20):
                await running

    return start_worker
