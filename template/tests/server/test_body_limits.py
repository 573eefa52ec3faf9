import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import Request
from httpx2 import ASGITransport, AsyncClient

from app.core.config import Settings
from app.main import create_app


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
