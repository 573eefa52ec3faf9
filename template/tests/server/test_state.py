from fastapi import FastAPI
from httpx2 import AsyncClient

from app.core.config import Settings
from app.core.database import Database
from app.main import create_app
from app.server.state import ServiceState


async def test_a_running_service_holds_its_database_and_is_not_draining(
    settings: Settings,
) -> None:
    app = create_app(settings)

    async with app.router.lifespan_context(app):
        state = app.state

        assert isinstance(state, ServiceState)
        assert isinstance(state.database, Database)
        assert state.draining is False


async def test_a_feature_may_keep_things_of_its_own(app: FastAPI, client: AsyncClient) -> None:
    app.state.cache = {"lamp": 3}

    @app.get("/things")
    async def get_thing() -> int:
        cache: dict[str, int] = app.state.cache
        return cache["lamp"]

    assert (await client.get("/things")).json() == 3
