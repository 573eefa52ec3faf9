"""The session of reads: it holds a connection only while a statement runs."""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core.sqlstate import is_stale_statement


class ReadSession(Session):
    """Takes a connection for each statement and returns it at once.

    So it needs no clean-up, which would cost each request a generator and a task, and it works
    while a response streams. To run several statements on one connection, open a transaction first;
    otherwise SQLAlchemy raises `InvalidRequestError`:

        async with session.begin():
            connection = await session.connection()
    """

    def execute(self, *arguments: Any, **options: Any) -> Any:
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
        transaction = self.begin()
        try:
            return method(*arguments, **options)
        finally:
            transaction.close()


@cache
def select_by_key(entity: type[Any]) -> Select[Any]:
    """Selects a row by its primary key, which must be one column."""
    [key] = inspect(entity).primary_key
    return select(entity).where(key == bindparam("key"))
