"""Translates database errors into ours. Postgres's own text goes to the log only."""

from typing import Any

from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.schema import ColumnCollectionConstraint, Index

from app.core.database import Base
from app.core.engine import LostConnectionError
from app.core.errors import (
    AppError,
    ConflictError,
    InvalidError,
    InvalidValue,
    UnavailableError,
)
from app.core.sqlstate import (
    CHECK,
    EXCLUSION,
    FOREIGN_KEY,
    INVALID_VALUE,
    NOT_NULL,
    RETRYABLE,
    UNAVAILABLE,
    UNIQUE,
    sqlstate,
)

COLUMNS = (ColumnCollectionConstraint, Index)


def explain(error: Exception, method: str) -> AppError | None:
    """The error to answer to a request of `method`; None if the fault is in our code."""
    code = sqlstate(error)
    if code in (UNIQUE, EXCLUSION):
        return ConflictError("This is already taken.", errors=_values(error, "is already taken"))
    if code == FOREIGN_KEY and method == "DELETE":
        return ConflictError("Other data still refers to this.")
    if code in (FOREIGN_KEY, CHECK, NOT_NULL) or code.startswith(INVALID_VALUE):
        return InvalidError("This is not acceptable.", errors=_values(error, "is not acceptable"))
    if code in RETRYABLE:
        return UnavailableError("Another request was faster. Try again.")
    if code.startswith(UNAVAILABLE) or _is_lost_connection(error):
        return UnavailableError("The database is not available. Try again.")
    return None


def _is_lost_connection(error: Exception) -> bool:
    return isinstance(error, PoolTimeoutError | InterfaceError | LostConnectionError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def _values(error: Exception, why: str) -> list[InvalidValue]:
    """The fields of the constraint that was violated; none if it is not of our models."""
    cause: Any = getattr(error, "driver_exception", None)
    column = getattr(cause, "column_name", None)
    fields = [column] if column else _fields(getattr(cause, "constraint_name", None))
    return [InvalidValue(pointer=f"/body/{field}", detail=f"{field} {why}") for field in fields]


def _fields(constraint_name: str | None) -> list[str]:
    for table in Base.metadata.tables.values():
        for constraint in (*table.constraints, *table.indexes):
            if isinstance(constraint, COLUMNS) and constraint.name == constraint_name:
                return [column.name for column in constraint.columns]
    return []
