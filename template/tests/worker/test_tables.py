"""The tables of the queue, and the migrations that make and drop them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from pgqueuer.domain.schema.model import Plan
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from dev import jobs_migration

Alembic = Callable[..., None]
VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"


async def run(connection: AsyncConnection, statements: list[str]) -> None:
    for statement in statements:
        await connection.execute(text(statement))


async def test_the_queue_is_as_pgqueuer_wants_it(connection: AsyncConnection) -> None:
    assert await jobs_migration.upgrade(connection) == Plan(), "Write one: make jobs-migration"


async def test_what_a_newer_pgqueuer_needs_is_written(connection: AsyncConnection) -> None:
    """As if this version had brought the column, and its index."""
    await run(connection, ["ALTER TABLE jobs.pgqueuer DROP COLUMN slot"])

    needed = await jobs_migration.upgrade(connection) or Plan()
    written = list(jobs_migration.beside_workers(needed.statements))

    assert [re.sub(r"\s+", " ", each)[:70] for each in written] == [
        "ALTER TABLE jobs.pgqueuer ADD COLUMN IF NOT EXISTS slot bigint",
        "DROP INDEX CONCURRENTLY IF EXISTS jobs.pgqueuer_picked_slot_idx",
        "CREATE UNIQUE INDEX CONCURRENTLY pgqueuer_picked_slot_idx ON jobs.pgqu",
    ]
    await run(connection, [each.replace("CONCURRENTLY", "") for each in written])
    assert await jobs_migration.upgrade(connection) == Plan()


async def test_a_database_without_a_queue_is_told_apart(empty_database: AsyncConnection) -> None:
    assert await jobs_migration.upgrade(empty_database) is None


async def test_the_migration_that_drops_the_queue_refuses_while_a_job_is_left(
    connection: AsyncConnection,
) -> None:
    add = "INSERT INTO jobs.pgqueuer (priority, status, entrypoint) VALUES (0, 'failed', 'a.b')"
    await run(connection, [add])

    with pytest.raises(DBAPIError, match="Jobs wait, run or are held: run or discard them first"):
        async with connection.begin_nested():
            await run(connection, [jobs_migration.REFUSE])

    await run(connection, ["DELETE FROM jobs.pgqueuer", jobs_migration.REFUSE])


async def test_the_queue_is_created_dropped_and_created_again(
    empty_database: AsyncConnection, alembic: Alembic
) -> None:
    await run(empty_database, jobs_migration.create())
    await run(empty_database, ["DROP SCHEMA jobs CASCADE"])
    await empty_database.rollback()

    await empty_database.run_sync(alembic, command.upgrade, "head")
    assert await jobs_migration.upgrade(empty_database) == Plan()


def test_migrations_know_nothing_of_pgqueuers_code() -> None:
    """They run after the package is gone, too."""
    importing = [
        path.name for path in VERSIONS.glob("*.py") if "import pgqueuer" in path.read_text()
    ]

    assert importing == []
