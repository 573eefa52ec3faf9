from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from app.core.checks import code_revisions, database_revision, warn_about_connections
from app.core.config import Settings
from app.core.database import Database


async def test_a_migrated_database_is_at_the_head_of_the_code(shared_database: Database) -> None:
    assert await database_revision(shared_database.engine) == code_revisions().head


async def test_a_database_without_tables_is_at_no_revision(empty_database: AsyncConnection) -> None:
    assert await database_revision(empty_database.engine) is None


async def test_more_connections_than_postgres_accepts_are_warned_about(
    shared_database: Database, settings: Settings
) -> None:
    with capture_logs() as lines:
        await warn_about_connections(shared_database.engine, settings)
        many = settings.model_copy(
            update={
                "web_concurrency": 100,
                "postgres_pool_size": 6,
                "postgres_pool_max_overflow": 4,
            }
        )
        await warn_about_connections(shared_database.engine, many)

    [line] = lines
    assert line["log_level"] == "warning"
    assert line["event"] == "The service may open more connections than Postgres accepts."
    assert line["wanted"] == 100 * (2 * 10 + 1)
