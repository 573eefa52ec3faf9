"""What a session does in a test's transaction is what it does in production, method by method."""

import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Result, delete, select
from sqlalchemy.engine.result import ScalarResult
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Database
from app.core.postgres.sqlstate import sqlstate
from tests.things import Thing

NAMES = select(Thing.name).order_by(Thing.id)
TABLE = Thing.metadata.tables["thing"]
Call = Callable[[AsyncSession, Thing], Any]
OpenSession = Callable[[Database], AbstractAsyncContextManager[AsyncSession]]


async def iterate(rows: Any) -> list[str]:
    return [str(row) async for row in await rows]


async def read_in(transaction: Any, session: AsyncSession) -> Any:
    async with transaction:
        return await session.scalar(NAMES)


async def flush_new(session: AsyncSession) -> None:
    session.add(Thing(name="new"))
    await session.flush()


async def read_after_invalidation(session: AsyncSession) -> Any:
    await session.invalidate()
    return await session.scalar(NAMES)


CALLS: dict[str, Call] = {
    "aclose": lambda session, _: session.aclose(),
    "add": lambda session, _: session.add(Thing(name="new")),
    "add_all": lambda session, _: session.add_all([Thing(name="new")]),
    "begin": lambda session, _: read_in(session.begin(), session),
    "begin_nested": lambda session, _: read_in(session.begin_nested(), session),
    "bind_mapper": lambda session, _: session.bind_mapper(Thing, session.get_async_bind()),
    "bind_table": lambda session, _: session.bind_table(TABLE, session.get_async_bind()),
    "close": lambda session, _: session.close(),
    "close_all": lambda session, _: session.close_all(),
    "commit": lambda session, _: session.commit(),
    "connection": lambda session, _: session.connection(),
    "delete": lambda session, lamp: session.delete(lamp),
    "delete_all": lambda session, lamp: session.delete_all([lamp]),
    "execute": lambda session, _: session.execute(NAMES),
    "expire": lambda session, lamp: session.expire(lamp),
    "expire_all": lambda session, _: session.expire_all(),
    "expunge": lambda session, lamp: session.expunge(lamp),
    "expunge_all": lambda session, _: session.expunge_all(),
    "flush": lambda session, _: flush_new(session),
    "get": lambda session, _: session.get(Thing, 2),
    "get_async_bind": lambda session, _: session.get_async_bind().dialect.name,
    "get_bind": lambda session, _: session.get_bind().dialect.name,
    "get_nested_transaction": lambda session, _: session.get_nested_transaction(),
    "get_one": lambda session, _: session.get_one(Thing, 3),
    "get_transaction": lambda session, _: session.get_transaction() is None,
    "identity_key": lambda session, _: session.identity_key(Thing, 1),
    "in_nested_transaction": lambda session, _: session.in_nested_transaction(),
    "in_transaction": lambda session, _: session.in_transaction(),
    "invalidate": lambda session, _: read_after_invalidation(session),
    "is_modified": lambda session, lamp: session.is_modified(lamp),
    "merge": lambda session, _: session.merge(Thing(id=2, name="carpet")),
    "merge_all": lambda session, _: session.merge_all([Thing(id=3, name="new")]),
    "object_session": lambda session, lamp: session.object_session(lamp) is session.sync_session,
    "refresh": lambda session, lamp: session.refresh(lamp),
    "reset": lambda session, _: session.reset(),
    "rollback": lambda session, _: session.rollback(),
    "run_sync": lambda session, _: session.run_sync(lambda sync: sync.scalar(NAMES)),
    "scalar": lambda session, _: session.scalar(NAMES),
    "scalars": lambda session, _: session.scalars(NAMES),
    "stream": lambda session, _: iterate(session.stream(NAMES)),
    "stream_scalars": lambda session, _: iterate(session.stream_scalars(NAMES)),
}


@asynccontextmanager
async def transaction_of_a_read(database: Database) -> AsyncIterator[AsyncSession]:
    async with database.read() as session, session.begin():
        yield session


async def outcome(session: AbstractAsyncContextManager[AsyncSession], call: Call) -> object:
    """What the call returns or raises, so that it can be compared across databases."""
    try:
        async with session as opened:
            result = call(opened, await opened.get_one(Thing, 1))
            result = await result if inspect.isawaitable(result) else result
            if isinstance(result, Result | ScalarResult):
                return str(result.all())
            return str(result) if isinstance(result, str | int | tuple) else type(result)
    except Exception as error:
        return type(error), sqlstate(error), str(error).partition("\n")[0]


async def outcomes(database: Database, open_session: OpenSession) -> dict[str, object]:
    """Of each method, and the rows that it leaves, with two rows at its beginning."""
    found: dict[str, object] = {}
    names: Sequence[str] = []
    for name, call in CALLS.items():
        if names != ["lamp", "rug"]:
            async with database.session() as session:
                await session.execute(delete(Thing))
                session.add_all([Thing(id=1, name="lamp"), Thing(id=2, name="rug")])
        returned = await outcome(open_session(database), call)
        async with database.read() as session:
            names = (await session.scalars(NAMES)).all()
        found[name] = returned, names
    return found


@pytest.mark.parametrize(
    "open_session",
    [Database.session, Database.read, transaction_of_a_read],
    ids=["write", "read", "read in a transaction"],
)
async def test_a_session_of_a_test_behaves_as_in_production(
    database: Database,
    things: None,
    committing_app: FastAPI,
    committed_things: None,
    open_session: OpenSession,
) -> None:
    in_a_test = await outcomes(database, open_session)
    in_production = await outcomes(committing_app.state.database, open_session)

    assert in_a_test == in_production


def test_the_comparison_leaves_no_method_of_the_session_out() -> None:
    methods = inspect.getmembers(AsyncSession, inspect.isroutine)

    assert set(CALLS) == {name for name, _ in methods if not name.startswith("_")}
