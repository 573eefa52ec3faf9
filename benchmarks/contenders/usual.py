# mypy: ignore-errors
"""The usual template, written from its description.

Each request has one session, which commits at the end, also after reads. Connections are pinged
first. The table, the schemas and the middleware are the service's.
"""

from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from app.core.config import settings
from app.core.logger import configure_logging
from app.core.pagination import After, Cursor, Limit, Page, PageRead
from app.items.models import Item
from app.items.schemas import ItemCreate, ItemRead, ItemSummary, ItemUpdate
from app.server.error_handlers import add_error_handlers
from app.server.request_limits import RequestLimits
from app.server.request_log import RequestLog
from app.server.response_headers import ResponseHeaders
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic_core import to_json
from sqlalchemy import select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import defer
from starlette.middleware.body_limit import RequestBodyLimitMiddleware


@asynccontextmanager
async def lifespan(app):
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args={"dsn": settings.postgres_url.get_secret_value()},
        pool_pre_ping=True,
        pool_size=settings.postgres_pool_size,
        max_overflow=settings.postgres_pool_max_overflow,
        json_serializer=lambda value: to_json(value).decode(),
    )
    app.state.session_factory = async_sessionmaker(engine, expire_on_commit=False)
    yield
    await engine.dispose()


async def get_session(request: Request):
    async with request.app.state.session_factory() as session:
        try:
            yield session
            await session.commit()
        except Exception:
            await session.rollback()
            raise


SessionDep = Annotated[AsyncSession, Depends(get_session)]

configure_logging(settings)
Item.__mapper__.version_id_col = None  # the last of two writes wins, as usual; none is a 500
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
async def list_items(session: SessionDep, after: After, limit: Limit = 20):
    statement = select(Item).options(defer(Item.attributes))
    statement = statement.order_by(Item.created_at, Item.id).limit(limit + 1)
    if after is not None:
        statement = statement.where(tuple_(Item.created_at, Item.id) > after)
    items = (await session.scalars(statement)).all()
    return Page.of(items, limit=limit, cursor=lambda item: Cursor(item.created_at, item.id))


@app.get("/items/{item_id}", response_model=ItemRead)
async def get_item(session: SessionDep, item_id: UUID):
    if item := await session.get(Item, item_id):
        return item
    raise HTTPException(404, f"There is no item {item_id}.")


@app.post("/items", response_model=ItemRead, status_code=201)
async def create_item(session: SessionDep, data: ItemCreate, response: Response):
    item = Item(**data.model_dump())
    session.add(item)
    try:
        await session.flush()
    except IntegrityError as error:
        raise HTTPException(409, "This is already taken.") from error
    response.headers["Location"] = f"/items/{item.id}"
    return item


@app.patch("/items/{item_id}", response_model=ItemRead)
async def update_item(session: SessionDep, item_id: UUID, data: ItemUpdate):
    item = await get_item(session, item_id)
    for name, value in data.model_dump(exclude_unset=True).items():
        setattr(item, name, value)
    await session.flush()
    return item
