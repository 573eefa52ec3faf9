"""Whatever carries a secret, no exported byte has it."""

from contextlib import suppress
from itertools import count

import pytest
from fastapi import FastAPI, HTTPException, WebSocket
from httpx2 import AsyncClient, ConnectError, MockTransport, Request, Response
from httpx2.websockets import ASGIWebSocketTransport, WebSocketDisconnect, WebSocketUpgradeError
from opentelemetry import trace
from sqlalchemy import text

from app.core.database import ReadSessionDep, SessionDep
from app.core.errors import AppError
from app.core.telemetry.clients import traced
from tests.capabilities.telemetry import Receiver, Watched
from tests.things import Thing

SECRET = "hunter2"  # noqa: S105  # nobody's
numbers = count()


def secret() -> str:
    """Another one for each place, so that what is found tells where it came from."""
    return f"{SECRET}-{next(numbers)}"


def add_routes(app: FastAPI) -> None:
    @app.post("/things/{name}")
    async def create_thing(session: SessionDep, name: str, data: dict[str, str]) -> None:
        session.add(Thing(name=name, data=data))

    @app.get("/raises/{kind}")
    async def fail(kind: str, why: str) -> None:
        errors = {"app": AppError(why), "http": HTTPException(500, why)}
        raise errors.get(kind) or RuntimeError(why)

    @app.get("/literal")
    async def select_literal(session: ReadSessionDep, value: str) -> None:
        await session.execute(text(f"SELECT 'a FROM {value}'"))  # noqa: S608  # as one must not
        await session.execute(text(f"/* {value} */ SELECT '{value}'::int"))

    @app.get("/odd/{name}")
    async def name_a_column(session: ReadSessionDep, name: str) -> None:
        await session.execute(text(f'SELECT * FROM "{name}"'))  # noqa: S608  # as one must not

    @app.get("/calls")
    async def call_others(path: str) -> None:
        async with traced(AsyncClient(transport=MockTransport(refuse))) as client:
            headers = {"Authorization": f"Bearer {secret()}", "X-Api-Key": secret()}
            url = f"https://user:{secret()}@others/{path}?token={path}"
            await client.post(url, headers=headers, json={secret(): secret()})

    @app.websocket("/socket/{name}")
    async def talk(socket: WebSocket, session: SessionDep, name: str) -> None:
        await socket.accept(subprotocol=socket.headers["sec-websocket-protocol"])
        session.add(Thing(name=name, data={name: await socket.receive_text()}))
        await session.flush()
        raise RuntimeError(name)


async def refuse(request: Request) -> Response:
    raise ConnectError(f"{request.url} refuses {request.headers}")


async def carry_secrets_by_websocket(app: FastAPI) -> None:
    """In a handshake that is taken, in one that is refused, and in a message."""
    headers = {"Cookie": f"session={secret()}", "X-Api-Key": secret(), secret(): "name"}
    async with AsyncClient(transport=ASGIWebSocketTransport(app), headers=headers) as client:
        for path in ("socket", "nothing"):
            url = f"ws://{secret()}/{path}/{secret()}?token={secret()}"
            with suppress(WebSocketDisconnect, WebSocketUpgradeError):
                async with client.websocket(url, subprotocols=[secret()]) as websocket:
                    await websocket.send_text(secret())
                    with pytest.raises(WebSocketDisconnect):
                        await websocket.receive_text()


async def carry_secrets(client: AsyncClient) -> None:
    """In every part of a request, through every kind of error."""
    headers = {
        "Proxy-Authorization": f"Bearer {secret()}",
        "Cookie": f"session={secret()}",
        "User-Agent": secret(),
        "Host": f"{secret()}.example.org",
        "X-Request-ID": secret() + "-12345678",
        "X-Api-Key": secret(),
        "X-Forwarded-Host": secret(),
        "Forwarded": f"for={secret()}",
        "Referer": f"https://example.org/?token={secret()}",
        "baggage": f"secret={secret()}",
        "tracestate": f"secret={secret()}",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        secret(): "name",
    }
    query = {"token": secret(), "X-Amz-Signature": secret(), secret(): "name"}
    name = secret()
    for _ in range(2):  # the second one is a conflict
        await client.post(
            f"/things/{name}", json={"key": secret(), secret(): ""}, headers=headers, params=query
        )
    await client.get("/things/x", headers={"Authorization": f"Bearer {secret()}"})
    await client.post("/things/x", content='{"' + secret(), headers=headers)
    await client.post(f"/things/{secret()}%00", json={})
    for kind in ("app", "http", "runtime"):
        await client.get(f"/raises/{kind}", params={"why": secret()})
    await client.get("/literal", params={"value": secret()})
    await client.get(f"/odd/{secret()}")
    await client.get("/calls", params={"path": secret()})
    await client.get(f"/nothing/{secret()}")
    await client.request(f"GET{secret()}", "/nothing")
    await client.get("/openapi.json", headers={"traceparent": secret()})
    await client.options("/things/x", headers={"Origin": f"https://{secret()}.example.org"})


async def test_no_exported_byte_has_a_secret_of_a_request(
    watched: Watched, receiver: Receiver
) -> None:
    apps = list[FastAPI]()

    def prepare(app: FastAPI) -> None:
        apps.append(app)
        add_routes(app)

    async with watched(prepare) as client:
        await carry_secrets(client)
        await carry_secrets_by_websocket(apps[0])

    names = [span.name for span in receiver.spans]
    assert len(names) > 20
    assert {"WS /socket/{name}", "WS", "INSERT thing", "POST"} <= set(names)
    assert len(receiver.points["db.client.operation.duration"]) > 3
    assert [body for _, body in receiver.bodies if SECRET.encode() in body] == []


async def test_no_exported_byte_has_a_secret_of_the_settings_or_one_that_its_form_gives_away(
    watched: Watched, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", f"url=https://user:{secret()}@example.org/")
    key = secret()

    def prepare(app: FastAPI) -> None:
        @app.get("/own-span")
        async def trace_itself() -> None:
            tracer = app.state.telemetry.tracer_provider.get_tracer("own")
            meter = app.state.telemetry.meter_provider.get_meter("own")
            url = f"https://user:{secret()}@example.org/?token={secret()}"
            meter.create_counter("calls").add(1, {"url": url, "key": [key, "b"]})
            with tracer.start_as_current_span(f"GET {url}", links=[link(url)]) as span:
                span.set_attribute("http.request.header.authorization", [f"Authorization: {key}"])
                span.set_attribute("long", f"{'x' * 20_000} {key}")
                span.add_event("call", {"url": url})
                raise RuntimeError(f"Wrong key {key}, Authorization: Bearer {secret()}")

    headers = f"api-key={key}"
    async with watched(prepare, otel_exporter_otlp_headers=headers) as client:
        await client.get("/own-span")

    _, span = receiver.spans
    assert span.name == "GET https://user:***@example.org/?token=***"
    assert len(span.events) == 2
    assert len(receiver.points["calls"]) == 1
    assert [body for _, body in receiver.bodies if SECRET.encode() in body] == []


def link(url: str) -> trace.Link:
    context = trace.SpanContext(1, 1, is_remote=True)
    return trace.Link(context, {"url": url})
