"""Postgres's error codes, five letters each. They decide what an error means.

Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

UNIQUE, EXCLUSION = "23505", "23P01"
FOREIGN_KEY, CHECK, NOT_NULL = "23503", "23514", "23502"
UNDEFINED_TABLE = "42P01"
INVALID_VALUE = (
    "22",  # data exceptions: a number out of range, malformed text, a NUL character
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


def sqlstate(error: BaseException) -> str:
    """The code of an SQLAlchemy error, "" if it has none."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""
