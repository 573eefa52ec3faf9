"""The session of reads: it holds a connection for as long as a statement runs, and no longer."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session


class ReadSession(Session):
    """Takes a connection for each statement, so that nobody has to give one back.

    It needs no clean-up, which would cost a request a generator and a task, and works while a
    response streams. Who wants one connection for several statements says so, or is refused with
    an `InvalidRequestError`: `async with session.begin(): connection = await session.connection()`.
    """

    def execute(self, *arguments: Any, **options: Any) -> Any:
        return self._run(super().execute, *arguments, **options)

    def scalar(self, *arguments: Any, **options: Any) -> Any:
        return self._run(super().scalar, *arguments, **options)

    def scalars(self, *arguments: Any, **options: Any) -> Any:
        return self._run(super().scalars, *arguments, **options)

    def _run(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if self.in_transaction():
            return method(*arguments, **options)
        transaction = self.begin()
        try:
            return method(*arguments, **options)
        finally:
            transaction.close()
