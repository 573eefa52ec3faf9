from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

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
