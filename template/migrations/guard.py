"""Keeps migrations from hurting production: limits, one run at a time, patience with locks."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.core.config import Settings
from app.core.logger import logger
from app.core.sqlstate import DEADLOCK, LOCK_NOT_AVAILABLE, sqlstate

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
    """In Postgres's names and units. A migration raises its own: `SET LOCAL lock_timeout = ...`."""
    return {
        "lock_timeout": f"{settings.migration_lock_timeout_seconds * 1000:.0f}",
        "statement_timeout": f"{settings.migration_statement_timeout_seconds * 1000:.0f}",
    }


async def migrate(
    engine: AsyncEngine, run: Callable[[Connection], None], settings: Settings
) -> None:
    """Call `run`, alone, and again (with a back-off of seconds) where it was not given a lock.

    Raises the error of the last attempt.
    """
    async with engine.connect() as connection:
        await _wait_for_other_runs(connection)
        await _prepare(connection, settings)
        for attempt in range(1, settings.migration_attempts + 1):
            blockers: dict[int, str] = {}
            try:
                async with _watched(engine, connection, blockers):
                    await connection.run_sync(run)
                return
            except DBAPIError as error:
                await connection.rollback()
                locked = sqlstate(error) in (LOCK_NOT_AVAILABLE, DEADLOCK)
                if not locked or attempt == settings.migration_attempts:
                    raise
            sentence = "The migration was not given a lock."
            logger.warning(sentence, attempt=attempt, blocked_by=list(blockers.values()))
            await asyncio.sleep(random.uniform(0.5, 1) * min(2**attempt, 30) / 2)  # noqa: S311


async def _wait_for_other_runs(connection: AsyncConnection) -> None:
    """Take the lock that is held until the connection closes.

    Polled: CREATE INDEX CONCURRENTLY waits for every older statement, a waiting one included.
    """
    query = text("SELECT pg_try_advisory_lock(:key)")
    waited = False
    while not await connection.scalar(query, {"key": ADVISORY_LOCK}):
        await connection.rollback()
        if not waited:
            logger.info("Another run migrates this database: waiting for it.")
        waited = True
        await asyncio.sleep(random.uniform(0.1, 0.3))  # noqa: S311
    await connection.commit()


async def _prepare(connection: AsyncConnection, settings: Settings) -> None:
    if settings.postgres_schema != "public":
        await connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {settings.postgres_schema}"))
    for index in await connection.scalars(INVALID_INDEXES):
        sentence = "An earlier CREATE INDEX CONCURRENTLY has failed half-way: drop its index."
        logger.warning(sentence, index=index, way_out=f"DROP INDEX CONCURRENTLY {index}")
    await connection.commit()


@contextlib.asynccontextmanager
async def _watched(
    engine: AsyncEngine, connection: AsyncConnection, blockers: dict[int, str]
) -> AsyncIterator[None]:
    """Note who blocks the connection, while it waits: Postgres doesn't tell afterwards."""
    pid = await connection.scalar(text("SELECT pg_backend_pid()"))
    await connection.commit()

    async def watch() -> None:
        async with engine.connect() as watcher:
            await watcher.execution_options(isolation_level="AUTOCOMMIT")
            while True:
                for row in await watcher.execute(BLOCKERS, {"pid": pid}):
                    blockers[row.pid] = f"pid {row.pid}, {row.state}, for {row.age}: {row.query}"
                await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def forget_limits_of_one_migration(*, ctx: MigrationContext, **_: Any) -> None:
    """What a migration has SET, the next one does not inherit."""
    if ctx.connection is not None and not ctx.as_sql:
        ctx.connection.exec_driver_sql("RESET ALL")


def write_no_empty_revision(
    context: MigrationContext, _: object, directives: list[MigrationScript]
) -> None:
    """Leave no file behind where the models ask for nothing."""
    asked = getattr(context.config and context.config.cmd_opts, "autogenerate", False)
    operations = directives[0].upgrade_ops
    if asked and operations is not None and operations.is_empty():
        directives.clear()
        logger.info("The models ask for no migration: nothing is written.")


def refuse_downgrade(context: Any, settings: Settings) -> None:
    """A downgrade deletes data: only for developers and tests, or on demand."""
    downgrades = context.get_context().opts["fn"].__name__ == "downgrade"
    allowed = context.get_x_argument(as_dictionary=True).get("allow-destructive") == "1"
    if downgrades and not allowed and settings.environment not in ("local", "test"):
        raise CommandError(
            f"A downgrade deletes data, and this is {settings.environment}:"
            " say alembic -x allow-destructive=1 downgrade ... if you mean it."
        )
