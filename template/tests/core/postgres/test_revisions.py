import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.core.config import Settings
from app.core.database import Database
from app.core.engine import open_engine
from app.core.postgres import revisions
from app.core.postgres.revisions import NotReadyError, code_revisions, database_revision


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


async def test_a_standby_is_not_ready_and_its_connection_is_dropped(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_engine(settings, settings.postgres_url, pool_size=1) as engine:
        with monkeypatch.context() as standby:
            standby.setattr(revisions, "STATE", text("SELECT true, NULL::text[]"))
            before = await process_of(engine)
            with pytest.raises(NotReadyError) as error:
                await database_revision(engine)
        after = await process_of(engine)

    assert str(error.value) == "The database is a standby, which refuses writes."
    assert after != before


async def process_of(engine: AsyncEngine) -> int | None:
    async with engine.connect() as connection:
        process: int | None = await connection.scalar(text("SELECT pg_backend_pid()"))
        return process


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
