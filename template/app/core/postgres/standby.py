"""Leaves a server that became a standby: the next connection may find the primary."""

from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import ExceptionContext

from app.core.sqlstate import READ_ONLY, sqlstate


def leave_standbys(engine: Engine) -> None:
    """Drop all connections of an engine that writes when a standby refuses a write."""
    event.listen(engine, "connect", _note_standby)
    event.listen(engine, "handle_error", _leave_standby)


def _note_standby(connection: Any, entry: Any) -> None:
    # Not when it refuses: in a promotion, a transaction of the standby outlives it.
    settings = connection.driver_connection.get_settings()
    entry.info["standby"] = getattr(settings, "in_hot_standby", "off") == "on"


def _leave_standby(context: ExceptionContext) -> None:
    if sqlstate(context.sqlalchemy_exception) == READ_ONLY and context.connection is not None:
        context.is_disconnect = context.connection.info["standby"]
