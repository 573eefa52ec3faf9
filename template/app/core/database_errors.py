"""Translates database errors into ours. Postgres's own text goes to the log only."""

from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError

from app.core.database import Base
from app.core.engine import LostConnectionError
from app.core.errors import AppError, ConflictError, InvalidError, InvalidValue, UnavailableError
from app.core.logger import logger
from app.core.postgres.constraints import violated, violated_columns
from app.core.postgres.revisions import NotReadyError
from app.core.postgres.sqlstate import (
    CHECK,
    EXCLUSION,
    FOREIGN_KEY,
    INVALID_VALUE,
    NOT_NULL,
    RETRYABLE,
    UNAVAILABLE,
    UNIQUE,
    is_stale_statement,
    sqlstate,
)
from app.core.postgres.standby import RecoveryConflictError

Given = Mapping[str, str]
"""Where each value of a request is, by its name: `{"name": "/body/name"}`."""


def explain(error: Exception, method: str, given: Given) -> AppError | None:
    """The error to answer to a request of `method`; None if the fault is in our code.

    A value that Postgres refuses is the client's fault only if the client gave it.
    """
    code = sqlstate(error)
    if code in RETRYABLE:
        return UnavailableError("Another request was faster. Try again.")
    if isinstance(error, RecoveryConflictError):
        return UnavailableError(f"{error} Try again.")
    if code.startswith(UNAVAILABLE) or _is_lost_connection(error):
        return UnavailableError("The database is not available. Try again.")
    if isinstance(error, StaleDataError):
        return ConflictError("Another request changed or deleted this.")
    refused = _refused(error, code, method, given)
    if refused is not None:
        log = logger.info if refused.status_code == ConflictError.status_code else logger.warning
        log("Postgres refused a value.", sqlstate=code, **violated(error))
    return refused


def _refused(error: Exception, code: str, method: str, given: Given) -> AppError | None:
    fields = [field for field in violated_columns(error, Base.metadata) if field in given]
    if code in (UNIQUE, EXCLUSION):
        errors = _values(fields, "is already taken", given)
        return ConflictError("This is already taken.", errors=errors)
    if code == FOREIGN_KEY and method == "DELETE":
        return ConflictError("Other data still refers to this.")
    constrained = code in (FOREIGN_KEY, CHECK, NOT_NULL) and fields
    # Postgres does not say which value of the statement a data exception is about.
    if constrained or (code.startswith(INVALID_VALUE) and given):
        errors = _values(fields, "is not acceptable", given)
        return InvalidError("This is not acceptable.", errors=errors)
    return None


def _is_lost_connection(error: Exception) -> bool:
    return (
        isinstance(error, PoolTimeoutError | InterfaceError | LostConnectionError | NotReadyError)
        or (isinstance(error, DBAPIError) and error.connection_invalidated)
        # After an ALTER, until each connection has prepared its statements again.
        or is_stale_statement(error)
    )


def _values(fields: list[str], why: str, given: Given) -> list[InvalidValue]:
    return [InvalidValue(pointer=given[field], detail=f"{field} {why}") for field in fields]
