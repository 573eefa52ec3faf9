"""The database: its models' base, and one session per request."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase

from app.core.config import Settings
from app.core.engine import create_engine


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


@dataclass(frozen=True)
class Database:
    """What requests, scripts and workers use: `async with database.session() as session: ...`."""

    engine: AsyncEngine
    async_session_factory: async_sessionmaker[AsyncSession]
    async_read_session_factory: async_sessionmaker[AsyncSession]

    def session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """One transaction: commit on leaving, roll back on any exception."""
        return self.async_session_factory.begin()

    def read(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A session on which Postgres refuses writes (SQLSTATE 25006). A read is one round trip."""
        return self.async_read_session_factory()

    async def ping(self) -> None:
        """Return when the database has answered. Raises what the driver raises."""
        async with self.read() as session:
            await session.execute(text("SELECT 1"))


def session_factory(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Sessions that send what `flush()` says, and whose objects stay readable after the commit."""
    return async_sessionmaker(engine, autoflush=False, expire_on_commit=False)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Yield the database, and close its connections on the way out. Connects when first used."""
    engine = create_engine(settings, settings.postgres_url)
    read_engine = create_engine(settings, settings.postgres_url, read_only=True)
    try:
        yield Database(engine, session_factory(engine), session_factory(read_engine))
    finally:
        await engine.dispose()
        await read_engine.dispose()


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """One request, one transaction: commit on return, roll back on any exception."""
    async with request.app.state.database.session() as session:
        yield session


async def get_read_session(request: Request) -> AsyncIterator[AsyncSession]:
    """One request, one session that cannot write."""
    async with request.app.state.database.read() as session:
        yield session


# `scope="function"` commits before the response is sent: a client that reads "201 Created"
# can rely on it, and a commit that fails becomes an error response.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
ReadSessionDep = Annotated[AsyncSession, Depends(get_read_session, scope="function")]
