"""Asks the servers again and again, where there are several, and leaves those that hang."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.config import Settings
from app.core.engine import open_engine
from app.core.logger import logger
from app.core.postgres.hosts import Hosts, each_host
from app.core.postgres.revisions import NotReadyError
from app.core.replica import Replica

WATCH_SECONDS = 0.5
PAUSE_SECONDS = 2
STATE = text("""
    SELECT pg_is_in_recovery() AS is_standby, system_identifier, current_database(),
        (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
        ELSE pg_current_wal_flush_lsn() END - '0/0')::bigint AS position
    FROM pg_control_system()
""")


@dataclass
class Watch:
    """A connection of its own to a server, which is left when it gives no answer in time."""

    engine: AsyncEngine
    seconds: float
    leave: Callable[[], None]

    async def ask(self) -> Row[Any]:
        async with self.engine.connect() as connection:
            patience = asyncio.create_task(self._be_patient())
            try:
                async with connection.begin():  # behind an old pooler its end may hang as well
                    return (await connection.execute(STATE)).one()
            finally:
                patience.cancel()

    async def _be_patient(self) -> None:
        for _ in range(6):  # not at once: when our own loop was busy, the answer may lie there
            await asyncio.sleep(self.seconds / 6)
        self.leave()


class PrimaryWatch(Watch):
    """Notes how far the primary is."""

    async def _be_patient(self) -> None:
        await super()._be_patient()
        logger.warning("The primary hangs. Its connections are closed.")

    async def look(self, replica: Replica) -> None:
        asked_at = time.monotonic()
        with suppress(Exception):  # while it is away, nothing is written there
            replica.note(await self.ask(), asked_at)

    async def keep_looking(self, replica: Replica) -> None:
        while True:
            await asyncio.sleep(min(WATCH_SECONDS, replica.max_lag / 4))
            await self.look(replica)


class ReplicaWatch(Watch):
    """Tells whether the replica follows."""

    async def look(self, replica: Replica) -> None:
        replica.doubted.clear()
        try:
            if problem := replica.judge(await self.ask()):
                await asyncio.sleep(WATCH_SECONDS)  # what was written just now is on its way
                problem = replica.judge(await self.ask())
            replica.tell(problem)
        except NotReadyError as error:
            replica.tell(str(error))
        except Exception as error:  # whatever it is, reads have to go somewhere
            replica.tell("It does not answer.", error=repr(error.__cause__ or error))

    async def keep_looking(self, replica: Replica) -> None:
        while True:
            usual = min(WATCH_SECONDS, replica.max_lag / 4)
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_SECONDS if replica.problem else usual):
                    await replica.doubted.wait()
            await self.look(replica)


@asynccontextmanager
async def watch_servers(settings: Settings, *engines: AsyncEngine) -> AsyncIterator[Replica | None]:
    """Yield the replica, if there is one. `engines` are the primary's, that of reads first."""
    url, replica_url = settings.postgres_url, settings.postgres_replica_url
    if replica_url is None and len(each_host(url.get_secret_value())) == 1:
        yield None
        return
    async with (
        open_engine(settings, url, read_only=True, pool_size=1) as watching,
        open_engine(settings, replica_url or url, read_only=True) as reading,
        open_engine(settings, replica_url or url, read_only=True, pool_size=1) as watching_replica,
    ):
        hosts, patience = Hosts(*engines, watching), settings.postgres_connect_timeout_seconds
        replica = Replica(settings, reading, engines[0], Hosts(reading, watching_replica))
        watches: list[PrimaryWatch | ReplicaWatch] = [PrimaryWatch(watching, patience, hosts.leave)]
        if replica_url is not None:
            watches.append(ReplicaWatch(watching_replica, patience / 2, replica.leave))
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.ready_timeout_seconds):
                for watch in watches:
                    await watch.look(replica)
        tasks = [asyncio.create_task(watch.keep_looking(replica)) for watch in watches]
        try:
            yield replica if replica_url is not None else None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
