"""The database: the base class of the models, and one session per request."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends
from sqlalchemy import MetaData, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapper, RelationshipProperty
from starlette.requests import HTTPConnection

from app.core import callbacks
from app.core.config import Settings
from app.core.engine import open_engine
from app.core.postgres.sqlstate import RETRYABLE, sqlstate
from app.core.read_session import ReadSession, session_factory
from app.core.replica import Replica
from app.core.watch import watch_servers

T = TypeVar("T")
after_commit = callbacks.add_callback


class Base(DeclarativeBase):
    """Base class of every model."""

    # Postgres's own constraint names, spelled out so that migrations and errors can name them.
    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    # What the server computes comes back with the INSERT or UPDATE, not by a later lazy load.
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012  # SQLAlchemy's own declaration


@event.listens_for(Base, "before_mapper_configured", propagate=True)
def _refuse_lazy_loading(mapper: Mapper[Any], _: type[Base]) -> None:
    """A relationship that the query did not load fails by name, not with `MissingGreenlet`."""
    for attribute in mapper.iterate_properties:
        if isinstance(attribute, RelationshipProperty) and attribute.lazy == "select":
            # SQLAlchemy's internals: there is no public default for `lazy`.
            attribute.lazy = "raise_on_sql"
            attribute.strategy_key = (("lazy", "raise_on_sql"),)


@dataclass(frozen=True)
class Database:
    """What requests, scripts and workers use: `async with database.session() as session: ...`."""

    engine: AsyncEngine
    probe_engine: AsyncEngine
    async_session_factory: async_sessionmaker[AsyncSession]
    async_read_session_factory: async_sessionmaker[AsyncSession]
    replica: Replica | None = None

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """One transaction: commit on leaving, roll back on any exception."""
        session = self.async_session_factory()
        # The end of the transaction returns the connection: to close the session as well would
        # cost each write an extra task.
        async with session.begin():
            yield session
        await callbacks.call_back(session)

    def read(self, *, primary: bool = False) -> AsyncSession:
        """A session on which Postgres refuses writes (SQLSTATE 25006). A read is one round trip.

        Works with and without `async with`: see `ReadSession`. `primary`: never on a replica.
        """
        if self.replica is None or primary:
            return self.async_read_session_factory()
        return self.replica.async_session_factory()

    async def retry(self, work: Callable[[AsyncSession], Awaitable[T]], *, attempts: int = 5) -> T:
        """Run `work` in a transaction; retry after a serialization failure or a deadlock.

        For scripts and workers: a request is answered 503, and its client retries. Raises the
        error of the last attempt.
        """
        attempt = 1
        while True:
            try:
                async with self.session() as session:
                    return await work(session)
            except DBAPIError as error:
                if attempt == attempts or sqlstate(error) not in RETRYABLE:
                    raise
            await asyncio.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311  # no secret
            attempt += 1


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Yield the database; close its connections in the end. Connects when first used."""
    async with (
        open_engine(settings, settings.postgres_url) as write,
        open_engine(settings, settings.postgres_url, read_only=True) as read,
        # A pool of its own: readiness is right even when requests hold every other connection.
        open_engine(settings, settings.postgres_url, read_only=True, pool_size=1) as probe,
        # Where there are several servers, it connects at once.
        watch_servers(settings, read, write, probe) as replica,
    ):
        reading = session_factory(read, sync_session_class=ReadSession, autobegin=False)
        yield Database(write, probe, session_factory(write), reading, replica)


async def get_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """One request or websocket, one transaction: commit on return, roll back on any exception."""
    database: Database = connection.app.state.database
    session = database.async_session_factory()
    async with session.begin():
        yield session
    with suppress(asyncio.CancelledError):  # committed: the response must say so
        await callbacks.call_back(session)


async def get_read_session(connection: HTTPConnection) -> AsyncSession:
    """One request or websocket, one session that cannot write."""
    database: Database = connection.app.state.database
    return database.read()


async def get_primary_read_session(connection: HTTPConnection) -> AsyncSession:
    """The same, and never on a replica."""
    database: Database = connection.app.state.database
    return database.read(primary=True)


# `scope="function"` commits before the response is sent: a client that reads "201 Created"
# can rely on it, and a commit that fails becomes an error response.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
ReadSessionDep = Annotated[AsyncSession, Depends(get_read_session)]
PrimaryReadSessionDep = Annotated[AsyncSession, Depends(get_primary_read_session)]
