import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from httpx2 import ASGITransport, AsyncClient
from structlog.testing import capture_logs

from app.core.config import Settings
from app.core.database import Database, SessionDep
from app.main import create_app
from tests.things import Thing, names

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def hasty_client(settings: Settings) -> AsyncIterator[AsyncClient]:
    """A service that waits for a body for 0.2 s."""
    app = create_app(settings.model_copy(update={"body_timeout_seconds": 0.2}))

    @app.post("/things")
    async def create_thing(data: dict[str, str]) -> None: ...

    @app.post("/slow")
    async def work(request: Request, data: dict[str, str]) -> bool:
        await asyncio.sleep(0.3)
        return await request.is_disconnected()

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_a_body_that_does_not_arrive_is_given_up(hasty_client: AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        response = await hasty_client.post("/things", content=chunks(), headers=JSON)

    assert response.status_code == 408
    assert response.json()["detail"] == "The body must arrive within 0.2 seconds."


async def test_a_body_that_arrives_bit_by_bit_is_given_up(hasty_client: AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for byte in b"{    }":
            await asyncio.sleep(0.06)
            yield bytes([byte])

    response = await hasty_client.post("/things", content=chunks(), headers=JSON)

    assert response.status_code == 408


async def test_work_may_take_longer_than_its_body(hasty_client: AsyncClient) -> None:
    response = await hasty_client.post("/slow", json={})

    assert (response.status_code, response.json()) == (200, False)


@pytest.fixture
async def impatient_app(settings: Settings, database: Database, things: None) -> FastAPI:
    """A service that works for 0.2 s on a request."""
    app = create_app(settings.model_copy(update={"request_timeout_seconds": 0.2}))
    app.state.database = database
    return app


@pytest.fixture
async def impatient_client(impatient_app: FastAPI) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(impatient_app)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_request_that_takes_too_long_is_a_503_and_rolled_back(
    impatient_app: FastAPI, impatient_client: AsyncClient, database: Database
) -> None:
    @impatient_app.post("/things")
    async def wait(session: SessionDep) -> None:
        session.add(Thing(name="lamp"))
        await session.flush()
        await asyncio.sleep(3600)

    with capture_logs() as lines:
        async with asyncio.timeout(10):
            response = await impatient_client.post("/things")

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.json()["detail"] == "This took more than 0.2 seconds."
    assert await names(database) == []
    [line] = [line for line in lines if line["log_level"] == "error"]
    assert isinstance(line["exc_info"].__cause__, TimeoutError)
    assert [line["status"] for line in lines if line["event"] == "request"] == [503]


async def test_a_response_that_has_begun_may_take_its_time(
    impatient_app: FastAPI, impatient_client: AsyncClient
) -> None:
    async def parts() -> AsyncIterator[str]:
        for _ in range(4):
            await asyncio.sleep(0.1)
            yield "a"

    @impatient_app.get("/things")
    async def stream() -> StreamingResponse:
        return StreamingResponse(parts())

    assert (await impatient_client.get("/things")).text == "aaaa"


async def test_a_time_limit_of_a_handler_s_own_is_its_own_fault(
    impatient_app: FastAPI, impatient_client: AsyncClient
) -> None:
    @impatient_app.get("/things")
    async def wait() -> None:
        async with asyncio.timeout(0):
            await asyncio.sleep(3600)

    assert (await impatient_client.get("/things")).status_code == 500
