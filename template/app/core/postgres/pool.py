"""A pool that serves in order: a connection goes to whoever has waited longest.

SQLAlchemy's lets a newcomer take the connection for which it has woken a waiter, who then waits
behind all others. After a failed connect it wakes nobody, though there is room again.
"""

import asyncio
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.util import await_


class FairPool(AsyncAdaptedQueuePool):
    """Whoever has a turn finds a connection, or room for one. A semaphore gives turns in order."""

    def __init__(self, creator: Any, pool_size: int, max_overflow: int, **options: Any) -> None:
        super().__init__(creator, pool_size, max_overflow, **options)
        self.turns = asyncio.Semaphore(pool_size + max_overflow)

    def _do_get(self) -> ConnectionPoolEntry:
        await_(self._wait() if self.turns.locked() else self.turns.acquire())
        try:
            return super()._do_get()
        except BaseException:
            self.turns.release()
            raise

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        try:
            super()._do_return_conn(record)
        finally:
            self.turns.release()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self.timeout()):
                await self.turns.acquire()
        except TimeoutError:
            raise PoolTimeoutError(f"No connection was free for {self.timeout()} s.") from None
