import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import ForeignKey, Integer, MetaData, event, func, select, text, update
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, column_property, mapped_column, validates

from app.core.database import Base, Database
from app.core.errors import PreconditionFailedError
from app.core.writes import _update, change, check_version, create
from tests.things import Counted, Thing

pytestmark = pytest.mark.usefixtures("things")
AssertQueries = Callable[[int], AbstractContextManager[None]]


async def stored(database: Database) -> list[tuple[Any, ...]]:
    async with database.read() as session:
        rows = await session.execute(select(Counted.name, Counted.version, Counted.updated_at))
        return [tuple(row) for row in rows]


async def test_a_row_is_created_by_one_statement_that_returns_what_the_database_computed(
    database: Database, assert_queries: AssertQueries
) -> None:
    async with database.session() as session:
        with assert_queries(1):
            thing = await create(session, Counted, {"name": "Emma"})

        assert thing in session
    assert (thing.name, thing.version, thing.data) == ("Emma", 1, {})
    assert await stored(database) == [("Emma", 1, thing.updated_at)]


async def test_a_row_is_changed_by_one_statement_that_raises_its_version(
    database: Database, assert_queries: AssertQueries
) -> None:
    async with database.session() as session:
        thing = await create(session, Counted, {"name": "Emma", "data": {"pages": 1}})
        created_at = thing.updated_at
        with assert_queries(1):
            changed = await change(session, Counted, thing.id, {"name": "Persuasion"}, versions=[1])

    assert changed is thing  # the object that the session holds is the present one
    assert (thing.name, thing.data, thing.version) == ("Persuasion", {"pages": 1}, 2)
    assert thing.updated_at > created_at
    assert await stored(database) == [("Persuasion", 2, thing.updated_at)]


@pytest.mark.parametrize("values", [{}, {"name": "Emma"}, {"name": "Emma", "data": {"pages": 1}}])
@pytest.mark.parametrize("versions", [None, [1], [7, 1]])
async def test_a_change_to_what_is_there_moves_neither_version_nor_time(
    database: Database, values: dict[str, Any], versions: list[int] | None
) -> None:
    async with database.session() as session:
        thing = await create(session, Counted, {"name": "Emma", "data": {"pages": 1}})
        before = await session.scalar(select(Counted.updated_at))

        changed = await change(session, Counted, thing.id, values, versions=versions)

    assert changed is thing
    assert await stored(database) == [("Emma", 1, before)]


async def test_what_is_equal_and_stored_in_another_way_is_a_change(database: Database) -> None:
    async with database.session() as session:
        thing = await create(session, Counted, {"name": "Emma", "data": {"pages": 1}})

        await change(session, Counted, thing.id, {"data": {"pages": 1.0}})

    assert thing.version == 2


@pytest.mark.parametrize("values", [{}, {"name": "Persuasion"}])
@pytest.mark.parametrize("versions", [[], [2], [2, 3]])
async def test_a_change_of_another_version_is_refused(
    database: Database, values: dict[str, Any], versions: list[int]
) -> None:
    async with database.session() as session:
        thing = await create(session, Counted, {"name": "Emma"})

    with pytest.raises(
        PreconditionFailedError, match=r"^This has changed: its version is 1 now\.$"
    ):
        async with database.session() as session:
            await change(session, Counted, thing.id, values, versions=versions)

    assert await stored(database) == [("Emma", 1, thing.updated_at)]


@pytest.mark.parametrize("values", [{}, {"name": "Persuasion"}])
@pytest.mark.parametrize("versions", [None, [1]])
async def test_a_row_that_is_not_there_is_none(
    database: Database, values: dict[str, Any], versions: list[int] | None
) -> None:
    async with database.session() as session:
        assert await change(session, Counted, uuid4(), values, versions=versions) is None


@pytest.mark.usefixtures("committed_things")
async def test_of_many_who_change_one_version_one_does(committing_app: FastAPI) -> None:
    database: Database = committing_app.state.database
    async with database.session() as session:
        thing = await create(session, Counted, {"name": "Emma"})

    async def change_it(number: int) -> bool:
        try:
            async with database.session() as session:
                await change(session, Counted, thing.id, {"name": f"{number}"}, versions=[1])
        except PreconditionFailedError:
            return False
        return True

    changed = await asyncio.gather(*(change_it(number) for number in range(30)))

    assert sum(changed) == 1
    [(name, version, _)] = await stored(database)
    assert (name, version) == (f"{changed.index(True)}", 2)


