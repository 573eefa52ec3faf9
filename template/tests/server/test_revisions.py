from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import Database
from app.server.revisions import code_revisions, database_revision


async def test_a_migrated_database_is_at_the_head_of_the_code(shared_database: Database) -> None:
    assert await database_revision(shared_database.engine) == code_revisions().head


async def test_a_database_without_tables_is_at_no_revision(empty_database: AsyncConnection) -> None:
    assert await database_revision(empty_database.engine) is None
