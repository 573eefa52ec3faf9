"""Rows for tables that a test knows nothing about."""

import contextlib
import datetime
import decimal
import uuid
from typing import Any

from sqlalchemy import Column, Connection, Enum, MetaData, insert, select, text
from sqlalchemy.exc import DBAPIError

EXAMPLES: dict[type, Any] = {
    bool: True,
    bytes: b"x",
    datetime.date: datetime.date(2026, 1, 1),
    datetime.datetime: datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    datetime.time: datetime.time(12),
    datetime.timedelta: datetime.timedelta(hours=1),
    decimal.Decimal: decimal.Decimal(1),
    dict: {},
    float: 1.0,
    int: 1,
    list: [],
    object: {},  # JSON, of any type
    str: "x",
    uuid.UUID: uuid.UUID(int=1),
}

# A migration that added a value cannot be undone while a row has it.
OLDEST_VALUE = text("""
    SELECT enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid
    WHERE typname = :type ORDER BY pg_enum.oid
""")


def insert_rows(connection: Connection) -> None:
    """Insert a row into every table, parents first; not where a rule refuses a made-up one."""
    metadata = MetaData()
    metadata.reflect(connection)
    for table in metadata.sorted_tables:
        if table.name != "alembic_version":
            row = {column.name: _value(connection, column) for column in table.c if _asks(column)}
            with contextlib.suppress(DBAPIError), connection.begin_nested():
                connection.execute(insert(table).values(row))
    connection.commit()


def _asks(column: Column[Any]) -> bool:
    return not (column.nullable or column.server_default or column.identity)


def _value(connection: Connection, column: Column[Any]) -> object:
    for key in column.foreign_keys:
        return connection.scalar(select(key.column).limit(1))
    if isinstance(column.type, Enum):
        return connection.scalar(OLDEST_VALUE, {"type": column.type.name})
    return EXAMPLES[column.type.python_type]
