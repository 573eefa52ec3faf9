"""What one can do with items.

Nothing here knows about HTTP; nothing here commits.
"""

import uuid

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from app.core.errors import NotFoundError
from app.core.pagination import Cursor, Page
from app.items.models import Item
from app.items.schemas import ItemCreate, ItemUpdate


async def list_items(
    session: AsyncSession, *, limit: int, after: Cursor | None = None, name_prefix: str = ""
) -> Page[Item]:
    """Items without their attributes, oldest first."""
    statement = select(Item).options(defer(Item.attributes, raiseload=True))
    statement = statement.order_by(Item.created_at, Item.id).limit(limit + 1)
    if after is not None:
        statement = statement.where(tuple_(Item.created_at, Item.id) > after)
    if name_prefix:
        statement = statement.where(Item.name.startswith(name_prefix, autoescape=True))
    items = (await session.scalars(statement)).all()
    return Page.of(items, limit=limit, cursor=lambda item: Cursor(item.created_at, item.id))


async def get_item(session: AsyncSession, item_id: uuid.UUID, *, for_update: bool = False) -> Item:
    item = await session.get(Item, item_id, with_for_update=for_update or None)
    if item is None:
        raise NotFoundError(f"There is no item {item_id}.")
    return item


async def create_item(session: AsyncSession, data: ItemCreate) -> Item:
    item = Item(**data.model_dump())
    session.add(item)
    await session.flush()
    return item


async def update_item(session: AsyncSession, item_id: uuid.UUID, data: ItemUpdate) -> Item:
    item = await get_item(session, item_id, for_update=True)
    for name, value in data.model_dump(exclude_unset=True).items():
        setattr(item, name, value)
    await session.flush()
    return item


async def delete_item(session: AsyncSession, item_id: uuid.UUID) -> None:
    await session.delete(await get_item(session, item_id, for_update=True))
