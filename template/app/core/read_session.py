"""The session of reads: it holds a connection only while a statement runs."""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, inspect, select
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, SessionTransaction

from app.core.postgres.sqlstate import is_stale_statement


class ReadSession(Session):
    """Takes a connection for each statement and returns it at once.

    So it needs no clean-up, which would cost each request a generator and a task, and it works
    while a response streams. What needs one connection for longer, such as rows that stream, needs
    a read-only transaction, and raises `InvalidRequestError` without one:

        async with session.begin():
            async for item in await session.stream_scalars(select(Item)):
                ...
    """

    def begin(self, nested: bool = False) -> SessionTransaction:
        if nested:
            self.connection()  # raises without a transaction, which nobody would end
        if self.in_transaction():
            return super().begin(nested)
        transaction = super().begin()
        try:  # the engine's own level is AUTOCOMMIT
            self.connection(execution_options={"isolation_level": "READ COMMITTED"})
        except BaseException:
            transaction.close()
            raise
        return transaction

    def execute(self, *arguments: Any, **options: Any) -> Any:
        streams = options.get("execution_options", {}).get("stream_results")
        if streams and not self.in_transaction():
            raise InvalidRequestError(
                "A read session streams rows only in a transaction, which keeps its connection:"
                " write `async with session.begin():` around the loop, or read page by page."
            )
        return self._run(super().execute, *arguments, **options)

    def scalar(self, *arguments: Any, **options: Any) -> Any:
        return self._run(super().scalar, *arguments, **options)

    def scalars(self, *arguments: Any, **options: Any) -> Any:
        return self._run(super().scalars, *arguments, **options)

    def get(self, entity: Any, ident: Any, **options: Any) -> Any:
        # The inherited method builds its statement anew in each call: a sixth of its time.
        if any(options.values()) or isinstance(ident, tuple | dict):
            return super().get(entity, ident, **options)
        found = self.execute(select_by_key(entity), {"key": ident})
        return found.unique().scalar_one_or_none()

    def _run(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if self.in_transaction():
            return method(*arguments, **options)
        try:
            return self._run_once(method, *arguments, **options)
        except DBAPIError as error:
            if not is_stale_statement(error):
                raise
            # A migration changed the table; SQLAlchemy has dropped its prepared statements by now.
            return self._run_once(method, *arguments, **options)

    def _run_once(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        transaction = super().begin()
        try:
            return method(*arguments, **options)
        finally:
            transaction.close()


def session_factory(engine: AsyncEngine, **options: Any) -> async_sessionmaker[AsyncSession]:
    """Sessions without autoflush, whose objects stay readable after the commit."""
    return async_sessionmaker(engine, autoflush=False, expire_on_commit=False, **options)


@cache
def select_by_key(entity: type[Any]) -> Select[Any]:
    """Selects a row by its primary key, which must be one column."""
    [key] = inspect(entity).primary_key
    return select(entity).where(key == bindparam("key"))
