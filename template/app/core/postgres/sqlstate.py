"""Postgres's error codes, five letters each. They decide what an error means.

Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi

UNIQUE, EXCLUSION = "23505", "23P01"
FOREIGN_KEY, CHECK, NOT_NULL = "23503", "23514", "23502"
UNDEFINED_TABLE, FORBIDDEN = "42P01", "42501"
READ_ONLY = "25006"  # a read-only transaction: on a standby, every one
INVALID_VALUE = (
    "22000",  # asyncpg's own, before anything is sent
    "22001",  # a text that is too long
    "22003",  # a number out of range
    "22007",  # a date that does not exist
    "22008",
    "22021",  # a NUL character
    "22P",  # text that is not of its type
    "54",  # program limits: nested too deeply, too large for an index
)
LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"
# Serialization failure, deadlock: a retry of the same transaction may succeed.
RETRYABLE = ("40001", DEADLOCK)
UNAVAILABLE = (
    "08",  # connection exceptions
    "53",  # insufficient resources
    "57P0",  # shutdown, crash, database dropped, idle session timeout
    "57014",  # statement_timeout
    LOCK_NOT_AVAILABLE,  # lock_timeout
    "25P03",  # idle_in_transaction_session_timeout
)


def sqlstate(error: BaseException | None) -> str:
    """The code of an SQLAlchemy error, "" if it has none."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def is_stale_statement(error: BaseException | None) -> bool:
    """Whether a migration changed the table of a statement that the connection had prepared."""
    stale = AsyncAdapt_asyncpg_dbapi.InvalidCachedStatementError
    return isinstance(getattr(error, "orig", None), stale)
