"""Reads on the replica as long as it follows the primary, else on the primary.

`watch.py` asks both, beside the requests, which only look at what it found: `docs/replica.md`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Engine, Row, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import InterfaceError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import SessionTransaction

from app.core.config import Settings
from app.core.engine import LostConnectionError
from app.core.logger import logger
from app.core.postgres.hosts import Hosts
from app.core.postgres.revisions import NotReadyError
from app.core.postgres.sqlstate import RETRYABLE, sqlstate
from app.core.postgres.standby import RecoveryConflictError
from app.core.read_session import ReadSession, session_factory

T = TypeVar("T")
# Cut off by a pooler; full; shutting down; without a table or column that is on its way.
FAULTS = ("08", "53", "57P", "42")


class Replica:
    """Whether reads go to the replica: `problem` says why they do not."""

    def __init__(
        self, settings: Settings, engine: AsyncEngine, fallback: AsyncEngine, hosts: Hosts
    ) -> None:
        self.required = settings.postgres_replica_required
        self.may_fall_back = settings.postgres_replica_fallback
        self.max_lag = settings.postgres_replica_max_lag_seconds
        self.engine, self.fallback = engine.sync_engine, fallback.sync_engine
        self.hosts = hosts
        self.async_session_factory = session_factory(
            engine, sync_session_class=ReplicaSession, autobegin=False, replica=self
        )
        self.problem: str | None = "It was not asked yet."
        self.left_at: float | None = None
        self.doubted = asyncio.Event()
        self.primary: Row[Any] | None = None
        # Those of the primary, for as long as the replica may lag behind.
        self.positions: deque[tuple[float, int]] = deque()
        event.listen(self.engine, "do_connect", self._refuse)
        event.listen(self.engine, "handle_error", _name_conflict)

    def choose(self) -> Engine:
        """The engine of a read that begins now. Raises `LostConnectionError` without fallback."""
        if self.problem and self.may_fall_back:
            return self.fallback
        self._refuse()
        return self.engine

    def is_to_blame(self, error: SQLAlchemyError) -> bool:
        """Whether the same read may succeed on the primary."""
        if isinstance(error, PoolTimeoutError):
            return self.problem is not None
        lost = isinstance(error, LostConnectionError | InterfaceError | NotReadyError)
        if lost or getattr(error, "connection_invalidated", False):
            self.doubted.set()
            return True
        return isinstance(error, RecoveryConflictError) or sqlstate(error).startswith(FAULTS)

    def note(self, primary: Row[Any], asked_at: float) -> None:
        """Remember what the primary told, and how far it was at that moment."""
        self.primary = primary
        self.positions.append((asked_at, primary.position))
        while self.positions[0][0] < asked_at - self.max_lag:
            self.positions.popleft()

    def judge(self, state: Row[Any]) -> str | None:
        """The problem of a replica that answers."""
        if not state.is_standby:
            return "It takes writes: it is no standby."
        if self.primary is not None and self.primary[1:3] != state[1:3]:
            return "It is not a standby of this database."
        if (state.position or 0) < min((position for _, position in self.positions), default=0):
            return f"It is more than {self.max_lag:g} s behind the primary."
        return None

    def tell(self, problem: str | None, **details: str) -> None:
        """One line when the replica is left, and one when it is used again."""
        self.problem, now = problem, time.monotonic()
        if problem and self.left_at is None:
            self.left_at = now
            logger.warning("The replica is not used.", reason=problem, **details)
        elif problem is None and self.left_at is not None:
            logger.info("The replica is used again.", after_seconds=round(now - self.left_at, 1))
            self.left_at = None

    def leave(self) -> None:
        """Nobody should wait for its answer any longer."""
        self.tell("It does not answer.")
        self.hosts.leave()

    def _refuse(self, *_: Any) -> None:
        if self.problem:
            raise LostConnectionError(f"The replica is not used. {self.problem}")


def _name_conflict(context: ExceptionContext) -> None:
    if sqlstate(context.sqlalchemy_exception) in RETRYABLE:
        told = "The replica cancelled this read to follow the primary."
        raise RecoveryConflictError(told) from context.original_exception


class ReplicaSession(ReadSession):
    """Chooses for each statement. One that fails by the replica's fault runs on the primary."""

    def __init__(self, *, replica: Replica, **options: Any) -> None:
        super().__init__(**options)
        self.replica = replica

    def begin(self, nested: bool = False) -> SessionTransaction:
        if nested or self.in_transaction():
            return super().begin(nested)
        return self._choose_and_run(super().begin)

    def _run_once(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return self._choose_and_run(super()._run_once, method, *arguments, **options)

    def _choose_and_run(self, run: Callable[..., T], *arguments: Any, **options: Any) -> T:
        self.bind = self.replica.choose()
        try:
            return run(*arguments, **options)
        except SQLAlchemyError as error:
            if not self.replica.is_to_blame(error) or not self.replica.may_fall_back:
                raise
        self.bind = self.replica.fallback
        return run(*arguments, **options)
