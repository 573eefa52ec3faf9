"""Counts SQL statements: those of a request, of a job, of a test."""

import time
from contextvars import ContextVar
from dataclasses import dataclass

from sqlalchemy import Engine, event


@dataclass
class Statements:
    """How many statements ran, and how many seconds they took."""

    count: int = 0
    seconds: float = 0
    started: float = 0


_statements: ContextVar[Statements | None] = ContextVar("statements", default=None)


def count_statements() -> Statements:
    """Count the statements that this context runs from here on."""
    statements = Statements()
    _statements.set(statements)
    return statements


@event.listens_for(Engine, "before_cursor_execute")
def _start_statement(*_: object) -> None:
    if statements := _statements.get():
        statements.count += 1
        statements.started = time.perf_counter()


@event.listens_for(Engine, "after_cursor_execute")
def _end_statement(*_: object) -> None:
    if statements := _statements.get():
        statements.seconds += time.perf_counter() - statements.started
