"""Leaves a server that takes no writes: the next connection may find the primary."""

from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError

from app.core.postgres.pooler import PooledConnection
from app.core.postgres.sqlstate import READ_ONLY, sqlstate


class RecoveryConflictError(SQLAlchemyError):
    """A standby cancelled a read in order to follow its primary."""


def leave_standbys(engine: Engine) -> None:
    """Drop all connections of an engine that writes when a read-only server refuses a write."""
    event.listen(engine, "connect", _note_standby)
    event.listen(engine, "handle_error", _leave_standby)


def _note_standby(connection: Any, entry: Any) -> None:
    # Not when it refuses: in a promotion, a transaction of the standby outlives it.
    settings = connection.driver_connection.get_settings()
    reported = ("in_hot_standby", "default_transaction_read_only")
    # asyncpg's classes say yes to `isinstance` for each other. A pooler may lead to any server.
    pooled = issubclass(type(connection.driver_connection), PooledConnection)
    told = [getattr(settings, name, "off") for name in reported]
    entry.info["read_only"] = pooled or "on" in told


def _leave_standby(context: ExceptionContext) -> None:
    if sqlstate(context.sqlalchemy_exception) == READ_ONLY and context.connection is not None:
        context.is_disconnect = context.connection.info["read_only"]
