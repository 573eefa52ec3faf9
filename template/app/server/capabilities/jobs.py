"""Jobs: the server only enqueues them, and measures how long they wait.

Shows the settings of workers on the page of settings.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from app.core.jobs.settings import JobSettings as Settings
from app.worker.metrics import measure
from app.worker.queue import Queue

__all__ = ["Settings", "lifespan"]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Measure the queue if metrics leave."""
    telemetry = getattr(app.state, "telemetry", None)
    if telemetry is None or not telemetry.metrics:
        yield
        return
    measuring = asyncio.create_task(measure(Queue(app.state.database.engine.begin)))
    try:
        yield
    finally:
        measuring.cancel()
        with suppress(asyncio.CancelledError):
            await measuring
