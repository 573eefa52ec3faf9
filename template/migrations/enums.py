"""Writes a change of an enum as plain SQL: in the model's order, and without a rewrite if possible.

alembic-postgresql-enum finds the change. The calls that it writes are not used, because those of
1.11 add a value on the wrong side of its neighbour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import indent
from typing import Any, cast

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations.ops import MigrateOperation, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from alembic_postgresql_enum import ColumnType
from alembic_postgresql_enum.operations.add_enum_values import AddEnumValuesOp
from alembic_postgresql_enum.operations.sync_enum_values import SyncEnumValuesOp
from sqlalchemy import Connection, text

PLUGIN = "migrations.enums"

# The constraints, and indexes with a WHERE, that compare with a value of the type.
DEPENDENTS = text("""
    SELECT format('DROP INDEX %s', indexrelid::regclass) AS drop,
        replace(pg_get_indexdef(indexrelid), format(' ON %I.', current_schema()), ' ON ') AS create
    FROM pg_index JOIN pg_depend ON classid = 'pg_class'::regclass AND objid = indexrelid
    WHERE refclassid = 'pg_type'::regclass AND refobjid = to_regtype(:type)
    UNION
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
        format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
            pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN pg_depend ON classid = 'pg_constraint'::regclass AND objid = c.oid
    WHERE refclassid = 'pg_type'::regclass AND refobjid = to_regtype(:type)
    ORDER BY 1
""")
PRICE = """\
# Postgres can neither remove nor move a value of an enum: a new type replaces the old one. Each
# table that uses it is rewritten, and locked meanwhile. This fails if a row has a removed value."""
# The rules of the lint that such a migration breaks, and by which words.
RULES = {
    "renaming-object": "RENAME TO",
    "changing-column-type": " USING ",
    "ban-drop-type": "DROP TYPE",
    "ban-drop-default": "DROP DEFAULT",
    "ban-drop-constraint": "DROP CONSTRAINT",
    "constraint-missing-not-valid": "ADD CONSTRAINT",
    "require-concurrent-index-deletion": "DROP INDEX",
    "require-concurrent-index-creation": "INDEX ",
}


@dataclass
class ChangeEnum(MigrateOperation):
    """Lines of Python that change an enum, and those that change it back."""

    lines: list[str]
    lines_back: list[str]
    diff: tuple[Any, ...]

    def reverse(self) -> "ChangeEnum":
        return ChangeEnum(self.lines_back, self.lines, self.diff)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return self.diff


@renderers.dispatch_for(ChangeEnum)
def _render(_: AutogenContext, change: ChangeEnum) -> list[str]:
    return change.lines


def _write_sql(context: AutogenContext, upgrade: UpgradeOps, _: object) -> PriorityDispatchResult:
    connection = cast("Connection", context.connection)  # offline, nothing is compared
    for index, found in enumerate(upgrade.ops):
        if isinstance(found, AddEnumValuesOp | SyncEnumValuesOp):
            upgrade.ops[index] = _change(connection, found)
    return PriorityDispatchResult.CONTINUE


Plugin(PLUGIN).add_autogenerate_comparator(_write_sql, "schema", priority=DispatchPriority.LAST)


def _change(connection: Connection, found: Any) -> ChangeEnum:
    old, new = found.old_values, found.new_values
    back = [PRICE, *map(_execute, _replace(connection, found, old))]
    if [value for value in new if value in old] == old:
        name = _name(connection, found.schema, found.name)
        lines = list(map(_execute, _add(name, old, new)))
    else:
        statements = list(_replace(connection, found, new))
        broken = [rule for rule, words in RULES.items() if any(words in sql for sql in statements)]
        waivers = [f"# squawk-ignore {rule}: the type is replaced" for rule in broken]
        lines = [PRICE, *waivers, *map(_execute, statements)]
    return ChangeEnum(lines, back, found.to_diff_tuple())


def _add(name: str, old: list[str], new: list[str]) -> Iterator[str]:
    """Add each new value at its place in the model."""
    for index, value in enumerate(new):
        if value not in old:
            place = f"AFTER {_literal(new[index - 1])}" if index else f"BEFORE {_literal(old[0])}"
            yield f"ALTER TYPE {name} ADD VALUE {_literal(value)} {place}"


def _replace(connection: Connection, found: Any, values: list[str]) -> Iterator[str]:
    """Make a type of these values, change the columns to it, and drop the old type."""
    name = _name(connection, found.schema, found.name)
    labels = ",\n    ".join(map(_literal, values))
    dependents = connection.execute(DEPENDENTS, {"type": name}).all()

    yield from (dependent.drop for dependent in dependents)
    yield f"ALTER TYPE {name} RENAME TO {_name(connection, None, f'{found.name}_old')}"
    yield f"CREATE TYPE {name} AS ENUM (\n    {labels}\n)"
    for column in found.affected_columns:
        table = _name(connection, column.table_schema, column.table_name)
        actions = ",\n    ".join(_change_column(connection, column, name))
        yield f"ALTER TABLE {table}\n    {actions}"
    yield from (dependent.create for dependent in dependents)
    yield f"DROP TYPE {_name(connection, found.schema, f'{found.name}_old')}"


def _change_column(connection: Connection, column: Any, new_type: str) -> list[str]:
    name = _name(connection, None, column.column_name)
    array = "[]" if column.column_type is ColumnType.ARRAY else ""
    using, default = f"{name}::text{array}::{new_type}{array}", column.existing_server_default
    actions = [f"TYPE {new_type}{array} USING {using}"]
    if default is not None:
        actions = ["DROP DEFAULT", *actions, f"SET DEFAULT {default}"]
    return [f"ALTER COLUMN {name} {action}" for action in actions]


def _name(connection: Connection, schema: str | None, name: str) -> str:
    """Quoted if it must be. Without the default schema, whose name is a setting."""
    quote = connection.dialect.identifier_preparer.quote
    default = (None, connection.dialect.default_schema_name)
    return quote(name) if schema in default else f"{quote(schema)}.{quote(name)}"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _execute(sql: str) -> str:
    if "\n" not in sql:
        return f"op.execute({sql!r})"
    lines = indent(sql.replace("\\", r"\\"), "    ")
    return f'op.execute("""\n{lines}\n""")'
