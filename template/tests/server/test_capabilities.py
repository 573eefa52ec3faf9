from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient

from app.core.config import Settings
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
