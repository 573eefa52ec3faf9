"""The database: its models' base, and one session per request."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from sqlalchemy import MetaData, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapper, RelationshipProperty

from app.core.config import Settings
from app.core.engine import open_engine
from app.core.logger import logger
from app.core.read_session import ReadSession
from app.core.sqlstate import RETRYABLE, sqlstate

T = TypeVar("T")


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
    """Where a query forgot a relationship, fail with its name, and not with `MissingGreenlet`."""
    for attribute in mapper.iterate_properties:
        if isinstance(attribute, RelationshipProperty) and attribute.lazy == "select":
            attribute.lazy = "raise_on_sql"
            attribute.strategy_key = (("lazy", "raise_on_sql"),)


@dataclass(frozen=True)
class Database:
    """What requests, scripts and workers use: `async with database.session() as session: ...`."""

    engine: AsyncEngine
    probe_engine: AsyncEngine
    async_session_factory: async_sessionmaker[AsyncSession]
    async_read_session_factory: async_sessionmaker[AsyncSession]

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """One transaction: commit on leaving, roll back on any exception."""
        session = self.async_session_factory()
        # The end of a transaction gives its connection back: closing the session as well would
        # cost each write a task of its own.
        async with session.begin():
            yield session
        for callback in session.info.get(AFTER_COMMIT, []):
            try:
                await callback()
            except Exception:  # what is committed stands, whatever becomes of the rest
                logger.exception("What was to follow a commit has failed.")

    def read(self) -> AsyncSession:
        """A session on which Postgres refuses writes (SQLSTATE 25006). A read is one round trip.

        It may be used with and without `async with`: see `ReadSession`.
        """
        return self.async_read_session_factory()

    async def retry(self, work: Callable[[AsyncSession], Awaitable[T]], *, attempts: int = 5) -> T:
        """Run `work` in a transaction, and again in a new one where two of them collided.

        For scripts and workers: a request is answered 503, and its client tries again. Raises the
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


AFTER_COMMIT = "after_commit"


def after_commit(session: AsyncSession, callback: Callable[[], Awaitable[None]]) -> None:
    """Call and await `callback` once the session's transaction is committed, never otherwise.

    For e-mails, events, caches. The response waits for it; if it fails, that is logged.
    """
    session.info.setdefault(AFTER_COMMIT, []).append(callback)


def session_factory(engine: AsyncEngine, **options: Any) -> async_sessionmaker[AsyncSession]:
    """Sessions that send what `flush()` says, and whose objects stay readable after the commit."""
    return async_sessionmaker(engine, autoflush=False, expire_on_commit=False, **options)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Yield the database, and close its connections on the way out. Connects when first used."""
    replica_url = settings.postgres_replica_url or settings.postgres_url
    async with (
        open_engine(settings, settings.postgres_url) as write,
        open_engine(settings, replica_url, read_only=True) as read,
        # Readiness tells the truth when requests have taken every other connection.
        open_engine(settings, settings.postgres_url, read_only=True, pool_size=1) as probe,
    ):
        reading = session_factory(read, sync_session_class=ReadSession, autobegin=False)
        yield Database(write, probe, session_factory(write), reading)


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """One request, one transaction: commit on return, roll back on any exception."""
    async with request.app.state.database.session() as session:
        yield session


async def get_read_session(request: Request) -> AsyncSession:
    """One request, one session that cannot write."""
    session: AsyncSession = request.app.state.database.read()
    return session


# `scope="function"` commits before the response is sent: a client that reads "201 Created"
# can rely on it, and a commit that fails becomes an error response.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
ReadSessionDep = Annotated[AsyncSession, Depends(get_read_session)]
