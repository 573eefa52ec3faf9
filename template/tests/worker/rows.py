"""What the queue holds, for tests."""

import asyncio
from typing import Any

from sqlalchemy import text

from app.core.database import Database

JOBS = text("""
    SELECT entrypoint, status::text, attempts, coalesce(headers->>'crashes', '0') AS crashes
    FROM jobs.pgqueuer ORDER BY id
""")
HISTORY = text("SELECT status::text FROM jobs.pgqueuer_log WHERE job_id = :id ORDER BY id")


async def jobs(database: Database) -> list[tuple[Any, ...]]:
    """Each job: its name, status, attempts and crashes."""
    async with database.read() as session:
        return [tuple(row) for row in await session.execute(JOBS)]


async def history(database: Database, job_id: int | None) -> list[str]:
    async with database.read() as session:
        return list(await session.scalars(HISTORY, {"id": job_id}))


async def until(database: Database, expected: list[tuple[Any, ...]]) -> None:
    """Wait until the queue is like that."""
    async with asyncio.timeout(10):
        while await jobs(database) != expected:  # noqa: ASYNC110  # other processes change it too
            await asyncio.sleep(0.01)
