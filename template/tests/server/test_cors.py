from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from app.core.config import Settings
from app.main import create_app

ORIGIN = "https://shop.example"


@pytest.fixture
async def shared_client(settings: Settings) -> AsyncIterator[AsyncClient]:
    """A service that the pages of two origins may call, and that refuses bodies."""
    origins = f"{ORIGIN},http://localhost:3000"
    app = create_app(settings.model_copy(update={"cors_origins": origins, "max_body_bytes": 0}))

    @app.post("/fails")
    async def fail() -> None:
        raise RuntimeError

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "url", "body", "status"),
    [
        ("GET", "/health/live", b"", 200),
        ("GET", "/nowhere", b"", 404),
        ("POST", "/fails", b"x", 413),
        ("POST", "/fails", b"", 500),
    ],
)
async def test_every_answer_may_be_read_by_the_pages_of_an_allowed_origin(
    shared_client: AsyncClient, method: str, url: str, body: bytes, status: int
) -> None:
    response = await shared_client.request(method, url, content=body, headers={"Origin": ORIGIN})

    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    exposed = "ETag, Idempotent-Replayed, Location, X-Request-ID"
    assert response.headers["Access-Control-Expose-Headers"] == exposed


async def test_a_preflight_request_of_an_allowed_origin_is_allowed(
    shared_client: AsyncClient,
) -> None:
    response = await shared_client.options(
        "/fails",
        headers={
            "Origin": "http://localhost:3000",
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "X-Request-ID",
        },
    )

    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Allow-Headers"] == "X-Request-ID"


async def test_other_origins_may_not_read_an_answer(
    shared_client: AsyncClient, app: FastAPI
) -> None:
    other = {"Origin": "https://evil.example"}
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        by_default = await client.get("/health/live", headers={"Origin": ORIGIN})

    refused = await shared_client.get("/health/live", headers=other)

    assert "Access-Control-Allow-Origin" not in refused.headers
    assert "Access-Control-Allow-Origin" not in by_default.headers
