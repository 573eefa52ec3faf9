"""Which constraint an error of Postgres is about."""

import re

from sqlalchemy import MetaData
from sqlalchemy.schema import CheckConstraint, ColumnCollectionConstraint, Constraint, Index


def violated(error: Exception) -> dict[str, str | None]:
    """What Postgres names: `table_name`, `column_name`, `constraint_name`; None where it does not.

    `error` is SQLAlchemy's.
    """
    cause = getattr(getattr(error, "orig", None), "__cause__", None)  # asyncpg's own error
    names = ("table_name", "column_name", "constraint_name")
    return {name: getattr(cause, name, None) for name in names}


def violated_columns(error: Exception, metadata: MetaData) -> list[str]:
    """The columns of the constraint that was violated; none if it is not in `metadata`."""
    names = violated(error)
    if names["column_name"]:
        return [names["column_name"]]
    for table in metadata.tables.values():
        constraints: list[Constraint | Index] = [*table.constraints, *table.indexes]
        for constraint in constraints:
            if constraint.name == names["constraint_name"]:
                return _columns(constraint)
    return []


def _columns(constraint: Constraint | Index) -> list[str]:
    if isinstance(constraint, CheckConstraint):  # knows no columns when it is written as text
        words = re.findall(r"\w+", str(constraint.sqltext))
        return [column.name for column in constraint.table.columns if column.name in words]
    if isinstance(constraint, ColumnCollectionConstraint | Index):
        return [column.name for column in constraint.columns]
    return []
