import re
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI, Response
from fastapi.responses import RedirectResponse
from httpx2 import ASGITransport, AsyncClient

from app.core.config import Settings
from app.main import create_app


def standard(response: httpx2.Response) -> dict[str, str | None]:
    names = ("X-Content-Type-Options", "Cache-Control", "Strict-Transport-Security")
    return {name: response.headers.get(name) for name in names}


@pytest.fixture
async def secure_client(settings: Settings) -> AsyncIterator[AsyncClient]:
    """A service with every header, that refuses bodies, and with routes that fail."""
    app = create_app(settings.model_copy(update={"hsts_seconds": 60, "max_body_bytes": 0}))

    @app.get("/fails")
    async def fail() -> None:
        raise RuntimeError

    @app.get("/refuses")
    async def refuse(size: int) -> None: ...

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "/health/live", 200),
        ("HEAD", "/health/live", 200),
        ("GET", "/health/ready", 500),  # it was not started, and has no database
        ("GET", "/fails", 500),
        ("GET", "/refuses", 422),
        ("GET", "/nowhere", 404),
        ("PUT", "/health/live", 405),
        ("GET", "/health/live/", 307),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
    ],
)
async def test_every_answer_has_the_standard_headers(
    secure_client: AsyncClient, method: str, url: str, status: int
) -> None:
    response = await secure_client.request(method, url)

    assert response.status_code == status
    assert standard(response) == {
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Strict-Transport-Security": "max-age=60",
    }


async def test_so_has_a_refused_body(secure_client: AsyncClient) -> None:
    response = await secure_client.post("/fails", content=b"x")

    assert response.status_code == 413
    assert standard(response)["Cache-Control"] == "no-store"


async def test_hsts_is_off_by_default(client: AsyncClient) -> None:
    response = await client.get("/health/live")

    assert standard(response)["Strict-Transport-Security"] is None


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"Cache-Control": "public, max-age=60"}, "public, max-age=60"),
        ({"ETag": '"1"'}, "private, no-cache"),
        ({"ETag": '"1"', "Cache-Control": "no-cache"}, "no-cache"),
    ],
)
async def test_a_handler_decides_about_caching(
    app: FastAPI, client: AsyncClient, given: dict[str, str], sent: str
) -> None:
    @app.get("/things")
    async def read(response: Response) -> None:
        response.headers.update(given)

    assert (await client.get("/things")).headers["Cache-Control"] == sent


@pytest.mark.parametrize("url", ["/docs", "/redoc"])
async def test_the_pages_of_the_docs_have_a_policy_for_their_content(
    client: AsyncClient, url: str
) -> None:
    page = await client.get(url)
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    files = {source: (await client.get(source)).status_code for source in sources}
    api = await client.get("/health/live")

    assert files
    assert set(files.values()) == {200}
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert "Content-Security-Policy" not in api.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "[::1]", "test"])
async def test_no_redirect_follows_the_host_of_the_client(client: AsyncClient, host: str) -> None:
    response = await client.get("/health/live/?a=1", headers={"Host": host})

    assert (response.status_code, response.headers["Location"]) == (307, "/health/live?a=1")


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("https://login.example/start?a=1", "https://login.example/start?a=1"),
        ("http://test.example/", "http://test.example/"),
        ("/others", "/others"),
        ("http://test//evil.example/", "/evil.example/"),
        ("http://test", "/"),
    ],
)
async def test_a_redirect_of_a_handler_leads_where_it_says(
    app: FastAPI, client: AsyncClient, location: str, sent: str
) -> None:
    @app.get("/things")
    async def move() -> RedirectResponse:
        return RedirectResponse(location)

    assert (await client.get("/things")).headers["Location"] == sent


async def test_a_redirect_honours_the_root_path(app: FastAPI) -> None:
    transport = ASGITransport(app, root_path="/api")
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/api/health/live/")

    assert response.headers["Location"] == "/api/health/live"
