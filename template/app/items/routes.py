"""URLs and status codes of items."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.core.conditional import IfMatch, IfNoneMatch, tagged
from app.core.database import ReadSessionDep, SessionDep
from app.core.errors import problems
from app.core.idempotency import idempotent
from app.core.pagination import After, Limit, Page, PageRead
from app.core.schemas import Text
from app.items import service
from app.items.models import Item
from app.items.schemas import ItemCreate, ItemRead, ItemSummary, ItemUpdate

router = APIRouter(prefix="/items")


@router.get("", response_model=PageRead[ItemSummary])
async def list_items(
    session: ReadSessionDep,
    after: After,
    limit: Limit = 20,
    name_prefix: Annotated[Text, Query(max_length=100)] = "",
) -> Page[Item]:
    """List items, oldest first, a page at a time."""
    return await service.list_items(session, limit=limit, after=after, name_prefix=name_prefix)


@router.get("/{item_id}", response_model=ItemRead, responses=problems(404))
async def get_item(
    session: ReadSessionDep, item_id: uuid.UUID, response: Response, seen: IfNoneMatch = None
) -> Item:
    """Get one item."""
    return tagged(await service.get_item(session, item_id), response, seen)


@idempotent(router).post("", response_model=ItemRead, status_code=201, responses=problems(409))
async def create_item(
    session: SessionDep, data: ItemCreate, request: Request, response: Response
) -> Item:
    """Create an item. Its name must not be taken."""
    item = await service.create_item(session, data)
    response.headers["Location"] = request.url_for("get_item", item_id=item.id).path
    return tagged(item, response)


@router.patch("/{item_id}", response_model=ItemRead, responses=problems(404, 409))
async def update_item(
    session: SessionDep,
    item_id: uuid.UUID,
    data: ItemUpdate,
    response: Response,
    seen: IfMatch = None,
) -> Item:
    """Change what is given; what is left out stays as it is."""
    return tagged(await service.update_item(session, item_id, data, versions=seen), response)


@router.delete("/{item_id}", status_code=204, responses=problems(404, 409))
async def delete_item(session: SessionDep, item_id: uuid.UUID, seen: IfMatch = None) -> None:
    """Delete an item."""
    await service.delete_item(session, item_id, versions=seen)
