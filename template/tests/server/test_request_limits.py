import tracemalloc
from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from httpx2 import ASGITransport, AsyncClient

from app.core.config import Settings
from app.main import create_app

ID = {"X-Request-ID": "test-request-1"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def small_client(settings: Settings) -> AsyncIterator[AsyncClient]:
    """A service that takes bodies of 10 bytes."""
    limits = {"max_body_bytes": 10}
    app = create_app(settings.model_copy(update=limits))

    @app.post("/things")
    async def create_thing(data: dict[str, str]) -> None: ...

    @app.post("/large", max_body_size=20)
    async def create_large(data: dict[str, str]) -> None: ...

    @app.post("/empty")
    async def work() -> None:
        raise AssertionError("must not run")

    @app.post("/plain")
    async def answer() -> PlainTextResponse:
        return PlainTextResponse("Content Too Large", 400)

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

    response = await small_client.post("/things", content=chunks(), headers=JSON)

    assert response.status_code == 413
    assert response.json()["detail"] == "The body must not be larger than 10 bytes."


@pytest.mark.parametrize("url", ["/things", "/empty", "/nowhere", "/health/live", "/openapi.json"])
async def test_a_body_that_is_too_large_is_a_problem_wherever_it_goes(
    small_client: AsyncClient, url: str
) -> None:
    response = await small_client.post(url, content=b"x" * 11, headers=ID)

    assert response.headers["X-Request-ID"] == ID["X-Request-ID"]
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": HTTPStatus(413).phrase,
        "status": 413,
        "detail": "The body must not be larger than 10 bytes.",
        "request_id": ID["X-Request-ID"],
    }


@pytest.mark.parametrize("size", [20, 21])
async def test_a_route_has_a_limit_of_its_own(small_client: AsyncClient, size: int) -> None:
    body = b'{"name":"lamp"}'.ljust(size)

    response = await small_client.post("/large", content=body, headers=JSON)

    assert response.status_code == (200 if size == 20 else 413)
    if size > 20:
        assert response.json()["detail"] == "The body must not be larger than 20 bytes."


async def test_the_text_of_a_handler_stays_as_it_is(small_client: AsyncClient) -> None:
    response = await small_client.post("/plain")

    assert (response.status_code, response.text) == (400, "Content Too Large")


async def test_an_upload_is_not_held_in_memory(app: FastAPI, client: AsyncClient) -> None:
    @app.post("/things", max_body_size=25_000_000)
    async def upload(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(320):
            yield bytes(65_536)

    tracemalloc.start()
    response = await client.post("/things", content=chunks())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert response.json() == 320 * 65_536
    assert peak < 2_000_000


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, identity"])
async def test_a_compressed_body_is_refused(client: AsyncClient, coding: str) -> None:
    headers = JSON | {"Content-Encoding": coding}

    response = await client.post("/nowhere", content=b"{}", headers=headers)

    assert (response.status_code, response.headers["Accept-Encoding"]) == (415, "identity")
    assert response.json()["detail"] == "The body must not be compressed."


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
async def test_json_in_another_encoding_than_utf_8_is_refused(
    app: FastAPI, client: AsyncClient, encoding: str, size: int
) -> None:
    @app.post("/things")
    async def create_thing(data: dict[str, str]) -> None: ...

    async def chunks() -> AsyncIterator[bytes]:
        body = '{"name": "lamp"}'.encode(encoding)
        for start in range(0, len(body), size):
            yield body[start : start + size]

    response = await client.post("/things", content=chunks(), headers=JSON)

    assert (response.status_code, response.json()["detail"]) == (415, "JSON must be UTF-8.")


async def test_other_bodies_may_be_bytes_of_any_kind(app: FastAPI, client: AsyncClient) -> None:
    @app.post("/things")
    async def upload(request: Request) -> int:
        return len(await request.body())

    response = await client.post("/things", content=bytes(100))

    assert response.json() == 100


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("example.com", 200),
        ("EXAMPLE.com:8000", 200),
        ("a.example.org", 200),
        ("example.org", 400),
        ("evil.example", 400),
        ("", 400),
    ],
)
async def test_only_trusted_hosts_are_served(settings: Settings, host: str, status: int) -> None:
    trusted = {"trusted_hosts": "example.com,*.example.org"}
    app = create_app(settings.model_copy(update=trusted))

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        response = await client.get("/health/live", headers={"Host": host} | ID)

    assert response.status_code == status
    if status == 400:
        assert response.json() == {
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": "This host is not served here.",
            "request_id": ID["X-Request-ID"],
        }
