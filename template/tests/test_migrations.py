"""The migrations and the models agree, and every migration can be undone."""

from collections.abc import Callable, Iterator
from unittest.mock import Mock

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import ARRAY, Connection, Enum, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.config import Settings
from app.core.database import Base
from dev.lint_migrations import lint, new_migrations
from migrations.commands import refuse_downgrade
from tests.rows import insert_rows

Alembic = Callable[..., None]


@pytest.fixture
def scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(Config(toml_file="pyproject.toml"))


def test_the_revisions_are_one_line(scripts: ScriptDirectory) -> None:
    assert len(scripts.get_heads()) <= 1


async def test_the_models_need_no_further_migration(
    empty_database: AsyncConnection, alembic: Alembic
) -> None:
    await empty_database.run_sync(alembic, command.upgrade, "head")

    await empty_database.run_sync(alembic, command.check)


# As Postgres prints them, so that two spellings of one expression are equal.
DEFINITIONS = text("""
    SELECT 'CHECK', conrelid::regclass || '.' || conname,
        replace(pg_get_constraintdef(oid), ' NOT VALID', '')
    FROM pg_constraint WHERE contype = 'c'
    UNION ALL
    SELECT 'DEFAULT', adrelid::regclass || '.' || attname, pg_get_expr(adbin, adrelid)
    FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
    UNION ALL
    SELECT 'ENUM', enumtypid::regtype::text, string_agg(enumlabel, ', ' ORDER BY enumsortorder)
    FROM pg_enum GROUP BY enumtypid
    ORDER BY 1, 2
""")


def create_again_from_the_models(connection: Connection) -> None:
    """Replace the tables of the models and their enums. What else migrations made stays."""
    inspector, dialect = inspect(connection), connection.dialect
    tables = [t for t in Base.metadata.sorted_tables if inspector.has_table(t.name, t.schema)]
    for table in tables:
        connection.execute(
            text(f"DROP TABLE {dialect.identifier_preparer.format_table(table)} CASCADE")
        )
    for column in (column for table in tables for column in table.c):
        kind = column.type.item_type if isinstance(column.type, ARRAY) else column.type
        if isinstance(kind, Enum) and kind.native_enum:
            connection.execute(text(f"DROP TYPE IF EXISTS {kind.compile(dialect)} CASCADE"))
    Base.metadata.create_all(connection, tables)


async def test_the_checks_the_defaults_and_the_enums_are_those_of_the_models(
    empty_database: AsyncConnection, alembic: Alembic
) -> None:
    """`make migration` cannot see that a CHECK has another condition: write that one by hand."""
    await empty_database.run_sync(alembic, command.upgrade, "head")
    migrated = (await empty_database.execute(DEFINITIONS)).all()

    await empty_database.run_sync(create_again_from_the_models)

    assert migrated == (await empty_database.execute(DEFINITIONS)).all()


def schema(connection: Connection) -> dict[str, list[str]]:
    """Everything that a migration may change, in an order that does not depend on it."""
    inspector = inspect(connection)
    inspector.clear_cache()
    parts = (
        inspector.get_columns,
        inspector.get_indexes,
        inspector.get_check_constraints,
        inspector.get_foreign_keys,
        lambda table: [inspector.get_pk_constraint(table)],
    )
    return {
        table: sorted(str(found) for part in parts for found in part(table))
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


async def test_every_migration_can_be_undone_and_done_again_with_data(
    empty_database: AsyncConnection, alembic: Alembic, scripts: ScriptDirectory
) -> None:
    before = await empty_database.run_sync(schema)
    for script in reversed(list(scripts.walk_revisions())):
        await empty_database.run_sync(alembic, command.upgrade, script.revision)
        after = await empty_database.run_sync(schema)
        await empty_database.run_sync(insert_rows)

        await empty_database.run_sync(alembic, command.downgrade, "-1")
        assert await empty_database.run_sync(schema) == before

        await empty_database.run_sync(alembic, command.upgrade, script.revision)
        assert await empty_database.run_sync(schema) == after
        before = after


def constraint_names(connection: Connection) -> Iterator[tuple[str | None, str]]:
    """The name of each constraint, and the one that the convention gives it."""
    inspector = inspect(connection)
    for table in set(inspector.get_table_names()) - {"alembic_version"}:
        yield inspector.get_pk_constraint(table)["name"], f"{table}_pkey"
        for key in inspector.get_unique_constraints(table):
            yield key["name"], f"{table}_{'_'.join(key['column_names'])}_key"
        for reference in inspector.get_foreign_keys(table):
            yield reference["name"], f"{table}_{'_'.join(reference['constrained_columns'])}_fkey"


async def test_the_names_of_constraints_follow_the_convention(
    empty_database: AsyncConnection, alembic: Alembic
) -> None:
    """Errors find the field by the name; downgrades find the constraint."""
    await empty_database.run_sync(alembic, command.upgrade, "head")

    found = await empty_database.run_sync(lambda connection: list(constraint_names(connection)))
    assert [name for name, expected in found if name != expected] == []


@pytest.mark.parametrize(
    ("environment", "host", "place"),
    [
        ("local", "db.example.org", "a database on another machine"),
        ("production", "localhost", "production"),
    ],
)
def test_a_downgrade_is_refused_where_it_may_delete_data(
    environment: str, host: str, place: str
) -> None:
    context = Mock(**{"get_x_argument.return_value": {}})
    context.get_context().opts = {"fn": command.downgrade}
    values = {"environment": environment, "postgres_url": f"postgresql://{host}/app"}

    with pytest.raises(CommandError, match=f"A downgrade deletes data, and this is {place}: run"):
        refuse_downgrade(context, Settings.model_validate(values))


def test_new_migrations_take_no_lock_that_stops_the_service() -> None:
    assert [script.path for script in new_migrations() if lint(script)] == []
