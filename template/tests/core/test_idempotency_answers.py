"""Which answers are kept, for how long, and what the routes say of their keys."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from httpx2 import AsyncClient
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import Base, Database, SessionDep
from app.core.idempotency import KEYS, idempotent, sweep
from app.core.writes import create
from tests.things import Counted

KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}


@pytest.fixture
async def shop(
    app: FastAPI, connection: AsyncConnection, client: AsyncClient, things: None
) -> AsyncClient:
    await connection.run_sync(lambda sync: KEYS.create(sync, checkfirst=True))
    router = APIRouter()

    @idempotent(router).post("/counted-things/answers/{how}", response_model=None)
    async def answer_somehow(
        session: SessionDep, request: Request, how: str
    ) -> Response | dict[str, str] | None:
        await create(session, Counted, {"name": how})
        large = "x" * (65_536 if how == "too large" else 65_534)
        return {
            "refused": JSONResponse({"detail": "no"}, 418),
            "stream": StreamingResponse(iter([b"x"])),
            "bytes": Response(b"\0\xff", 200, media_type="application/octet-stream"),
            "empty": Response(status_code=204),
            "large": JSONResponse(large),
            "too large": JSONResponse(large),
        }[how]

    @idempotent(router, required=True).post("/counted-things/orders")
    async def order_counted_things(session: SessionDep, request: Request) -> None:
        """Order what is in the basket."""

    app.include_router(router)
    return client


async def names(database: Database) -> list[str]:
    async with database.read() as session:
        return list(await session.scalars(select(Counted.name).order_by(Counted.name)))


async def count_keys(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(KEYS)) or 0


async def test_a_route_may_require_a_key(shop: AsyncClient) -> None:
    assert (await shop.post("/counted-things/orders")).status_code == 400
    assert (await shop.post("/counted-things/orders", headers=KEY)).status_code == 200


@pytest.mark.parametrize(
    ("how", "status", "content", "kept"),
    [
        ("bytes", 200, b"\0\xff", True),
        ("empty", 204, b"", True),
        ("large", 200, b'"' + b"x" * 65_534 + b'"', True),
        ("refused", 418, b'{"detail":"no"}', False),
    ],
)
async def test_every_answer_but_a_refusal_is_kept_as_it_is(
    shop: AsyncClient, database: Database, how: str, status: int, content: bytes, kept: bool
) -> None:
    answers = [await shop.post(f"/counted-things/answers/{how}", headers=KEY) for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(status, content)] * 2
    assert answers[0].headers.get("Content-Type") == answers[1].headers.get("Content-Type")
    assert ("Idempotent-Replayed" in answers[1].headers, await count_keys(database)) == (kept, kept)


async def test_a_key_costs_two_statements(
    shop: AsyncClient, assert_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    with assert_queries(1):
        await shop.post("/counted-things/answers/empty")
    with assert_queries(1 + 2):
        await shop.post("/counted-things/answers/empty", headers=KEY)


@pytest.mark.parametrize("how", ["stream", "too large"])
async def test_an_answer_that_cannot_be_kept_is_rolled_back(
    shop: AsyncClient, database: Database, how: str
) -> None:
    refused = await shop.post(f"/counted-things/answers/{how}", headers=KEY)
    without_key = await shop.post(f"/counted-things/answers/{how}")

    assert (refused.status_code, without_key.status_code) == (500, 200)
    assert await names(database) == [how]


async def test_a_sweep_deletes_the_oldest_keys(shop: AsyncClient, database: Database) -> None:
    for number in range(5):
        key = {"Idempotency-Key": f"{number}"}
        await shop.post("/counted-things/orders", headers=key)
    old = KEYS.c.created_at - text("interval '1 hour' * status")
    async with database.session() as session:
        oldest = select(KEYS.c.id).order_by(KEYS.c.created_at).limit(4)
        await session.execute(update(KEYS).where(KEYS.c.id.in_(oldest)).values(created_at=old))

    async with database.session() as session:
        swept = [await sweep(session, age=timedelta(hours=1), limit=3) for _ in range(3)]
    again = await shop.post("/counted-things/orders", headers={"Idempotency-Key": "4"})
    anew = await shop.post("/counted-things/orders", headers={"Idempotency-Key": "0"})

    assert swept == [3, 1, 0]
    assert ["Idempotent-Replayed" in answer.headers for answer in (again, anew)] == [True, False]


async def test_two_sweeps_at_once_do_not_wait_for_each_other(committing_app: FastAPI) -> None:
    database: Database = committing_app.state.database
    async with database.engine.begin() as connection:
        await connection.run_sync(lambda sync: KEYS.create(sync, checkfirst=True))
        keys = [{"id": bytes([number]), "request": b""} for number in range(3)]
        await connection.execute(insert(KEYS), keys)

    async with database.session() as first, database.session() as second:
        swept = [
            await sweep(session, age=timedelta(0), limit=limit)
            for session, limit in ((first, 2), (second, 3))
        ]

    assert swept == [2, 1]


async def test_keys_are_described(shop: AsyncClient) -> None:
    paths = (await shop.get("/openapi.json")).json()["paths"]
    optional = paths["/counted-things/answers/{how}"]["post"]
    required = paths["/counted-things/orders"]["post"]

    for operation in (optional, required):
        key = operation["parameters"][-1]
        assert (key["name"], key["in"]) == ("Idempotency-Key", "header")
        assert (key["required"], key["schema"]["type"]) == (operation is required, "string")
        assert {"200", "400", "409", "422"} <= set(operation["responses"])
    assert required["description"] == "Order what is in the basket."
    assert required["operationId"] == "order_counted_things"


def test_the_table_is_the_service_s_once_a_route_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = type(Base.metadata)(naming_convention=Base.metadata.naming_convention)
    monkeypatch.setattr(Base, "metadata", mine)

    assert "idempotency_key" not in mine.tables
    for _ in range(2):
        idempotent(APIRouter())

    table = mine.tables["idempotency_key"]
    assert table.primary_key.name == "idempotency_key_pkey"
    assert [index.name for index in table.indexes] == ["idempotency_key_created_at_idx"]
