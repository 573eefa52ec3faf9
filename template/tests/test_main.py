import gc
import logging

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import text

from app import main
from app.core.config import PROJECT, Settings
from app.main import create_app


def test_the_module_has_an_app_for_uvicorn() -> None:
    assert isinstance(main.app, FastAPI)
    assert main.app.title == PROJECT["name"]


async def test_two_services_with_different_settings_live_in_one_process(settings: Settings) -> None:
    other = settings.model_copy(update={"service_name": "other"})

    titles = []
    for given in (settings, other):
        app = create_app(given)
        async with (
            app.router.lifespan_context(app),
            AsyncClient(transport=ASGITransport(app), base_url="http://test") as client,
        ):
            assert (await client.get("/health/ready")).status_code == 200
            titles.append((await client.get("/openapi.json")).json()["info"]["title"])

    assert titles == [PROJECT["name"], "other"]


async def test_a_service_uses_its_own_database_and_log_level(settings: Settings) -> None:
    url = settings.postgres_url
    app = create_app(settings.model_copy(update={"log_level": "ERROR"}))

    async with app.router.lifespan_context(app), app.state.database.read() as session:
        name = await session.scalar(text("SELECT current_database()"))

    assert f"/{name}" in url.get_secret_value()
    assert logging.getLogger().level == logging.ERROR


@pytest.mark.parametrize(
    ("environment", "docs", "status"),
    [
        ("local", None, 200),
        ("test", None, 200),
        ("staging", None, 404),
        ("production", None, 404),
        ("production", True, 200),
        ("local", False, 404),
    ],
)
async def test_the_docs_are_for_developers_unless_a_setting_says_otherwise(
    settings: Settings, environment: str, docs: bool | None, status: int
) -> None:
    app = create_app(settings.model_copy(update={"environment": environment, "docs": docs}))

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        answers = [(await client.get(url)).status_code for url in ("/docs", "/redoc")]
        document = await client.get("/openapi.json")

    assert answers == [status, status]
    assert document.status_code == 200


async def test_readiness_has_the_time_limit_of_its_settings(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"ready_timeout_seconds": 0.25}))

    assert app.state.readiness.timeout_seconds == 0.25


async def test_a_service_that_has_started_leaves_little_to_the_garbage_collector(
    settings: Settings,
) -> None:
    app = create_app(settings)

    async with app.router.lifespan_context(app):
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold()[0] == 50_000


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
async def test_a_page_of_another_site_can_neither_write_nor_read(
    app: FastAPI, client: AsyncClient, content_type: str | None
) -> None:
    """A browser sends these types, or none, without asking first."""

    @app.post("/things")
    async def create_thing(data: dict[str, str]) -> None: ...

    headers = {"Origin": "https://evil.example"}
    if content_type:
        headers["Content-Type"] = content_type
    response = await client.post("/things", content=b'{"name": "lamp"}', headers=headers)

    assert response.status_code == 422
    assert "Access-Control-Allow-Origin" not in response.headers
