"""Which error of ours an error of the database is. Its text stays in the log."""

from typing import Any

from fastapi import FastAPI, Request, Response
from sqlalchemy.exc import DBAPIError, InterfaceError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.schema import ColumnCollectionConstraint, Index

from app.core.database import Base
from app.core.errors import (
    AppError,
    ConflictError,
    InvalidError,
    InvalidValue,
    UnavailableError,
    answer_app_error,
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
    """The error that a client of `method` is told, None where the fault is in our code."""
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
    if isinstance(error, OSError):  # asyncpg's, bare: refused, reset, no such host, timed out
        return error.filename is None  # one with a file name is about a file
    return isinstance(error, PoolTimeoutError | InterfaceError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def _values(error: Exception, why: str) -> list[InvalidValue]:
    """The fields that a constraint of ours names; none for a constraint we don't know."""
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


async def answer_database_error(request: Request, error: Exception) -> Response:
    """Answer what the client can act on; the rest is an unhandled exception."""
    explained = explain(error, request.method)
    if explained is None:
        raise error
    explained.__cause__ = error
    return await answer_app_error(request, explained)


def add_database_error_handlers(app: FastAPI) -> None:
    app.exception_handler(SQLAlchemyError)(answer_database_error)
    app.exception_handler(OSError)(answer_database_error)
