import sys
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from httpx2 import ASGITransport, AsyncClient

from app.core.config import Settings
from app.core.logger import logger
from app.main import create_app
from app.server import capabilities

MODULE = """
from contextlib import asynccontextmanager

from fastapi import Depends, HTTPException, Request


async def refuse(request: Request):
    request.app.state.events.append("{name}: dependency")


@asynccontextmanager
async def lifespan(app):
    app.state.events.append("{name}: opened")
    yield
    app.state.events.append("{name}: closed")


dependencies = [Depends(refuse)]
"""


WITH_SETTINGS = """
from pydantic import SecretStr

from app.core.config import EnvironmentSettings


class Settings(EnvironmentSettings):
    beacon_sign: SecretStr


class Beacon:
    def __init__(self, app, service):
        self.app = app
        self.settings = service.state.settings_of(Settings)

    async def __call__(self, scope, receive, send):
        token = self.settings.beacon_sign.get_secret_value()
        scope.setdefault("state", {})["beacon"] = token
        await self.app(scope, receive, send)


def add_middleware(app):
    app.add_middleware(Beacon, service=app)
"""


@pytest.fixture
def with_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A capability with a setting and a middleware, in a module that is imported anew."""
    (tmp_path / "beacon_example.py").write_text(WITH_SETTINGS)
    monkeypatch.setattr(capabilities, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, f"{capabilities.__name__}.beacon_example", raising=False)
    monkeypatch.setenv("BEACON_SIGN", "from-the-environment")


async def beacon(app: FastAPI) -> str:
    """What a route of the app finds of the capability's middleware."""

    @app.get("/beacon")
    async def get_beacon(request: Request) -> str:
        logger.info("A line with %s.", request.state.beacon)
        found: str = request.state.beacon
        return found

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        text: str = (await client.get("/beacon")).json()
        return text


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two capabilities, and a module that offers nothing."""
    for name in ("second_example", "first_example"):
        (tmp_path / f"{name}.py").write_text(MODULE.format(name=name))
    (tmp_path / "nothing_example.py").write_text("")
    monkeypatch.setattr(capabilities, "__path__", [str(tmp_path)])


async def test_what_lies_in_the_package_is_opened_with_the_service_and_asked_by_every_route(
    installed: None, settings: Settings
) -> None:
    app = create_app(settings)
    app.state.events = []

    @app.get("/things")
    async def list_things() -> None: ...

    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://test") as client,
    ):
        await client.get("/things")

    assert app.state.events == [
        "first_example: opened",
        "second_example: opened",
        "first_example: dependency",
        "second_example: dependency",
        "second_example: closed",
        "first_example: closed",
    ]


async def test_the_settings_of_a_capability_come_from_the_environment_or_are_given(
    with_settings: None, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    [kind] = capabilities.settings_classes()

    found = await beacon(create_app(settings))
    given = await beacon(create_app(settings, kind(beacon_sign="given")))

    assert (found, given) == ("from-the-environment", "given")
    logged = capsys.readouterr().out
    assert "A line with ***." in logged
    assert "given" not in logged


def test_a_setting_of_a_capability_that_is_missing_ends_the_process_with_a_sentence(
    with_settings: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BEACON_SIGN")

    with pytest.raises(SystemExit) as ended:
        create_app(settings)

    assert str(ended.value).splitlines()[1:] == ["BEACON_SIGN: Field required"]
