import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.core.database import Database
from app.server import revisions
from app.server.revisions import NotReadyError, code_revisions, database_revision


async def test_a_migrated_database_is_at_the_head_of_the_code(shared_database: Database) -> None:
    assert await database_revision(shared_database.engine) == code_revisions().head


async def test_a_database_without_tables_is_at_no_revision(empty_database: AsyncConnection) -> None:
    assert await database_revision(empty_database.engine) is None


async def revision_after(connection: AsyncConnection, *statements: str) -> str | None:
    for statement in statements:
        await connection.execute(text(statement))
    await connection.commit()
    engine: AsyncEngine = connection.engine
    return await database_revision(engine)


async def test_a_schema_at_several_revisions_is_not_ready(empty_database: AsyncConnection) -> None:
    with pytest.raises(NotReadyError) as error:
        await revision_after(
            empty_database,
            "CREATE TABLE alembic_version (version_num varchar(32))",
            "INSERT INTO alembic_version VALUES ('two'), ('one')",
        )

    assert str(error.value) == "The schema is at several revisions: one, two."


async def test_a_standby_is_not_ready(
    empty_database: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_of_a_standby = text("SELECT true, NULL::text[]")
    monkeypatch.setattr(revisions, "STATE_BEFORE_MIGRATIONS", answer_of_a_standby)

    with pytest.raises(NotReadyError) as error:
        await database_revision(empty_database.engine)

    assert str(error.value) == "The database is a standby, which refuses writes."


async def test_a_role_that_may_not_read_the_revision_is_told_so(
    empty_database: AsyncConnection,
) -> None:
    with pytest.raises(NotReadyError) as error:
        await revision_after(
            empty_database,
            "CREATE TABLE alembic_version (version_num varchar(32))",
            "DROP ROLE IF EXISTS a_reader",
            "CREATE ROLE a_reader",
            "DO $$ BEGIN EXECUTE format("
            "'ALTER DATABASE %I SET role = a_reader', current_database()); END $$",
        )

    assert str(error.value) == (
        "The role may not read the revision: GRANT SELECT ON alembic_version TO it."
    )
