# mypy: ignore-errors
"""The limit: an ASGI function and asyncpg that send the same bytes, without routing or checks."""

import json
import logging
from urllib.parse import parse_qs
from uuid import UUID, uuid4

from app.core.pagination import Cursor, Page, cursor_of
from contenders import sql
from pydantic_core import to_json

# Without a handler and a parent, uvicorn writes no access log.
logging.getLogger("uvicorn.access").handlers.clear()
logging.getLogger("uvicorn.access").propagate = False

state = {}


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        async with sql.open_pool() as state["pool"]:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    status, content = await WORK[scope["method"], scope["path"] == "/items"](scope, receive)
    body = to_json(content)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


read_cursor = cursor_of(Cursor)


async def get_item(scope, _):
    return 200, dict(await state["pool"].fetchrow(sql.GET, item_id(scope)))


async def list_items(scope, _):
    query = parse_qs(scope["query_string"].decode())
    limit = int(query["limit"][0])
    if after := query.get("after"):
        rows = await state["pool"].fetch(sql.AFTER, limit + 1, *await read_cursor(after[0]))
    else:
        rows = await state["pool"].fetch(sql.FIRST, limit + 1)
    page = Page.of(rows, limit=limit, cursor=lambda row: Cursor(row["created_at"], row["id"]))
    return 200, {"items": [dict(row) for row in page.items], "next": page.next}


async def create_item(_, receive):
    data = json.loads((await receive())["body"])
    values = (uuid4(), data["name"], data.get("attributes", {}))
    return 201, dict(await state["pool"].fetchrow(sql.CREATE, *values))


async def update_item(scope, receive):
    data = json.loads((await receive())["body"])
    values = (item_id(scope), data.get("name"), data.get("attributes"))
    return 200, dict(await state["pool"].fetchrow(sql.UPDATE, *values))


def item_id(scope):
    return UUID(scope["path"].removeprefix("/items/"))


WORK = {
    ("GET", False): get_item,
    ("GET", True): list_items,
    ("POST", True): create_item,
    ("PATCH", False): update_item,
}
