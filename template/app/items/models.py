from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.models import RecordMixin, VersionMixin


class Item(VersionMixin, RecordMixin, Base):
    """Something with a name."""

    __tablename__ = "item"

    name: Mapped[str] = mapped_column(String(100), unique=True)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))

    __table_args__ = (
        Index(None, "created_at", "id"),  # the order of the list
        # Serves `LIKE 'prefix%'`, which the index of the unique constraint does not.
        Index(None, "name", postgresql_ops={"name": "text_pattern_ops"}),
    )
