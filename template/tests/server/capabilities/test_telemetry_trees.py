"""What became of requests, as their trace tells it."""

import asyncio

from fastapi import FastAPI
from sqlalchemy import select, text

from app.core.database import ReadSessionDep, SessionDep
from tests.capabilities.telemetry import Receiver, Watched, tree
from tests.things import Thing

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def add_routes(app: FastAPI) -> None:
    @app.post("/things/{name}")
    async def create_thing(session: SessionDep, reading: ReadSessionDep, name: str) -> None:
        await reading.scalars(select(Thing))
        session.add(Thing(name=name))
        await session.flush()

    @app.get("/slow")
    async def be_slow(session: SessionDep) -> None:
        await session.execute(text("SET LOCAL statement_timeout = 10"))
        await session.execute(text("SELECT pg_sleep(60) FROM thing"))

    @app.get("/endless")
    async def be_endless(session: ReadSessionDep) -> None:
        await session.execute(text("SELECT pg_sleep(60)"))

    @app.get("/failing")
    async def fail(session: SessionDep) -> None:
        await session.scalars(select(Thing))
        raise RuntimeError("A message that only the log has.")

    @app.post("/doomed")
    async def commit_in_vain(session: SessionDep) -> None:
        session.add(Thing(name="orphan", parent_id=7))  # a constraint that is checked in the end


async def test_a_trace_tells_what_became_of_each_request(
    watched: Watched, receiver: Receiver
) -> None:
    async with watched(add_routes, {"request_timeout_seconds": 1}) as client:
        client.headers["traceparent"] = TRACEPARENT
        statuses = [
            (await client.request(method, path)).status_code
            for method, path in (
                ("POST", "/things/lamp"),
                ("POST", "/things/lamp"),
                ("GET", "/slow"),
                ("GET", "/endless"),
                ("GET", "/failing"),
                ("POST", "/doomed"),
            )
        ]

    assert statuses == [200, 409, 503, 503, 500, 500]
    lines = [line for line in tree(receiver.spans) if "connect" not in line]
    assert lines == [
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
    ]


async def test_a_wait_for_the_pool_is_a_span_and_so_is_one_in_vain(
    watched: Watched, receiver: Receiver
) -> None:
    held, free = asyncio.Event(), asyncio.Event()

    def prepare(app: FastAPI) -> None:
        @app.get("/holds")
        async def hold(session: SessionDep) -> None:
            await session.execute(text("SELECT 1"))
            held.set()
            await free.wait()

        @app.get("/waits")
        async def wait(session: SessionDep) -> None:
            await session.execute(text("SELECT 1"))

    limits = {"postgres_pool_size": 1, "postgres_pool_timeout_seconds": 0.2}
    async with watched(prepare, limits) as client:
        holding = asyncio.create_task(client.get("/holds"))
        await held.wait()
        in_vain = await client.get("/waits")
        waiting = asyncio.create_task(client.get("/waits"))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.05, free.set)
        await asyncio.gather(holding, waiting)

    assert (in_vain.status_code, waiting.result().status_code) == (503, 200)
    trees = tree(receiver.spans)
    assert "  connect write TimeoutError" in trees
    waits = [span for span in receiver.spans if span.name == "connect write"]
    longest = max(span.end_time_unix_nano - span.start_time_unix_nano for span in waits)
    assert longest >= 0.2e9
    timeouts = {
        str(told["db.client.connection.pool.name"]): point.as_int
        for told, point in receiver.points["db.client.connection.timeouts"]
    }
    assert timeouts == {"write": 1, "read": 0, "probe": 0}
