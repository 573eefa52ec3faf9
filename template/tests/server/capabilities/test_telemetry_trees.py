"""What became of requests, as their traces tell it: whole trees, asserted as such."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import select, text

from app.core.database import Database, ReadSessionDep, SessionDep
from app.core.telemetry import pools
from tests.capabilities.telemetry import Receiver, Watched, tree
from tests.things import Thing

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = {"traceparent": TRACEPARENT[:-1] + "0"}
POOL_SIZE = 2
LIMITS = {
    "postgres_pool_size": POOL_SIZE,
    "postgres_pool_timeout_seconds": 0.5,
    "request_timeout_seconds": 2,
}
REQUESTS = [
    "POST /things/lamp",
    "POST /things/lamp",
    "GET /slow",
    "GET /endless",
    "GET /failing",
    "POST /doomed",
]
WAITS_FOR_A_LOCK = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
TREE = [
    "POST /things/{name}",
    "  SELECT thing",
    "  INSERT thing",
    "  COMMIT",
    "POST /things/{name}",
    "  SELECT thing",
    "  INSERT thing 23505",
    "GET /slow 503",
    "  SET",
    "  SELECT thing 57014",
    "GET /endless 503",
    "  SELECT CancelledError",
    "GET /failing 500 builtins.RuntimeError",
    "  SELECT thing",
    "POST /doomed 500 sqlalchemy.exc.IntegrityError",
    "  INSERT thing",
    "  COMMIT 23503",
    "POST /race/{name}",
    "  INSERT thing",
    "  COMMIT",
    "POST /race/{name}",
    "  INSERT thing 23505",
    "GET /waits 503",
    "  connect write TimeoutError",
    "GET /waits",
    "  connect write",
    "  SELECT",
    "  COMMIT",
    "GET /endless asyncio.exceptions.CancelledError",
    "  SELECT CancelledError",
]


@dataclass
class Moments:
    """What the test waits for, and what requests wait for."""

    begun: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    go: asyncio.Event = field(default_factory=asyncio.Event)


def add_routes(app: FastAPI, moments: Moments) -> None:
    @app.post("/things/{name}")
    async def create_thing(session: SessionDep, reading: ReadSessionDep, name: str) -> None:
        await reading.scalars(select(Thing))
        session.add(Thing(name=name))
        await session.flush()

    @app.post("/race/{name}")
    async def create_slowly(session: SessionDep, name: str) -> None:
        session.add(Thing(name=name))
        await session.flush()
        moments.begun.release()
        await moments.go.wait()

    @app.get("/slow")
    async def be_slow(session: SessionDep) -> None:
        await session.execute(text("SET LOCAL statement_timeout = 10"))
        await session.execute(text("SELECT pg_sleep(60) FROM thing"))

    @app.get("/endless")
    async def be_endless(session: ReadSessionDep) -> None:
        moments.begun.release()
        await session.execute(text("SELECT pg_sleep(60)"))

    @app.get("/failing")
    async def fail(session: SessionDep) -> None:
        await session.scalars(select(Thing))
        raise RuntimeError("A message that only the log has.")

    @app.post("/doomed")
    async def commit_in_vain(session: SessionDep) -> None:
        session.add(Thing(name="orphan", parent_id=7))  # a constraint that is checked in the end

    @app.get("/waits")
    async def hold_a_connection(session: SessionDep) -> None:
        await session.execute(text("SELECT 1"))
        moments.begun.release()
        await moments.go.wait()


@asynccontextmanager
async def all_connections_held(client: AsyncClient, moments: Moments) -> AsyncIterator[None]:
    """By requests that are not traced."""
    moments.go.clear()
    async with asyncio.TaskGroup() as holding:
        for _ in range(POOL_SIZE):
            holding.create_task(client.get("/waits", headers=UNSAMPLED))
            await moments.begun.acquire()
        yield
        moments.go.set()


async def race(client: AsyncClient, moments: Moments, database: Database) -> list[int]:
    """Two requests write one name; the second waits for what the first one does."""
    moments.go.clear()
    first = asyncio.create_task(client.post("/race/chair"))
    await moments.begun.acquire()
    second = asyncio.create_task(client.post("/race/chair"))
    async with database.probe_engine.connect() as connection:
        while not await connection.scalar(WAITS_FOR_A_LOCK):
            pass
    moments.go.set()
    return [answer.status_code for answer in await asyncio.gather(first, second)]


async def wait_for_the_pool(client: AsyncClient, moments: Moments) -> list[int]:
    """In vain, then with success."""
    async with all_connections_held(client, moments):
        in_vain = await client.get("/waits")
        waiting = asyncio.create_task(client.get("/waits"))
        await asyncio.sleep(0.1)  # so long does it wait
    await moments.begun.acquire()
    return [in_vain.status_code, (await waiting).status_code]


async def go_away(client: AsyncClient, moments: Moments) -> None:
    await client.post("/things/lamp", headers=UNSAMPLED)  # so that a connection to read is open
    going = asyncio.create_task(client.get("/endless"))
    await moments.begun.acquire()
    going.cancel()
    await asyncio.wait([going])


async def test_a_trace_tells_what_became_of_each_request(
    watched: Watched, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "SHORTEST_WAIT_SECONDS", 0.05)
    moments, apps = Moments(), list[FastAPI]()

    def prepare(app: FastAPI) -> None:
        apps.append(app)
        add_routes(app, moments)

    async with watched(prepare, LIMITS) as client:
        async with all_connections_held(client, moments):  # so that they are open
            await client.post("/doomed", headers=UNSAMPLED)
        client.headers["traceparent"] = TRACEPARENT
        statuses = [(await client.request(*request.split())).status_code for request in REQUESTS]
        moments.begun = asyncio.Semaphore(0)
        statuses += await race(client, moments, apps[0].state.database)
        statuses += await wait_for_the_pool(client, moments)
        await go_away(client, moments)

    assert statuses == [200, 409, 503, 503, 500, 500, 200, 409, 503, 200]
    assert tree(receiver.spans) == TREE
    assert {
        str(told[pools.NAME]): point.as_int
        for told, point in receiver.points["db.client.connection.timeouts"]
    } == {"write": 2, "read": 0, "probe": 0}
