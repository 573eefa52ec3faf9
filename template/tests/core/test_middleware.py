import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Request
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from structlog.contextvars import bind_contextvars, get_contextvars
from structlog.testing import capture_logs

from app.core.config import Settings
from app.core.database import SessionDep
from app.main import create_app


async def test_a_request_is_one_line_with_its_statements(
    committing_app: FastAPI, committing_client: AsyncClient
) -> None:
    @committing_app.get("/things/{thing_id}")
    async def get_thing(session: SessionDep, thing_id: int) -> None:
        await session.execute(text("SELECT 1"))
        await session.execute(text("SELECT 2"))

    with capture_logs() as lines:
        await committing_client.get("/things/7")

    [line] = lines
    assert line.pop("duration_ms") > 0
    assert line.pop("sql_ms") > 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/things/{thing_id}",
        "status": 200,
        "sql_count": 2,
    }


async def test_probes_are_logged_at_debug(client: AsyncClient) -> None:
    with capture_logs() as lines:
        await client.get("/health/live")

    assert [(line["log_level"], line["route"]) for line in lines] == [("debug", "/health/live")]


@pytest.mark.parametrize("given", ["7d444840-9dc0-11d1-b245-5ffdce74fad2", "job.42_a"])
async def test_a_harmless_request_id_is_kept(client: AsyncClient, given: str) -> None:
    response = await client.get("/health/live", headers={"X-Request-ID": given})

    assert response.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "short", 'a"b' * 8, "a" * 129, "with space"])
async def test_another_request_id_is_replaced(client: AsyncClient, given: str) -> None:
    response = await client.get("/health/live", headers={"X-Request-ID": given})

    assert response.headers["X-Request-ID"] != given
    assert len(response.headers["X-Request-ID"]) == 32


async def test_an_exception_is_logged_once_with_its_traceback(
    app: FastAPI, client: AsyncClient
) -> None:
    @app.get("/things")
    async def fail() -> None:
        raise RuntimeError("no")

    with capture_logs() as lines:
        await client.get("/things")

    errors = [line for line in lines if line["log_level"] == "error"]
    assert [line["event"] for line in errors] == ["Unhandled exception."]


@pytest.fixture
async def small_client(settings: Settings) -> AsyncIterator[AsyncClient]:
    """A service that takes bodies of 10 bytes, and waits for them for 0.2 s."""
    limits = {"max_body_bytes": 10, "body_timeout_seconds": 0.2}
    app = create_app(settings.model_copy(update=limits))

    @app.post("/things")
    async def create_thing(data: dict[str, str]) -> None: ...

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_a_body_that_says_it_is_too_large_is_refused(small_client: AsyncClient) -> None:
    response = await small_client.post("/things", json={"name": "lamp"})

    assert response.status_code == 413
    assert response.json()["detail"] == "The body must not be larger than 10 bytes."


async def test_a_body_that_turns_out_too_large_is_refused(small_client: AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b'{"a":'

    response = await small_client.post(
        "/things", content=chunks(), headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 413
    assert response.json()["detail"] == "The body must not be larger than 10 bytes."


async def test_a_body_that_does_not_arrive_is_given_up(small_client: AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        response = await small_client.post(
            "/things", content=chunks(), headers={"Content-Type": "application/json"}
        )

    assert response.status_code == 408
    assert response.json()["detail"] == "The body must arrive within 0.2 seconds."


async def test_what_a_request_binds_to_the_log_ends_with_it(
    app: FastAPI, client: AsyncClient
) -> None:
    bound = []

    @app.get("/things")
    async def bind() -> None:
        bound.append(sorted(get_contextvars()))
        bind_contextvars(user="ada")

    await client.get("/things")
    await client.get("/things")

    assert bound == [["request_id"], ["request_id"]]


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


async def test_a_body_that_arrives_bit_by_bit_is_given_up(hasty_client: AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for byte in b"{    }":
            await asyncio.sleep(0.06)
            yield bytes([byte])

    response = await hasty_client.post(
        "/things", content=chunks(), headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 408


async def test_work_may_take_longer_than_its_body(hasty_client: AsyncClient) -> None:
    response = await hasty_client.post("/slow", json={})

    assert (response.status_code, response.json()) == (200, False)
