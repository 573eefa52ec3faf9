"""PgQueuer's queries, on a session or a connection of ours.

Nothing else gives PgQueuer a connection: on asyncpg's own, which SQLAlchemy hands out before it
has sent BEGIN, a job would be enqueued outside of the transaction, and survive its rollback.
"""

import asyncio
from typing import Any, Self

from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.core.tm import TaskManager
from pgqueuer.domain.settings import DBSettings
from pgqueuer.ports.driver import Driver, NotifyCallback
from pgqueuer.queries import Queries
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

CHANNEL = "ch_pgqueuer"
# Each name spelled out: PgQueuer would read those left out from variables such as FUNCTION.
TABLES = DBSettings(
    prefix="",
    db_schema="jobs",
    channel=CHANNEL,
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
)
BUILDERS = QueryBuilderEnvironment(TABLES), QueryQueueBuilder(TABLES), QuerySchedulerBuilder(TABLES)


class SqlAlchemyDriver(Driver):
    """Runs each query in the transaction of a session, or on a connection."""

    def __init__(self, on: AsyncSession | AsyncConnection) -> None:
        self.on = on
        self._shutdown = asyncio.Event()

    async def fetch(self, query: str, *args: object) -> list[dict[str, Any]]:
        on = self.on
        connection = await on.connection() if isinstance(on, AsyncSession) else on
        result = await connection.exec_driver_sql(query, args)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []

    async def execute(self, query: str, *args: object) -> str:
        await self.fetch(query, *args)
        return ""

    async def notify(self, channel: str, payload: str) -> None:
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        raise NotImplementedError("A session does not listen: app/worker has a connection for it.")

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return TaskManager()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


def queries_on(on: AsyncSession | AsyncConnection) -> Queries:
    return Queries(SqlAlchemyDriver(on), *BUILDERS)
