"""Websockets are served like requests: a session, an id, a line in the log, errors as problems."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI, WebSocket
from httpx2 import AsyncClient
from httpx2.websockets import (
    ASGIWebSocketTransport,
    AsyncWebSocketSession,
    WebSocketDisconnect,
    WebSocketUpgradeError,
)
from sqlalchemy import text
from structlog.testing import capture_logs

from app.core.database import Database, ReadSessionDep, SessionDep
from app.core.errors import NotFoundError
from tests.things import Thing, names


@asynccontextmanager
async def connected(app: FastAPI, **headers: str) -> AsyncIterator[AsyncWebSocketSession]:
    """An open websocket at /things. The handler has ended when the block is left."""
    async with (
        AsyncClient(transport=ASGIWebSocketTransport(app), base_url="ws://test") as client,
        client.websocket("ws://test/things", headers=headers) as websocket,
    ):
        yield websocket


async def refused(app: FastAPI, path: str) -> WebSocketUpgradeError:
    async with AsyncClient(transport=ASGIWebSocketTransport(app)) as client:
        with pytest.raises(WebSocketUpgradeError) as error:
            async with client.websocket(f"ws://test{path}"):
                pass
    return error.value


async def test_what_a_handler_writes_is_committed_when_it_returns(
    app: FastAPI, database: Database, things: None
) -> None:
    @app.websocket("/things")
    async def add_thing(websocket: WebSocket, session: SessionDep) -> None:
        await websocket.accept()
        session.add(Thing(name=await websocket.receive_text()))
        await session.flush()
        await websocket.send_text("added")

    async with connected(app) as websocket:
        await websocket.send_text("lamp")
        answer = await websocket.receive_text()

    assert answer == "added"
    assert await names(database) == ["lamp"]


async def test_a_client_that_goes_rolls_back_and_is_no_error(
    app: FastAPI, database: Database, things: None
) -> None:
    @app.websocket("/things")
    async def add_things(websocket: WebSocket, session: SessionDep) -> None:
        await websocket.accept()
        while True:
            session.add(Thing(name=await websocket.receive_text()))
            await session.flush()
            await websocket.send_text("added")

    with capture_logs() as lines:
        async with connected(app) as websocket:
            await websocket.send_text("lamp")
            await websocket.receive_text()

    assert [line["event"] for line in lines] == ["request"]
    assert await names(database) == []


async def test_a_websocket_is_one_line_with_its_id_and_statements(
    committing_app: FastAPI,
) -> None:
    @committing_app.websocket("/things")
    async def count(websocket: WebSocket, session: ReadSessionDep) -> None:
        await websocket.accept()
        for _ in range(2):
            await websocket.send_text(str(await session.scalar(text("SELECT 1"))))

    with capture_logs() as lines:
        async with connected(committing_app, **{"X-Request-ID": "test-socket-1"}) as websocket:
            assert websocket.response
            headers = websocket.response.headers
            answers = [await websocket.receive_text() for _ in range(2)]

    [line] = lines
    assert answers == ["1", "1"]
    assert headers["X-Request-ID"] == "test-socket-1"
    assert line.pop("duration_ms") > 0
    assert line.pop("sql_ms") > 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "client": "127.0.0.1",
        "method": "WEBSOCKET",
        "route": "/things",
        "status": 101,
        "sql_count": 2,
    }


@pytest.mark.parametrize(
    ("error", "code", "events"),
    [
        (NotFoundError("There is no thing 7."), 1008, ["request"]),
        (RuntimeError("no"), 1011, ["Unhandled exception.", "request"]),
    ],
)
async def test_an_error_closes_an_open_websocket_by_its_code(
    app: FastAPI, error: Exception, code: int, events: list[str]
) -> None:
    @app.websocket("/things")
    async def fail(websocket: WebSocket) -> None:
        await websocket.accept()
        raise error

    with capture_logs() as lines:
        async with connected(app) as websocket:
            with pytest.raises(WebSocketDisconnect) as closed:
                await websocket.receive_text()

    assert closed.value.code == code
    assert [line["event"] for line in lines] == events


async def test_an_error_before_the_handshake_is_a_problem(app: FastAPI) -> None:
    @app.websocket("/things/{thing_id}")
    async def watch(websocket: WebSocket, thing_id: int) -> None:
        raise NotFoundError(f"There is no thing {thing_id}.")

    missing, invalid = await refused(app, "/things/7"), await refused(app, "/things/seven")

    assert missing.response.status_code == 404
    assert missing.response.json()["detail"] == "There is no thing 7."
    assert invalid.response.status_code == 422
    assert [each["pointer"] for each in invalid.response.json()["errors"]] == ["/path/thing_id"]


async def test_a_websocket_that_is_not_accepted_is_logged_as_forbidden(app: FastAPI) -> None:
    with capture_logs() as lines:
        async with AsyncClient(transport=ASGIWebSocketTransport(app)) as client:
            with pytest.raises(WebSocketDisconnect):
                async with client.websocket("ws://test/nothing"):
                    pass

    assert [(line["route"], line["status"]) for line in lines] == [("unknown", 403)]
