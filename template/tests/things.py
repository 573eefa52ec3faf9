"""Tables for the tests of the core and the server, which must not need the example."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, MetaData, String, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.database import Base, Database
from app.core.models import RecordMixin, VersionMixin


class Thing(Base):
    __tablename__ = "thing"
    # Not the service's metadata: migrations must not see it.
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int] = mapped_column(server_default="1")
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    changed_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True),
        server_default=func.clock_timestamp(),
        onupdate=func.clock_timestamp(),
    )
    parent_id: Mapped[int | None] = mapped_column(
        ForeignKey("thing.id", deferrable=True, initially="DEFERRED")
    )
    parent: Mapped["Thing | None"] = relationship(remote_side="Thing.id")

    __table_args__ = (CheckConstraint("size > 0", name="size_positive"),)


class Counted(VersionMixin, RecordMixin, Base):
    __tablename__ = "counted_thing"
    metadata = Thing.metadata

    name: Mapped[str] = mapped_column(String(100))
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")


async def names(database: Database) -> list[str]:
    """The names of all things."""
    async with database.read() as session:
        return list(await session.scalars(select(Thing.name).order_by(Thing.name)))
