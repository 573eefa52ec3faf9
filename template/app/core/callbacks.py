"""What follows a commit. Features use `after_commit` of `database.py`, which is `add_callback`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from app.core.logger import logger

AFTER_COMMIT = "after_commit"


class Callback(NamedTuple):
    """What to call, for how long at most, and the transaction or savepoint that it belongs to."""

    call: Callable[[], Awaitable[None]]
    timeout_seconds: float
    transaction: SessionTransaction | None


def add_callback(
    session: AsyncSession, callback: Callable[[], Awaitable[None]], *, timeout_seconds: float = 5
) -> None:
    """Call and await `callback` once the session's transaction is committed, never otherwise.

    For caches, and what may be lost: what may not is a job (the answer `jobs`). Once at most: not
    after the rollback of the savepoint around it, nor when the process ends first. The response
    waits for it; one that fails, or is cancelled after `timeout_seconds`, is logged.
    """
    transaction = session.sync_session.get_nested_transaction()
    transaction = transaction or session.sync_session.get_transaction()
    callbacks = session.info.setdefault(AFTER_COMMIT, [])
    callbacks.append(Callback(callback, timeout_seconds, transaction))


async def call_back(session: AsyncSession) -> None:
    """Await the callbacks of a session whose transaction is committed, in order."""
    callbacks: list[Callback] = session.info.pop(AFTER_COMMIT, [])
    for callback in callbacks:
        try:
            async with asyncio.timeout(callback.timeout_seconds):
                await callback.call()
        except asyncio.CancelledError:
            logger.exception("An after_commit callback was cancelled.")
            raise
        except Exception:  # the transaction is committed, and the response must say so
            logger.exception("An after_commit callback failed.")


@event.listens_for(Session, "after_soft_rollback")
def _drop_callbacks(session: Session, rolled_back: SessionTransaction) -> None:
    if callbacks := session.info.get(AFTER_COMMIT):
        callbacks[:] = [c for c in callbacks if not _is_inside(c.transaction, rolled_back)]


def _is_inside(transaction: SessionTransaction | None, outer: SessionTransaction) -> bool:
    return transaction is not None and (
        transaction is outer or _is_inside(transaction.parent, outer)
    )
