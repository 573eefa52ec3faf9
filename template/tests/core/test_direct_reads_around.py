"""Direct reads: what hangs on an execution, and what goes wrong with one."""

import asyncio

import pytest
from fastapi import FastAPI
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import load_only

from app.core.database import Database
from app.core.postgres.sqlstate import UNDEFINED_TABLE, sqlstate
from app.core.postgres.statements import count_statements
from tests.things import Thing, fill, read_directly

END_OTHERS = text("""
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%thing%'
""")


@pytest.fixture
async def filled(committing_app: FastAPI, committed_things: None) -> Database:
    database: Database = committing_app.state.database
    await fill(database)
    return database


@pytest.mark.parametrize("told_of", ["do_orm_execute", "loaded_as_persistent", "after_begin"])
async def test_who_listens_to_a_session_hears_of_each_read(filled: Database, told_of: str) -> None:
    statement = select(Thing)
    session, heard = await read_directly(filled, statement), list[str]()
    event.listen(session.sync_session, told_of, lambda *_: heard.append(told_of))

    await session.scalars(statement)

    assert heard


async def test_who_listens_to_a_class_hears_of_each_object(filled: Database) -> None:
    statement, heard = select(Thing), list[object]()
    session = await read_directly(filled, statement)

    def hear(thing: object, _: object) -> None:
        heard.append(thing)

    event.listen(Thing, "load", hear)
    try:
        things = (await session.scalars(statement)).all()
    finally:
        event.remove(Thing, "load", hear)

    assert heard == things


async def test_a_session_that_holds_objects_is_the_orms(filled: Database) -> None:
    """Which fills in what an object lacks."""
    some, statement = select(Thing).options(load_only(Thing.name)), select(Thing)
    await read_directly(filled, some)
    session = await read_directly(filled, statement)

    things = (await session.scalars(some)).all()
    await session.scalars(statement)

    assert {thing.name: thing.size for thing in things} == {"lamp": 2, "rug": 1, "bulb": 1}


async def test_a_read_in_a_transaction_is_one_of_it(filled: Database) -> None:
    statement = select(Thing)
    session = await read_directly(filled, statement)

    async with session.begin():
        before = len((await session.scalars(statement)).all())
        async with filled.session() as other:
            other.add(Thing(name="new"))
        process = await session.scalar(text("SELECT pg_backend_pid()"))
        await session.scalars(statement)
        assert await session.scalar(text("SELECT pg_backend_pid()")) == process

    assert before == 3


async def test_options_of_an_execution_are_followed(filled: Database) -> None:
    statement = select(Thing)
    session = await read_directly(filled, statement)

    elsewhere = {"schema_translate_map": {None: "no"}}
    with pytest.raises(DBAPIError) as error:
        await session.scalars(statement, execution_options=elsewhere)

    assert sqlstate(error.value) == UNDEFINED_TABLE


async def test_a_direct_read_is_one_statement_that_is_counted_and_told(filled: Database) -> None:
    statement, heard = select(Thing), list[str]()
    session = await read_directly(filled, statement)
    engine = filled.async_read_session_factory.kw["bind"].sync_engine
    event.listen(engine, "before_cursor_execute", lambda *given: heard.append(given[2]))
    statements = count_statements()

    await session.scalars(statement)

    assert (statements.count, statements.seconds > 0) == (1, True)
    assert heard == [str(statement.compile(dialect=engine.dialect))]


async def test_an_error_of_a_direct_read_is_told_without_its_values(filled: Database) -> None:
    statement = select(Thing).where(text("name = 'lamp' OR 1 / :by > 0"))
    for _ in "123":
        await filled.read().scalars(statement, {"by": 1})

    with pytest.raises(DBAPIError) as error:
        await filled.read().scalars(statement, {"by": 0})

    assert sqlstate(error.value) == "22012"
    assert "hidden" in str(error.value)


async def test_a_direct_read_that_is_cancelled_leaves_no_connection_in_use(
    filled: Database,
) -> None:
    statement = select(Thing).where(text("pg_sleep(:seconds) IS NOT NULL"))
    for _ in "123":
        await filled.read().scalars(statement, {"seconds": 0})
    pool = filled.async_read_session_factory.kw["bind"].pool

    for _ in range(20):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await filled.read().scalars(statement, {"seconds": 10})
    names = [len((await filled.read().scalars(select(Thing))).all()) for _ in range(20)]

    assert names == [3] * 20
    assert pool.checkedout() == 0


async def test_a_direct_read_replaces_a_connection_that_died(filled: Database) -> None:
    statement = select(Thing)
    await read_directly(filled, statement)
    async with filled.engine.connect() as other:
        await other.execute(END_OTHERS)

    assert len((await filled.read().scalars(statement)).all()) == 3


async def test_a_direct_read_survives_a_migration(filled: Database) -> None:
    statement = select(Thing)
    await read_directly(filled, statement)
    async with filled.session() as session:
        await session.execute(text("ALTER TABLE thing ALTER COLUMN size TYPE bigint"))

    assert len((await filled.read().scalars(statement)).all()) == 3
