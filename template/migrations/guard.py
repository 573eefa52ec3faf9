"""Keeps migrations from hurting production: time limits, one run at a time, retries for locks."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.core.config import Settings
from app.core.logger import logger
from app.core.postgres.sqlstate import DEADLOCK, LOCK_NOT_AVAILABLE, sqlstate

ADVISORY_LOCK = 7_309_940_772_463_109_985  # any number that nobody else locks

BLOCKERS = text("""
    SELECT pid, state, query,
        date_trunc('milliseconds', clock_timestamp() - xact_start)::text AS age
    FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids(:pid))
""")
INVALID_INDEXES = text("""
    SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace
""")


def limits(settings: Settings) -> dict[str, str]:
    """Postgres's settings, in milliseconds. A migration may raise them by `SET LOCAL`."""
    return {
        "lock_timeout": f"{settings.migration_lock_timeout_seconds * 1000:.0f}",
        "statement_timeout": f"{settings.migration_statement_timeout_seconds * 1000:.0f}",
    }


async def migrate(
    engine: AsyncEngine, run: Callable[[Connection], None], settings: Settings
) -> None:
    """Call `run` while no other migration runs; retry with a back-off if it cannot acquire a lock.

    Raises the error of the last attempt.
    """
    async with engine.connect() as connection:
        await _wait_for_other_runs(connection)
        await _prepare(connection, settings)
        for attempt in range(1, settings.migration_attempts + 1):
            blockers: list[str] = []
            try:
                async with _watched(engine, connection, blockers):
                    await connection.run_sync(run)
                return
            except Exception as error:
                await connection.rollback()
                locked = sqlstate(error) in (LOCK_NOT_AVAILABLE, DEADLOCK)
                if not locked or attempt == settings.migration_attempts:
                    for note in getattr(error, "__notes__", []):
                        logger.error(note, blocked_by=blockers)
                    raise
            sentence = "The migration could not acquire its lock; retrying."
            logger.warning(sentence, attempt=attempt, blocked_by=blockers)
            await asyncio.sleep(random.uniform(0.5, 1) * min(2**attempt, 30) / 2)  # noqa: S311


async def _wait_for_other_runs(connection: AsyncConnection) -> None:
    """Acquire the lock of all migrations, which is held until the connection closes.

    Polled, because CREATE INDEX CONCURRENTLY would wait for a statement that waits for this lock.
    """
    query = text("SELECT pg_try_advisory_lock(:key)")
    waited = False
    while not await connection.scalar(query, {"key": ADVISORY_LOCK}):
        await connection.rollback()
        if not waited:
            logger.info("Waiting for another migration of this database.")
        waited = True
        await asyncio.sleep(random.uniform(0.1, 0.3))  # noqa: S311
    await connection.commit()


async def _prepare(connection: AsyncConnection, settings: Settings) -> None:
    if settings.postgres_schema != "public":
        await connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {settings.postgres_schema}"))
    for index in await connection.scalars(INVALID_INDEXES):
        sentence = "An earlier CREATE INDEX CONCURRENTLY failed half-way: drop its index."
        logger.warning(sentence, index=index, way_out=f"DROP INDEX CONCURRENTLY {index}")
    await connection.commit()


@contextlib.asynccontextmanager
async def _watched(
    engine: AsyncEngine, connection: AsyncConnection, blockers: list[str]
) -> AsyncIterator[None]:
    """Note who blocks the connection while it waits: Postgres does not know afterwards."""
    pid = await connection.scalar(text("SELECT pg_backend_pid()"))
    await connection.commit()

    async def watch() -> None:
        async with engine.connect() as watcher:
            await watcher.execution_options(isolation_level="AUTOCOMMIT")
            while True:
                rows = await watcher.execute(BLOCKERS, {"pid": pid})
                found = [f"pid {r.pid}, {r.state}, for {r.age}: {r.query}" for r in rows]
                blockers[:] = found or blockers  # the last blockers seen
                await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
