"""What most tables have."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, func
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.core.database import Base


class RecordMixin:
    """A key, and when a row was created and last changed: `class Order(RecordMixin, Base): ...`."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4, sort_order=-1)
    # clock_timestamp() and not now(), which stands still in a transaction.
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp(), sort_order=1
    )
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True),
        server_default=func.clock_timestamp(),
        onupdate=func.clock_timestamp(),
        sort_order=1,
    )


class VersionMixin:
    """Counts the changes of a row, for its ETag: `class Order(VersionMixin, RecordMixin, Base)`."""

    version: Mapped[int] = mapped_column(server_default="1", sort_order=1)

    @declared_attr.directive
    def __mapper_args__(cls: Any) -> dict[str, Any]:  # noqa: N805
        return {**Base.__mapper_args__, "version_id_col": cls.__table__.c.version}
