"""How the service connects: URL, limits, pool, JSON. Features use `database.py` instead."""

import os
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import asyncpg
from pydantic import SecretStr
from pydantic_core import to_json
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from app.core.config import Settings
from app.core.postgres import pooler
from app.core.postgres.hosts import Hosts, why
from app.core.postgres.pool import FairPool
from app.core.postgres.standby import leave_standbys
from app.core.postgres.values import hide_values

IDLE_SECONDS_BEFORE_PING = 30
CLIENT_GRACE_SECONDS = 5
# Refused, reset, no such host, timed out; no such role or database; no host with the right target.
CANNOT_CONNECT = (
    *(OSError, asyncpg.PostgresError, asyncpg.InterfaceError),
    asyncpg.InternalClientError,
)


class LostConnectionError(SQLAlchemyError):
    """Postgres cannot be reached, or a connection died: asyncpg's bare `OSError`, told apart."""


@asynccontextmanager
async def open_engine(
    settings: Settings, url: SecretStr, *, read_only: bool = False, pool_size: int | None = None
) -> AsyncIterator[AsyncEngine]:
    """Yield an engine for `url`; close its connections in the end.

    The server itself enforces the limits of `settings`, and `read_only`. With a `pool_size` the
    engine opens that many connections at most, whatever `settings` say.
    """
    direct = settings.postgres_pooler == "none"
    prepared = direct or settings.postgres_pooler_prepared_statements
    arguments = connect_arguments(settings, url, read_only=read_only and direct)
    if not direct:
        arguments = pooler.through_pooler(arguments, read_only=read_only, prepared=prepared)
    engine = create_async_engine(
        # asyncpg reads the URL: SQLAlchemy's form knows no `sslmode`, no socket and no second host.
        "postgresql+asyncpg://",
        connect_args=arguments,
        # A read is a transaction by itself: one round trip, not three with BEGIN and COMMIT.
        isolation_level="AUTOCOMMIT" if read_only and prepared else "READ COMMITTED",
        pool_size=pool_size or settings.postgres_pool_size,
        poolclass=FairPool,
        pool_use_lifo=True,  # the connection used last has the warmest caches
        max_overflow=0 if pool_size else settings.postgres_pool_max_overflow,
        pool_timeout=settings.postgres_pool_timeout_seconds,
        pool_recycle=settings.postgres_pool_recycle_seconds,
        hide_parameters=True,  # tracebacks must not show rows
        json_serializer=lambda value: to_json(value).decode(),
    )
    event.listen(engine.sync_engine, "handle_error", hide_values)
    event.listen(engine.sync_engine, "handle_error", _name_lost_connection)
    event.listen(engine.sync_engine, "handle_error", pooler.rename_statements)
    if not read_only:
        leave_standbys(engine.sync_engine)
    event.listen(engine.sync_engine, "checkin", _note_checkin)
    event.listen(engine.sync_engine, "checkout", _replace_dead_connection)
    try:
        yield engine
    finally:
        await engine.dispose()


def connect_arguments(
    settings: Settings, url: SecretStr, *, read_only: bool = False
) -> dict[str, Any]:
    """Arguments of `asyncpg.connect`."""
    base, question_mark, query = url.get_secret_value().partition("?")
    parameters = dict(parse_qsl(query))
    name = parameters.pop("application_name", f"{settings.service_name}-{os.getpid()}")
    timeout = float(parameters.pop("connect_timeout", 0))  # 0: no limit in libpq, ours here
    arguments: dict[str, Any] = {
        "async_creator_fn": _connect_read_only if read_only else _connect,
        "timeout": timeout or settings.postgres_connect_timeout_seconds,
        # On a dead network the server's limit never arrives: the client gives up a little later.
        "command_timeout": settings.postgres_statement_timeout_seconds + CLIENT_GRACE_SECONDS,
        "server_settings": {
            "application_name": name,
            "statement_timeout": f"{settings.postgres_statement_timeout_seconds * 1000:.0f}",
            "lock_timeout": f"{settings.postgres_lock_timeout_seconds * 1000:.0f}",
            "idle_in_transaction_session_timeout": (
                f"{settings.postgres_idle_in_transaction_timeout_seconds * 1000:.0f}"
            ),
            "search_path": settings.postgres_schema,
        },
    }
    if parameters.get("sslrootcert") == "system":
        arguments["ssl"] = ssl.create_default_context()
        del parameters["sslrootcert"]
    query = urlencode(parameters, quote_via=quote)
    return arguments | {"dsn": base + question_mark + query}


async def _connect(*, hosts: Hosts | None = None, **arguments: Any) -> asyncpg.Connection:
    try:
        connection = await (hosts or Hosts()).connect(**arguments)
        await pooler.check(connection, seconds=arguments["timeout"])
    except CANNOT_CONNECT as error:
        pooler.name_refused(error)
        raise LostConnectionError(why(error)) from error
    return connection


async def _connect_read_only(**arguments: Any) -> asyncpg.Connection:
    # After connecting: at startup, `target_session_attrs` would take it for a server's own setting.
    connection = await _connect(**arguments)
    await connection.execute("SET default_transaction_read_only = on")
    return connection


def _name_lost_connection(context: ExceptionContext) -> None:
    if isinstance(context.original_exception, OSError):  # SQLAlchemy passes a driver's own on
        raise LostConnectionError("Postgres did not answer.") from context.original_exception


def _note_checkin(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.info["checked_in_at"] = time.monotonic()


def _replace_dead_connection(
    connection: DBAPIConnection, entry: ConnectionPoolEntry, _: PoolProxiedConnection
) -> None:
    """Make the pool replace a connection that the server closed. Pings only idle connections."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError("The server closed this connection.")
    idle_seconds = time.monotonic() - entry.info.get("checked_in_at", time.monotonic())
    if idle_seconds > IDLE_SECONDS_BEFORE_PING:
        try:
            connection.ping()
        except Exception as error:
            raise DisconnectionError("This connection died while it was idle.") from error
