from datetime import datetime

from sqlalchemy import MetaData, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Mapped

from app.core.database import Base, Database
from app.core.models import RecordMixin


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
