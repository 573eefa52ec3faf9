"""Connects through a pooler that lends each transaction another connection: docs/pooler.md."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy.engine.interfaces import ExceptionContext

from app.core.postgres.revisions import NotReadyError
from app.core.postgres.sqlstate import is_stale_statement

REFUSED = re.compile(r"unsupported startup parameter.*?: (\w+)")
WAY_OUT = "docs/pooler.md has the way out."
# Limits may be stricter than wanted. And the server knows this very statement by the name that we
# gave only if the pooler passes names on: then it mixes up the statements of its clients.
LOST = """
    SELECT concat_ws(' ', name, setting), false FROM pg_settings
    JOIN unnest($1::text[], $2::text[]) AS wanted (name, value) USING (name)
    WHERE CASE vartype WHEN 'integer' THEN setting::int NOT BETWEEN 1 AND value::int
        ELSE replace(setting, '"', '') <> value END
    UNION ALL SELECT 'prepared statements of all clients', true FROM pg_prepared_statements
    WHERE name = $3 AND pg_backend_pid() <> $4
"""


class PooledConnection(asyncpg.Connection):
    """Sends the settings of a transaction with its BEGIN: one message, one round trip."""

    prepared: bool
    wanted: dict[str, str]
    begin: str
    suffix = ""

    async def execute(self, query: str, *args: Any, **options: Any) -> Any:
        begin = self.begin if query.startswith("BEGIN") else ""
        return await super().execute(query + begin, *args, **options)

    async def prepare(self, query: str, **options: Any) -> Any:
        return await super().prepare(query + PooledConnection.suffix, **options)


async def check(connection: Any, *, seconds: float) -> None:
    """Raise `NotReadyError`, and close, if a pooler kept from the server what it shall have."""
    if not issubclass(type(connection), PooledConnection):  # for asyncpg each is an instance
        return
    name = f"asked_{uuid4().hex}" if connection.prepared else ""
    wanted = (list(connection.wanted), list(connection.wanted.values()))
    try:
        async with asyncio.timeout(seconds):  # ROLLBACK included: `transaction()` would await it
            await connection.execute("BEGIN;")
            question = await connection.prepare(LOST, name=name)
            lost = dict(await question.fetch(*wanted, name, connection.get_server_pid()))
            forget = f"DEALLOCATE {name};" if any(lost.values()) else ""
            await connection.execute(f"{forget}ROLLBACK;")
        if lost:
            raise NotReadyError(f"The pooler leaves the server with {', '.join(lost)}: {WAY_OUT}")
    except BaseException:
        connection.terminate()
        raise


def through_pooler(given: dict[str, Any], *, read_only: bool, prepared: bool) -> dict[str, Any]:
    """Arguments of `asyncpg.connect`, with nothing in them that a pooler refuses or forgets.

    With `prepared` a read is no transaction: the pooler and the role have to keep its settings.
    """
    wanted = dict(given["server_settings"])
    startup = {"application_name": wanted.pop("application_name")}
    if read_only and not prepared:
        wanted["transaction_read_only"] = "on"
    begin = "".join(f"SET LOCAL {name} = '{value}';" for name, value in wanted.items())
    if read_only and prepared:
        begin, startup["default_transaction_read_only"] = "", "on"
        wanted["default_transaction_read_only"] = "on"
    members = {"prepared": prepared, "wanted": wanted, "begin": begin}
    connection_class = type("PooledConnection", (PooledConnection,), members)
    pooled = given | {"server_settings": startup, "connection_class": connection_class}
    unnamed = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    return pooled if prepared else pooled | unnamed | {"prepared_statement_name_func": str}


def name_refused(error: BaseException) -> None:
    """Raise `NotReadyError` for what a pooler refuses at startup."""
    if refused := REFUSED.search(str(error)):
        raise NotReadyError(f"The pooler refuses {refused[1]}: {WAY_OUT}") from error


def rename_statements(context: ExceptionContext) -> None:
    """After a migration, prepare anew: a pooler knows a statement by its text."""
    if is_stale_statement(context.sqlalchemy_exception):
        PooledConnection.suffix = f" /* {uuid4().hex} */"
