"""What a direct read promises: nobody can tell it from the ORM's."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL,
    bindparam,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import (
    Bundle,
    InstanceState,
    aliased,
    defer,
    joinedload,
    load_only,
    raiseload,
    selectinload,
    with_loader_criteria,
)

from app.core.config import Settings
from app.core.database import Database, open_database
from app.core.direct_reads import find
from app.core.read_session import select_by_key
from tests.things import Thing, fill, read_directly

Read = Callable[[AsyncSession, Any], Any]
ANY = aliased(Thing)
DIRECT: dict[str, Callable[[], Any]] = {
    "all": lambda: select(Thing),
    "order and pages": lambda: select(Thing).order_by(Thing.name.desc()).limit(2).offset(1),
    "in": lambda: select(Thing).where(Thing.name.in_(["lamp", "rug", "no"])),
    "in of a parameter": lambda: select(Thing).where(
        Thing.name.in_(bindparam("names", ["rug"], expanding=True))
    ),
    "like": lambda: select(Thing).where(Thing.name.startswith("l", autoescape=True)),
    "text": lambda: select(Thing).where(text("name = 'lamp'")),
    "a join that repeats rows": lambda: select(Thing).join(ANY, ANY.size == Thing.size),
    "the empty side of a join": lambda: (
        select(Thing).select_from(ANY).outerjoin(Thing, Thing.id == ANY.parent_id).order_by(ANY.id)
    ),
    "a deferred column": lambda: select(Thing).options(defer(Thing.data)),
    "a column that refuses": lambda: select(Thing).options(defer(Thing.data, raiseload=True)),
    "some columns": lambda: select(Thing).options(load_only(Thing.name)),
    "relationships that refuse": lambda: select(Thing).options(raiseload("*")),
}
OF_THE_ORM: dict[str, Callable[[], Any]] = {
    "columns": lambda: select(Thing.id, Thing.name),
    "an object and a column": lambda: select(Thing, Thing.name),
    "an alias": lambda: select(ANY),
    "a bundle": lambda: select(Bundle("both", Thing.id, Thing.name)),
    "joined objects": lambda: select(Thing).options(joinedload(Thing.parent)),
    "selected objects": lambda: select(Thing).options(selectinload(Thing.parent)),
    "no selected object": lambda: (
        select(Thing).options(selectinload(Thing.parent)).where(Thing.parent_id.is_(None))
    ),
    "criteria": lambda: select(Thing).options(with_loader_criteria(Thing, Thing.size > 1)),
    "fresh objects": lambda: select(Thing).execution_options(populate_existing=True),
    "another schema": lambda: select(Thing).execution_options(
        schema_translate_map={None: "public"}
    ),
    "a statement of its own": lambda: select(Thing).from_statement(text("SELECT * FROM thing")),
    "labels": lambda: select(Thing).set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL),
    "a union": lambda: select(Thing.name).union(select(ANY.name)),
    "text alone": lambda: text("SELECT name, changed_at, data FROM thing ORDER BY id"),
}


@pytest.fixture
async def filled(committing_app: FastAPI, committed_things: None) -> Database:
    database: Database = committing_app.state.database
    await fill(database)
    return database


def told(value: object) -> object:
    """All that there is to know of a value, so that it can be compared."""
    if isinstance(state := inspect(value, raiseerr=False), InstanceState):
        noted = {name: note for name, note in vars(state).items() if name not in OF_ONE}
        noted |= {"callables": sorted(state.callables), "expired": state.expired_attributes}
        given = {name: told(given) for name, given in state.dict.items() if name[0] != "_"}
        return type(value), given, noted, state.persistent, state.modified
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return type(value), [told(each) for each in value]
    return type(value), value


OF_ONE = {"session_id", "runid", "_instance_dict", "callables", "mapper", "manager"}


async def rows(session: AsyncSession, statement: Any) -> object:
    result = await session.execute(statement)
    kind, keys, found = type(result), list(result.keys()), result.all()
    return kind, keys, told(found), [found.index(each) for each in found]


async def scalars(session: AsyncSession, statement: Any) -> object:
    return told((await session.scalars(statement)).all())


async def unique(session: AsyncSession, statement: Any) -> object:
    return told((await session.scalars(statement)).unique().all())


async def by_entity(session: AsyncSession, statement: Any) -> object:
    found = (await session.execute(statement)).mappings().all()
    return [told(list(each.values())) for each in found]


async def both(database: Database, read: Read, statement: Any) -> tuple[object, list[object]]:
    """What the ORM finds, and what one finds who reads again and again."""
    without = database.async_read_session_factory(direct=False)
    return await read(without, statement), [await read(database.read(), statement) for _ in "1234"]


@pytest.mark.parametrize("read", [rows, scalars, unique, by_entity])
async def test_a_direct_read_finds_what_the_orm_finds(filled: Database, read: Read) -> None:
    statements = {name: build() for name, build in DIRECT.items()}

    compared = {name: await both(filled, read, each) for name, each in statements.items()}

    assert {name: again for name, (_, again) in compared.items()} == {
        name: [once] * 4 for name, (once, _) in compared.items()
    }
    assert [name for name, each in statements.items() if not find(each)] == []


async def test_what_is_not_certain_to_be_the_same_stays_with_the_orm(filled: Database) -> None:
    statements = {name: build() for name, build in OF_THE_ORM.items()}

    compared = {name: await both(filled, rows, each) for name, each in statements.items()}

    assert {name: again for name, (_, again) in compared.items()} == {
        name: [once] * 4 for name, (once, _) in compared.items()
    }
    assert [name for name, each in statements.items() if find(each)] == []


async def test_a_row_is_one_object_in_a_session(filled: Database) -> None:
    statement = select(Thing).join(ANY, ANY.size == Thing.size).order_by(Thing.id)
    session = await read_directly(filled, statement)

    first = (await session.scalars(statement)).all()
    again = (await session.scalars(statement)).all()

    assert len(first) == 5
    assert len({id(thing) for thing in [*first, *again]}) == 3
    assert await session.get(Thing, first[0].id) is first[0]


async def test_what_was_not_loaded_is_refused_or_loaded_as_by_the_orm(filled: Database) -> None:
    statement = select(Thing).options(defer(Thing.data, raiseload=True)).order_by(Thing.id)
    session = await read_directly(filled, statement)

    thing = (await session.scalars(statement)).all()[1]

    with pytest.raises(InvalidRequestError, match="raiseload=True"):
        _ = thing.data
    with pytest.raises(InvalidRequestError, match="raise_on_sql"):
        _ = thing.parent
    await session.get(Thing, thing.id)
    assert thing.data == {}


async def test_a_get_is_direct(filled: Database) -> None:
    compared = []
    for key in (1, 0):
        factory = filled.async_read_session_factory
        compared.append(
            [told(await factory(direct=way).get(Thing, key)) for way in (False, *"123")]
        )

    assert find(select_by_key(Thing))
    assert all(found == [found[0]] * 4 for found in compared)


@pytest.mark.parametrize("has_replica", [True, False])
@pytest.mark.parametrize("on", [True, False])
async def test_a_setting_turns_direct_reads_off(
    filled: Database, committing_app: FastAPI, on: bool, has_replica: bool
) -> None:
    statement = select(Thing)
    settings = committing_app.state.settings_of(Settings)
    replica = settings.postgres_url if has_replica else None
    given = {"postgres_direct_reads": on, "postgres_replica_url": replica}

    async with open_database(settings.model_copy(update=given)) as database:
        for _ in "123":
            await database.read().scalars(statement)

    assert bool(find(statement)) is on
