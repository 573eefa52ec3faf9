import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from httpx2 import AsyncClient
from sqlalchemy import Connection, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callbacks import add_callback
from app.core.database import Database, SessionDep
from app.core.errors import ConflictError
from app.core.idempotency import KEYS, idempotent
from app.core.writes import create
from tests.things import Counted

KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
AGAIN = {"Idempotent-Replayed": "true"}


def create_keys(connection: Connection) -> None:
    """Where no feature of the service has brought the table."""
    KEYS.create(connection, checkfirst=True)


async def authenticate(request: Request, caller: Annotated[str, Header()] = "") -> str:
    request.state.caller_id = caller
    return caller


def add_routes(app: FastAPI) -> None:
    router = APIRouter(prefix="/counted-things")

    @idempotent(router).post("/{shelf}", status_code=201)
    async def create_counted_thing(
        session: SessionDep,
        shelf: str,
        data: dict[str, Any],
        request: Request,
        response: Response,
        caller: Annotated[str, Depends(authenticate)],
    ) -> dict[str, str]:
        """Add a thing."""
        thing = await create(session, Counted, {"name": data["name"]})
        response.headers["Location"] = f"/counted-things/{thing.id}"
        response.set_cookie("session", "secret")
        response.headers["X-Shelf"] = "caf\xe9"
        for happened in app.state.happened:
            add_callback(session, happened, timeout_seconds=1)
        if data.get("pause"):
            app.state.waits.set()
            await app.state.goes_on.wait()
        if data.get("fails"):
            raise ConflictError("There is no room.")
        return {"id": str(thing.id), "name": thing.name}

    @idempotent(router).put("/{shelf}")
    async def lend_counted_thing(
        session: SessionDep, request: Request, data: dict[str, Any]
    ) -> None: ...

    above = APIRouter(prefix="/v1")
    above.include_router(router)
    app.include_router(above)
    app.state.happened = []


async def names(database: Database) -> list[str]:
    async with database.read() as session:
        return list(await session.scalars(select(Counted.name).order_by(Counted.name)))


async def count_keys(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(KEYS)) or 0


@pytest.fixture
async def shop(
    app: FastAPI, connection: AsyncConnection, client: AsyncClient, things: None
) -> AsyncClient:
    await connection.run_sync(create_keys)
    add_routes(app)
    return client


@pytest.fixture
async def committing_shop(
    committing_app: FastAPI, committing_client: AsyncClient, committed_things: None
) -> AsyncIterator[AsyncClient]:
    async with committing_app.state.database.engine.begin() as connection:
        await connection.run_sync(create_keys)
    add_routes(committing_app)
    committing_app.state.waits, committing_app.state.goes_on = asyncio.Event(), asyncio.Event()
    yield committing_client
    committing_app.state.goes_on.set()


async def test_a_repeated_request_gets_the_first_answer(
    shop: AsyncClient, database: Database
) -> None:
    first = await shop.post("/v1/counted-things/a", json={"name": "Emma"}, headers=KEY)
    second = await shop.post("/v1/counted-things/a", json={"name": "Emma"}, headers=KEY)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second.headers["Idempotent-Replayed"] == "true"
    changed = {"X-Request-ID": second.headers["X-Request-ID"]} | AGAIN
    expected = dict(first.headers) | {name.lower(): value for name, value in changed.items()}
    del expected["set-cookie"]  # what is secret is not kept
    assert dict(second.headers) == expected
    assert await names(database) == ["Emma"]


async def test_a_request_without_a_key_is_made_as_often_as_it_is_sent(
    shop: AsyncClient, database: Database
) -> None:
    for _ in range(2):
        assert (await shop.post("/v1/counted-things/a", json={"name": "Emma"})).status_code == 201

    assert await names(database) == ["Emma", "Emma"]
    assert await count_keys(database) == 0


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/v1/counted-things/a", '{"name":"Persuasion"}', {}),
        ("/v1/counted-things/b", '{"name":"Emma"}', {}),
        ("/v1/counted-things/a?x=1", '{"name":"Emma"}', {}),
        ("/v1/counted-things/a", '{"name": "Emma"}', {}),  # the bytes must be the same
    ],
)
async def test_another_request_with_the_key_is_refused(
    shop: AsyncClient, database: Database, path: str, body: str, headers: dict[str, str]
) -> None:
    json = {"Content-Type": "application/json"}
    await shop.post("/v1/counted-things/a", content='{"name":"Emma"}', headers=KEY | json)

    refused = await shop.post(path, content=body, headers=KEY | json | headers)

    assert refused.status_code == 422
    assert refused.json()["detail"] == "This Idempotency-Key was used for another request."
    assert await names(database) == ["Emma"]


