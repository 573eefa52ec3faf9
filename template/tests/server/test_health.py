from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from app.core.config import Settings
from app.main import create_app


async def test_a_service_with_its_database_is_live_and_ready(client: AsyncClient) -> None:
    live = await client.get("/health/live")
    ready = await client.get("/health/ready")

    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ok"})


@pytest.fixture
async def cut_off_client() -> AsyncIterator[AsyncClient]:
    """A service whose database is away."""
    app = create_app(Settings(postgres_url="postgresql://app:hunter2@127.0.0.1:1/app"))
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://test") as client,
    ):
        yield client


async def test_without_its_database_a_service_starts_and_is_live(
    cut_off_client: AsyncClient,
) -> None:
    assert (await cut_off_client.get("/health/live")).status_code == 200


async def test_without_its_database_a_service_is_not_ready(cut_off_client: AsyncClient) -> None:
    response = await cut_off_client.get("/health/ready", headers={"X-Request-ID": "probe-0001"})

    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "The database does not answer.",
        "request_id": "probe-0001",
    }


async def test_a_service_that_is_about_to_stop_is_live_and_not_ready(
    app: FastAPI, client: AsyncClient
) -> None:
    app.state.draining = True

    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/health/ready")).status_code == 503
