# mypy: ignore-errors
"""Routes that the faults need, added to a service as any other module adds its own (`app`).

It runs in the service's environment, not in this repository's: tests serve it, and don't import it.
"""

import asyncio
import gc
import time
import uuid
from collections.abc import AsyncIterator
from typing import Annotated

from app.core.config import settings
from app.core.database import (
    PrimaryReadSessionDep,
    ReadSessionDep,
    SessionDep,
    open_database,
)
from app.core.engine import LostConnectionError
from app.core.errors import NotFoundError
from app.core.idempotency import idempotent
from app.items import service
from app.items.schemas import ItemCreate
from app.main import create_app
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

router = APIRouter(prefix="/faults")
Seconds = Annotated[float, Query(ge=0, le=60)]


@router.get("/sleep")
async def sleep_in_a_read(session: ReadSessionDep, seconds: Seconds) -> None:
    await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})


@router.get("/port")
async def tell_port(session: ReadSessionDep) -> int | None:
    """Of the server that is read."""
    return await session.scalar(text("SELECT inet_server_port()"))


@router.get("/items-of-the-primary/{item_id}")
async def get_item_of_the_primary(session: PrimaryReadSessionDep, item_id: uuid.UUID) -> str:
    return (await service.get_item(session, item_id)).name


@router.post("/sleep")
async def sleep_in_a_transaction(session: SessionDep, seconds: Seconds) -> None:
    await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})


@router.post("/write-in-a-read")
async def write_in_a_read(session: ReadSessionDep) -> None:
    await session.execute(text("INSERT INTO item (name) VALUES ('lamp')"))


@router.get("/is-read-only")
async def is_read_only(session: ReadSessionDep) -> str | None:
    return await session.scalar(text("SHOW transaction_read_only"))


@router.post("/is-read-only")
async def is_a_write_read_only(session: SessionDep) -> str | None:
    return await session.scalar(text("SHOW transaction_read_only"))


@router.post("/pairs", status_code=201)
async def create_pair(session: SessionDep, data: ItemCreate, pause: Seconds = 0) -> None:
    """Two rows, both of them or none."""
    for half in (1, 2):
        await service.create_item(session, ItemCreate(name=f"{data.name} {half}"))
        await asyncio.sleep(pause)


@idempotent(router).post("/entries", status_code=201)
async def create_entry(session: SessionDep, data: ItemCreate, request: Request) -> dict[str, int]:
    """A row of a table in which a name may stand any number of times."""
    entry = text("INSERT INTO entry (name) VALUES (:name) RETURNING id")
    return {"id": await session.scalar(entry, {"name": data.name})}


@router.post("/doomed", status_code=201)
async def create_doomed(session: SessionDep, how: str) -> dict[str, str]:
    """A row that Postgres accepts, and whose commit fails."""
    await session.execute(text("INSERT INTO doomed (how) VALUES (:how)"), {"how": how})
    return {"status": "created"}


@router.get("/rows")
async def stream_rows(session: ReadSessionDep, how: str = "well") -> StreamingResponse:
    """Ten thousand numbers; after five thousand it may fail in one way or another."""
    divisor = "number - 5000" if how == "database" else "1"

    async def lines() -> AsyncIterator[str]:
        async with session.begin():
            statement = f"SELECT number, 1 / ({divisor}) FROM generate_series(1, 10000) AS number"
            async for number, _ in await session.stream(text(statement)):
                if number == 5000 and how == "handler":
                    raise RuntimeError("There is no more.")
                if number == 5000 and how == "service":
                    raise NotFoundError("There is no row 5000.")
                yield f"{number}\n"

    return StreamingResponse(lines(), media_type="text/plain")


@router.get("/large")
async def answer_at_length(megabytes: int) -> Response:
    return Response(bytes(megabytes * 2**20))


@router.get("/pools")
async def count_connections() -> dict[str, int]:
    """How many connections are in use, whatever engines there are."""
    pools = [pool for pool in gc.get_objects() if isinstance(pool, QueuePool)]
    return {"engines": len(pools), "checked_out": sum(pool.checkedout() for pool in pools)}


@router.get("/loop")
async def watch_loop(seconds: Seconds) -> list[float]:
    """The CPU time of the loop's thread each time until it came back to who waited for it."""
    until = time.monotonic() + seconds
    blocks = []
    while time.monotonic() < until:
        before = time.thread_time()
        await asyncio.sleep(0.001)
        blocks.append(time.thread_time() - before)
    return blocks


@router.get("/servers")
async def find_servers(url: str) -> dict[str, int | None]:
    """The port of the server that each engine connects to, None if it finds none."""
    there = settings.model_copy(update={"postgres_url": SecretStr(url)})
    async with open_database(there) as database:
        engines = {
            "write": database.engine,
            "read": database.async_read_session_factory.kw["bind"],
            "probe": database.probe_engine,
        }
        return {name: await _port(engine) for name, engine in engines.items()}


async def _port(engine: AsyncEngine) -> int | None:
    try:
        async with engine.connect() as connection:
            return await connection.scalar(text("SELECT inet_server_port()"))
    except LostConnectionError:
        return None


app = create_app(settings)
app.include_router(router)