async def test_what_the_session_holds_is_written_first(database: Database) -> None:
    async with database.session() as session:
        session.add(parent := Thing(id=70, name="shelf"))
        child = await create(session, Thing, {"name": "board", "parent_id": parent.id})
        child.size = 7

        await change(session, Thing, child.id, {"name": "plank"})

    async with database.read() as session:
        found = await session.execute(select(Thing.name, Thing.size).order_by(Thing.name))
        assert [tuple(row) for row in found] == [("plank", 7), ("shelf", 1)]


def test_a_row_that_was_loaded_must_have_one_of_the_versions() -> None:
    thing = Counted(version=3)

    check_version(thing, None)
    check_version(thing, [2, 3])
    with pytest.raises(PreconditionFailedError):
        check_version(thing, [2])


@pytest.mark.parametrize("name", ["colour", "version", "parent"])
async def test_what_is_not_a_column_to_write_is_refused_by_a_sentence(
    database: Database, name: str
) -> None:
    model: Any = Thing if name == "parent" else Counted
    sentence = rf"^{model.__name__}\.{name} is not a column to write\.$"
    async with database.session() as session:
        with pytest.raises(InvalidRequestError, match=sentence):
            await create(session, model, {name: 1})
        with pytest.raises(InvalidRequestError, match=sentence):
            await change(session, model, 1, {name: 1})


class Model(Base):
    __abstract__ = True
    metadata = MetaData()


class Pair(Model):
    __tablename__ = "pair"
    left: Mapped[int] = mapped_column(primary_key=True)
    right: Mapped[int] = mapped_column(primary_key=True)


class Parent(Model):
    __tablename__ = "parent"
    id: Mapped[int] = mapped_column(primary_key=True)


class Child(Parent):
    __tablename__ = "child"
    id: Mapped[int] = mapped_column(ForeignKey("parent.id"), primary_key=True)


class Computed(Model):
    __tablename__ = "computed"
    id: Mapped[int] = mapped_column(primary_key=True)
    twice: Mapped[int] = column_property(text("id * 2").columns(id=Integer).scalar_subquery())


class Heard(Model):
    __tablename__ = "heard"
    id: Mapped[int] = mapped_column(primary_key=True)


class Validated(Model):
    __tablename__ = "validated"
    id: Mapped[int] = mapped_column(primary_key=True)

    @validates("id")
    def check(self, _: str, value: int) -> int:
        return value


class Stamped(Model):
    __tablename__ = "stamped"
    id: Mapped[int] = mapped_column(primary_key=True)
    stamp: Mapped[int] = mapped_column(onupdate=lambda: 7)


event.listen(Heard, "after_update", print)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Pair, "has a key of several columns"),
        (Child, "inherits from a model"),
        (Computed, "maps an SQL expression"),
        (Heard, "has events"),
        (Validated, "has events"),
        (Stamped, "has an onupdate in Python"),
    ],
)
async def test_a_model_that_needs_the_unit_of_work_is_refused_by_a_sentence(
    database: Database, model: Any, why: str
) -> None:
    sentence = rf"^{model.__name__} {why}: use session\.add and session\.flush\.$"
    async with database.session() as session:
        with pytest.raises(InvalidRequestError, match=sentence):
            await create(session, model, {"id": 1})
        with pytest.raises(InvalidRequestError, match=sentence):
            await change(session, model, 1, {"id": 1})


def test_clients_that_choose_what_they_change_do_not_fill_the_memory() -> None:
    assert _update.cache_info().maxsize == 256


async def test_a_bulk_update_that_forgets_the_version_fails_a_test(database: Database) -> None:
    async def run(session: AsyncSession, **values: Any) -> None:
        await session.execute(update(Counted).values(**values).where(Counted.version == 1))

    async with database.session() as session:
        await run(session, name="Emma", version=Counted.version + 1)
        with pytest.raises(AssertionError, match="forgets the version: add `version = version"):
            await run(session, name="Emma")
        with pytest.raises(AssertionError, match="forgets the version"):
            await session.execute(text("UPDATE counted_thing SET name = 'x' WHERE version = 1"))
        await session.execute(update(Thing).values(changed_at=func.now()))
