from datetime import datetime

import pytest
from sqlalchemy import MetaData, inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Mapped
from sqlalchemy.orm.exc import StaleDataError

from app.core.database import Base, Database
from app.core.models import RecordMixin
from tests.things import Counted


class Record(RecordMixin, Base):
    __tablename__ = "record"
    metadata = MetaData()  # migrations must not see it

    name: Mapped[str]


def test_a_record_has_its_key_first_and_its_moments_last() -> None:
    columns = [column.name for column in Record.__table__.columns]

    assert columns == ["id", "name", "created_at", "updated_at"]


async def test_a_record_knows_when_it_was_created_and_changed(
    database: Database, connection: AsyncConnection
) -> None:
    await connection.run_sync(Record.metadata.create_all)
    async with database.session() as session:
        session.add(record := Record(name="lamp"))
        await session.flush()
        created = (record.created_at, record.updated_at)
        record.name = "chair"
        await session.flush()

    async with database.read() as session:
        [(created_at, updated_at)] = await session.execute(
            select(Record.created_at, Record.updated_at)
        )
    assert isinstance(created_at, datetime)
    assert created_at.tzinfo is not None
    assert created_at == created[0]
    assert updated_at > created[1]


def test_a_model_with_versions_is_mapped_as_all_others() -> None:
    mapper = inspect(Counted)

    columns = [column.name for column in Counted.__table__.columns]
    assert columns == ["id", "name", "data", "version", "created_at", "updated_at"]
    assert mapper.version_id_col is Counted.__table__.c.version
    assert mapper.eager_defaults


@pytest.mark.usefixtures("things")
async def test_each_change_of_an_object_raises_its_version(database: Database) -> None:
    async with database.session() as session:
        session.add(thing := Counted(name="Emma"))
        await session.flush()
        created = thing.version
        thing.name = "Persuasion"
        await session.flush()

    assert (created, thing.version) == (1, 2)


@pytest.mark.usefixtures("things")
async def test_an_object_that_changed_since_it_was_loaded_is_not_overwritten(
    database: Database,
) -> None:
    async with database.session() as session:
        session.add(thing := Counted(name="Emma"))
    async with database.session() as session:
        (await session.get_one(Counted, thing.id)).name = "Persuasion"

    async with database.session() as session:
        session.add(thing)
        thing.name = "Sanditon"
        with pytest.raises(StaleDataError):
            await session.flush()
        session.expunge(thing)
