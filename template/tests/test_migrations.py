"""The migrations and the models agree, and every migration can be undone."""

from collections.abc import Callable

from alembic import command
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncConnection


def table_names(connection: Connection) -> list[str]:
    return inspect(connection).get_table_names()


async def test_the_models_need_no_further_migration(
    empty_database: AsyncConnection, alembic: Callable[..., None]
) -> None:
    await empty_database.run_sync(alembic, command.upgrade, "head")

    await empty_database.run_sync(alembic, command.check)


async def test_every_migration_can_be_undone_and_done_again(
    empty_database: AsyncConnection, alembic: Callable[..., None]
) -> None:
    await empty_database.run_sync(alembic, command.upgrade, "head")
    tables = await empty_database.run_sync(table_names)

    await empty_database.run_sync(alembic, command.downgrade, "base")
    assert await empty_database.run_sync(table_names) in ([], ["alembic_version"])

    await empty_database.run_sync(alembic, command.upgrade, "head")
    assert await empty_database.run_sync(table_names) == tables