async def test_a_key_is_the_caller_s_own_and_the_route_s(
    shop: AsyncClient, database: Database
) -> None:
    for caller in ("anna", "otto", ""):
        answer = await shop.post(
            "/v1/counted-things/a", json={"name": "Emma"}, headers=KEY | {"Caller": caller}
        )
        assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (201, False)
    loan = await shop.put("/v1/counted-things/a", json={"name": "Emma"}, headers=KEY)

    assert (loan.status_code, "Idempotent-Replayed" in loan.headers) == (200, False)
    assert await names(database) == ["Emma"] * 3


@pytest.mark.parametrize(
    "key", ["", '""', '"a', 'a"b', "a b", "a,b", '"a", "b"', "\xe9", '"\xe9"', "x" * 256, "\x7f"]
)
async def test_what_is_no_key_is_a_400(shop: AsyncClient, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]

    refused = await shop.post("/v1/counted-things/a", json={"name": "Emma"}, headers=headers)

    assert refused.status_code == 400
    sentence = "Idempotency-Key must be 1 to 255 visible characters of ASCII."
    assert refused.json()["detail"] == sentence


async def test_two_keys_and_one_of_a_megabyte_are_a_400(shop: AsyncClient) -> None:
    two = [(b"Idempotency-Key", b"a"), (b"Idempotency-Key", b"b")]
    large = {"Idempotency-Key": "x" * 1_000_000}

    for headers in (two, large):
        answer = await shop.post("/v1/counted-things/a", json={"name": "Emma"}, headers=headers)
        assert answer.status_code == 400


@pytest.mark.parametrize("key", ["k", "x" * 255, '"a, b"', "a;b=c", "2026-11-29/1"])
async def test_a_key_is_a_text_with_quotation_marks_or_without(
    shop: AsyncClient, database: Database, key: str
) -> None:
    for written in (key, key if key.startswith('"') else f'"{key}"'):
        headers = {"Idempotency-Key": written}
        answer = await shop.post("/v1/counted-things/a", json={"name": "Emma"}, headers=headers)
        assert answer.status_code == 201

    assert await names(database) == ["Emma"]


@pytest.mark.parametrize("body", [{"name": "Emma", "fails": True}, {"name": None}, {}])
async def test_a_failed_request_keeps_nothing(
    shop: AsyncClient, app: FastAPI, database: Database, body: dict[str, Any]
) -> None:
    failed = await shop.post("/v1/counted-things/a", json=body, headers=KEY)
    kept = await count_keys(database)
    answer = await shop.post("/v1/counted-things/a", json={"name": "Emma"}, headers=KEY)

    assert (failed.status_code >= 400, kept, answer.status_code) == (True, 0, 201)
    assert await names(database) == ["Emma"]


async def test_a_second_request_is_told_that_the_first_is_under_way(
    committing_app: FastAPI, committing_shop: AsyncClient
) -> None:
    state, body = committing_app.state, {"name": "Emma", "pause": True}
    first = asyncio.create_task(
        committing_shop.post("/v1/counted-things/a", json=body, headers=KEY)
    )
    await state.waits.wait()

    second = await committing_shop.post("/v1/counted-things/a", json=body, headers=KEY)
    state.goes_on.set()
    answer, third = (
        await first,
        await committing_shop.post("/v1/counted-things/a", json=body, headers=KEY),
    )

    assert second.status_code == 409
    assert second.headers["Retry-After"] == "1"
    sentence = "The first request with this Idempotency-Key is under way. Try again."
    assert second.json()["detail"] == sentence
    assert (answer.status_code, third.json()) == (201, answer.json())


async def test_of_many_requests_at_once_with_one_key_one_is_made(
    committing_app: FastAPI, committing_shop: AsyncClient
) -> None:
    answers = await asyncio.gather(
        *(
            committing_shop.post("/v1/counted-things/a", json={"name": "Emma"}, headers=KEY)
            for _ in range(30)
        )
    )

    made = {answer.content for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert await names(committing_app.state.database) == ["Emma"]


async def test_what_follows_a_commit_follows_the_first_alone(
    committing_app: FastAPI, committing_shop: AsyncClient
) -> None:
    calls: list[str] = []

    async def call() -> None:
        calls.append("called")

    committing_app.state.happened = [call]
    for _ in range(2):
        await committing_shop.post("/v1/counted-things/a", json={"name": "Emma"}, headers=KEY)

    assert calls == ["called"]
