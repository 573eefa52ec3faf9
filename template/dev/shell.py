"""A Python prompt where `await` works, with the database, a session and the models at hand.

Nothing is committed unless you `await session.commit()`.
"""

import ast
import asyncio
import code
import contextlib
import inspect
import types
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import select, text

import app.api  # noqa: F401  imports every model that has routes
from app.core.config import settings
from app.core.database import Base, open_database
from app.core.logger import configure_logging

# People think between two statements: only a lock limits a session that waits for them.
PATIENT = {"postgres_idle_in_transaction_timeout_seconds": 3600}


class AsyncConsole(code.InteractiveConsole):
    """The standard library's, each statement run by one event loop."""

    def __init__(self, names: dict[str, Any], runner: asyncio.Runner) -> None:
        super().__init__(names)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self.runner = runner

    def runcode(self, code: types.CodeType) -> None:
        try:
            result = types.FunctionType(code, self.locals)()
            if inspect.iscoroutine(result):
                self.runner.run(result)
        except SystemExit:
            raise
        except BaseException:
            self.showtraceback()


@contextlib.asynccontextmanager
async def names() -> AsyncIterator[dict[str, Any]]:
    """What is at hand: `database`, `session`, `settings`, `select`, `text` and every model."""
    async with (
        open_database(settings.model_copy(update=PATIENT)) as database,
        database.async_session_factory() as session,
    ):
        models = {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}
        yield {
            "database": database,
            "session": session,
            "settings": settings,
            "select": select,
            "text": text,
            **models,
        }


def main() -> None:
    configure_logging(settings)
    with asyncio.Runner() as runner:
        at_hand = names()
        console = AsyncConsole(found := runner.run(at_hand.__aenter__()), runner)
        try:
            console.interact(
                f"At hand: {', '.join(sorted(found))}. Write `await` as in a handler.", ""
            )
        finally:
            runner.run(at_hand.__aexit__(None, None, None))


if __name__ == "__main__":
    main()
