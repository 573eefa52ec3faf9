"""Keyset pagination: a page starts after the last row of the one before, however deep it lies."""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Generic, NamedTuple, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict

from app.core.errors import InvalidError, InvalidValue

RowT = TypeVar("RowT")

# 24 bytes: microseconds and a UUID. All such text is a cursor, so the API's description can say it:
# the leading A keeps the moment below the year 9135, and `datetime` takes no year after 9999.
CURSOR = "A[A-Za-z0-9_-]{31}"
BEGINNING = datetime.min.replace(tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Cursor(NamedTuple):
    """The place of a row in the order of a list."""

    created_at: datetime
    id: UUID

    def encode(self) -> str:
        """Text that clients send back as it is."""
        microseconds = (self.created_at - BEGINNING) // MICROSECOND
        return base64.urlsafe_b64encode(microseconds.to_bytes(8) + self.id.bytes).decode()

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Raises `ValueError` for what `encode` has not made."""
        if not re.fullmatch(CURSOR, text):
            raise ValueError("no cursor of ours")
        decoded = base64.urlsafe_b64decode(text)
        created_at = BEGINNING + int.from_bytes(decoded[:8]) * MICROSECOND
        return cls(created_at, UUID(bytes=decoded[8:]))


@dataclass(frozen=True)
class Page(Generic[RowT]):
    """Rows, and the cursor that the next page starts after: None on the last page."""

    items: Sequence[RowT]
    next: str | None

    @classmethod
    def of(
        cls, rows: Sequence[RowT], *, limit: int, cursor: Callable[[RowT], Cursor]
    ) -> "Page[RowT]":
        """A page of `limit` rows, made of the `limit + 1` that were asked for."""
        items = rows[:limit]
        return cls(items, cursor(items[-1]).encode() if len(rows) > limit else None)


class PageRead(BaseModel, Generic[RowT]):
    """A page as clients get it: `response_model=PageRead[ItemRead]`."""

    model_config = ConfigDict(from_attributes=True)

    items: list[RowT]
    next: str | None


async def read_cursor(  # FastAPI would run one that is not `async` in a thread: 0.1 ms
    after: Annotated[str, Query(json_schema_extra={"pattern": f"^({CURSOR})?$"})] = "",
) -> Cursor | None:
    """`after` of a request. Raises `InvalidError` for a cursor that the service has not made."""
    try:
        return Cursor.decode(after) if after else None
    except ValueError as error:
        invalid = InvalidValue(pointer="/query/after", detail="It must be `next` of a page.")
        raise InvalidError("The request is not valid: see `errors`.", errors=[invalid]) from error


Limit = Annotated[int, Query(ge=1, le=100)]
After = Annotated[Cursor | None, Depends(read_cursor)]
