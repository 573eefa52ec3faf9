"""Requests that may be repeated: the header Idempotency-Key, as in draft 07 of the IETF.

The key and its answer are a row of the request's own transaction: there exactly if its writes are.
"""

import hashlib
import re
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial, wraps
from http import HTTPStatus
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.routing import APIRoute
from pydantic_core import to_json
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Base
from app.core.errors import InvalidError

NAME = "Idempotency-Key"
KEY = re.compile(r'"([ !#-\[\]-~]{1,255})"|([!#-+\--\[\]-~]{1,255})')
LARGEST_ANSWER = 65_536
NOT_KEPT = ("content-length", "set-cookie")

NOW = sa.func.clock_timestamp()
KEYS = sa.Table(  # joins the service's metadata, and so its migrations, with the first route
    "idempotency_key",
    sa.MetaData(),
    sa.Column("id", sa.LargeBinary, primary_key=True),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("headers", JSONB),
    sa.Column("body", sa.LargeBinary),
    sa.Column("created_at", sa.DateTime(True), server_default=NOW, nullable=False, index=True),
)
GIVEN = [sa.bindparam(name, type_=sa.LargeBinary) for name in ("id", "request")]
IS_FREE = sa.func.pg_try_advisory_xact_lock(sa.bindparam("lock", type_=sa.BigInteger))
FIRST = insert(KEYS).from_select(["id", "request"], sa.select(*GIVEN).where(IS_FREE), False)
CLAIM = FIRST.on_conflict_do_nothing().returning(KEYS.c.id)
OF_KEY = KEYS.c.id == sa.bindparam("of_id")


def idempotent(router: APIRouter, *, required: bool = False) -> APIRouter:
    """The router, for a route that takes an Idempotency-Key: `@idempotent(router).post(...)`.

    Its handler is async and takes `request: Request` and `session: SessionDep`, through which it
    writes; its answer has 65,536 bytes at most. Keys are the caller's own where authentication has
    set `request.state.caller_id`.
    """
    schema = {"type": "string", "pattern": f"^({KEY.pattern})$"}
    header = {"name": NAME, "in": "header", "required": required, "schema": schema}

    def add_api_route(path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        options["openapi_extra"] = {"parameters": [header], **(options["openapi_extra"] or {})}
        options["route_class_override"] = _Route
        router.add_api_route(path, _once(endpoint, required=required), **options)

    if KEYS.name not in Base.metadata.tables:
        KEYS.to_metadata(Base.metadata)
    adder = APIRouter()
    adder.add_api_route = add_api_route  # type: ignore[method-assign]
    return adder


async def sweep(session: AsyncSession, *, age: timedelta, limit: int = 1000) -> int:
    """Delete the oldest keys of more than this age; return how many they were."""
    old = sa.select(KEYS.c.id).where(KEYS.c.created_at < NOW - age).order_by(KEYS.c.created_at)
    found = old.limit(limit).with_for_update(skip_locked=True)
    swept = sa.delete(KEYS).where(KEYS.c.id.in_(found)).returning(KEYS.c.id)
    return len((await session.scalars(swept)).all())


class _Route(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_and_keep(request: Request) -> Response:
            response = await handle(request)
            if keep := getattr(request.state, "keep_answer", None):
                await keep(response)  # the commit follows
            return response

        return handle_and_keep


def _once(endpoint: Callable[..., Any], *, required: bool) -> Callable[..., Any]:
    """The handler, which FastAPI calls after all dependencies, so after authentication."""

    @wraps(endpoint)
    async def once(*, session: AsyncSession, request: Request, **others: Any) -> Any:
        key = KEY.fullmatch(", ".join(request.headers.getlist(NAME)))
        if key is None and (required or NAME in request.headers):
            raise HTTPException(400, f"{NAME} must be 1 to 255 visible characters of ASCII.")
        answer = await _claim(session, request, key[1] or key[2]) if key else None
        return answer or await endpoint(session=session, request=request, **others)

    return once


async def _claim(session: AsyncSession, request: Request, key: str) -> Response | None:
    """The answer of the first request with this key; None if this is the first."""
    caller, route = str(getattr(request.state, "caller_id", "")), request.scope["route"].path
    key_id = hashlib.sha256(to_json((caller, request.method, route, key))).digest()
    url = to_json((request.url.path, request.url.query))
    sent = hashlib.sha256(url + await request.body()).digest()
    lock = int.from_bytes(key_id[:8], signed=True)
    if await session.scalar(CLAIM, {"id": key_id, "request": sent, "lock": lock}):
        request.state.keep_answer = partial(_keep, session, key_id)
        return None
    kept = (await session.execute(sa.select(KEYS).where(OF_KEY), {"of_id": key_id})).one_or_none()
    if kept is None:
        sentence = f"The first request with this {NAME} is under way. Try again."
        raise HTTPException(409, sentence, headers={"Retry-After": "1"})
    if kept.request != sent:
        raise InvalidError(f"This {NAME} was used for another request.")
    response = Response(kept.body, kept.status, {"Idempotent-Replayed": "true"})
    for name, value in kept.headers:
        response.headers.append(name, value)
    return response


async def _keep(session: AsyncSession, key_id: bytes, response: Response) -> None:
    body = getattr(response, "body", None)
    if body is None or len(body) > LARGEST_ANSWER:
        raise ValueError(f"An idempotent answer has {LARGEST_ANSWER} bytes at most, and no stream.")
    headers = [each for each in response.headers.items() if each[0] not in NOT_KEPT]
    answer = {"status": response.status_code, "headers": headers, "body": bytes(body)}
    failed = response.status_code >= HTTPStatus.BAD_REQUEST
    statement = sa.delete(KEYS) if failed else sa.update(KEYS).values(answer)
    await session.execute(statement.where(OF_KEY), {"of_id": key_id})
