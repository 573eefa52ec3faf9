# mypy: ignore-errors
"""The limit of a FastAPI service: hand-written SQL on asyncpg, and the service's middleware."""

from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID, uuid4

import asyncpg
from app.core.config import settings
from app.core.errors import ConflictError, NotFoundError
from app.core.logger import configure_logging
from app.core.pagination import After, Cursor, Limit, Page, PageRead
from app.items.schemas import ItemCreate, ItemRead, ItemSummary, ItemUpdate
from app.server.error_handlers import add_error_handlers
from app.server.request_limits import RequestLimits
from app.server.request_log import RequestLog
from app.server.response_headers import ResponseHeaders
from contenders import sql
from fastapi import Depends, FastAPI, Request, Response
from starlette.middleware.body_limit import RequestBodyLimitMiddleware


@asynccontextmanager
async def lifespan(app):
    async with sql.open_pool() as app.state.pool:
        yield


async def get_pool(request: Request):
    return request.app.state.pool


PoolDep = Annotated[asyncpg.Pool, Depends(get_pool)]

configure_logging(settings)
app = FastAPI(lifespan=lifespan)
add_error_handlers(app)
app.add_middleware(RequestBodyLimitMiddleware, max_body_size=settings.max_body_bytes)
app.add_middleware(
    RequestLimits,
    body_seconds=settings.body_timeout_seconds,
    seconds=settings.request_timeout_seconds,
)
app.add_middleware(RequestLog, headers=ResponseHeaders(settings.hsts_seconds))


@app.get("/items", response_model=PageRead[ItemSummary])
async def list_items(pool: PoolDep, after: After, limit: Limit = 20):
    if after is None:
        rows = await pool.fetch(sql.FIRST, limit + 1)
    else:
        rows = await pool.fetch(sql.AFTER, limit + 1, *after)
    items = [dict(row) for row in rows]
    return Page.of(items, limit=limit, cursor=lambda row: Cursor(row["created_at"], row["id"]))


@app.get("/items/{item_id}", response_model=ItemRead)
async def get_item(pool: PoolDep, item_id: UUID):
    return found(await pool.fetchrow(sql.GET, item_id), item_id)


@app.post("/items", response_model=ItemRead, status_code=201)
async def create_item(pool: PoolDep, data: ItemCreate, response: Response):
    item_id = uuid4()
    try:
        row = await pool.fetchrow(sql.CREATE, item_id, data.name, data.attributes)
    except asyncpg.UniqueViolationError as error:
        raise ConflictError("This is already taken.") from error
    response.headers["Location"] = f"/items/{item_id}"
    return dict(row)


@app.patch("/items/{item_id}", response_model=ItemRead)
async def update_item(pool: PoolDep, item_id: UUID, data: ItemUpdate):
    given = data.model_dump(exclude_unset=True)
    values = (item_id, given.get("name"), given.get("attributes"))
    return found(await pool.fetchrow(sql.UPDATE, *values), item_id)


def found(row, item_id):
    if row is None:
        raise NotFoundError(f"There is no item {item_id}.")
    return dict(row)
