"""What one can do with items.

Nothing here knows about HTTP; nothing here commits.
"""

import uuid

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from app.core.errors import NotFoundError
from app.core.pagination import Cursor, Listing, Page
from app.core.writes import Versions, change, check_version, create
from app.items.models import Item
from app.items.schemas import ItemCreate, ItemUpdate

SUMMARIES = select(Item).options(defer(Item.attributes, raiseload=True))
OLDEST_FIRST = Listing(SUMMARIES, Cursor, Item.created_at, Item.id)


async def list_items(
    session: AsyncSession, *, limit: int, after: Cursor | None = None, name_prefix: str = ""
) -> Page[Item]:
    """Items without their attributes, oldest first."""
    where = [Item.name.startswith(name_prefix, autoescape=True)] if name_prefix else []
    return await OLDEST_FIRST.page(session, *where, limit=limit, after=after)


async def get_item(session: AsyncSession, item_id: uuid.UUID, *, for_update: bool = False) -> Item:
    item = await session.get(Item, item_id, with_for_update=for_update or None)
    if item is None:
        raise NotFoundError(f"There is no item {item_id}.")
    return item


async def create_item(session: AsyncSession, data: ItemCreate) -> Item:
    return await create(session, Item, data.model_dump())


async def update_item(
    session: AsyncSession, item_id: uuid.UUID, data: ItemUpdate, *, versions: Versions = None
) -> Item:
    values = data.model_dump(exclude_unset=True)
    item = await change(session, Item, item_id, values, versions=versions)
    return item or await get_item(session, item_id)  # which raises


async def delete_item(
    session: AsyncSession, item_id: uuid.UUID, *, versions: Versions = None
) -> None:
    item = await get_item(session, item_id, for_update=True)
    check_version(item, versions)
    await session.delete(item)
