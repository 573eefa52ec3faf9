"""Closed by default: routes, mounts and websockets, whenever and however they were added."""

import pytest
from fastapi import APIRouter, Body, FastAPI, WebSocket
from httpx2 import AsyncClient
from httpx2.websockets import ASGIWebSocketTransport, WebSocketUpgradeError
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from structlog.contextvars import get_contextvars

from app.core.auth import CallerDep, public
from tests.capabilities.auth import Issuer, connected

PROBLEM = {
    "type": "about:blank",
    "title": "Unauthorized",
    "status": 401,
    "detail": "Send an access token: `Authorization: Bearer ...`.",
}


async def hello(_: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


class Mounted:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("hello")(scope, receive, send)


@pytest.fixture
def furnished(app: FastAPI) -> FastAPI:
    """A service with routes of every kind that nobody marked."""
    router = APIRouter(prefix="/included")
    outer = APIRouter(prefix="/outer")
    for add in (app.get("/route"), router.get("/route"), app.post("/posted")):
        add(lambda: "hello")
    outer.include_router(router)
    app.include_router(router)
    app.include_router(outer)
    app.add_route("/starlette", hello)
    app.mount("/mount", Mounted())
    app.mount("/service", _other_service())
    app.host("mounted.test", Mounted())
    return app


def _other_service() -> FastAPI:
    other = FastAPI()
    other.get("/route")(lambda: "hello")
    return other


CLOSED = [
    "/route",
    "/included/route",
    "/outer/included/route",
    "/starlette",
    "/mount/anything",
    "/service/route",
    "/service/openapi.json",
    "/nowhere",
    "/route/",
    "/items",
    "/health",
    "/health/live/",
    "/health/live/x",
    "//health/live",
    "/health/../route",
    "/openapi.json/",
]


@pytest.mark.parametrize("path", CLOSED)
async def test_what_is_not_marked_is_closed(
    furnished: FastAPI, anonymous_client: AsyncClient, path: str
) -> None:
    response = await anonymous_client.get(path)

    problem = response.json()
    del problem["request_id"]
    assert problem == PROBLEM
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", CLOSED[:6])
async def test_it_is_open_to_a_caller(furnished: FastAPI, client: AsyncClient, path: str) -> None:
    assert "hello" in (await client.get(path)).text


async def test_a_host_and_other_methods_are_closed_too(
    furnished: FastAPI, anonymous_client: AsyncClient
) -> None:
    requests = [("GET", "http://mounted.test/health/nowhere"), ("POST", "/posted")]
    requests += [(method, "/route") for method in ("HEAD", "POST", "DELETE", "TRACE", "OPTIONS")]

    answers = [await anonymous_client.request(method, url) for method, url in requests]

    assert [answer.status_code for answer in answers] == [401] * len(requests)


async def test_a_body_is_not_read_before_the_token(
    furnished: FastAPI, anonymous_client: AsyncClient
) -> None:
    @furnished.post("/things")
    async def create_thing(name: str = Body()) -> None: ...

    answers = [await anonymous_client.post("/things", content=text) for text in ("{", '"x"')]

    assert [answer.status_code for answer in answers] == [401, 401]


async def test_a_handler_is_public_when_it_is_marked(
    app: FastAPI, anonymous_client: AsyncClient
) -> None:
    router = APIRouter(prefix="/prices")

    @router.get("/{name}")
    @public
    async def get_price(name: str) -> str:
        return name

    app.include_router(router)
    app.mount("/files", public(Mounted()))

    assert (await anonymous_client.get("/prices/lamp")).json() == "lamp"
    assert (await anonymous_client.get("/files/x")).text == "hello"


async def test_a_method_is_not_allowed_where_every_handler_of_a_path_is_public(
    app: FastAPI, anonymous_client: AsyncClient
) -> None:
    router = APIRouter(prefix="/prices")
    router.get("/{name}")(public(hello))
    app.include_router(router)
    app.get("/mixed")(public(hello))
    app.post("/mixed")(lambda: "hello")
    requests = [("POST", "/health/live"), ("OPTIONS", "/openapi.json"), ("PUT", "/prices/lamp")]
    requests += [("POST", "/mixed"), ("DELETE", "/mixed"), ("GET", "/mixed")]

    answers = [await anonymous_client.request(*request) for request in requests]

    assert [answer.status_code for answer in answers] == [405, 405, 405, 401, 401, 200]
    assert set(answers[0].headers["Allow"].split(", ")) == {"GET", "HEAD"}


async def test_a_public_handler_opens_no_other_that_comes_first(
    app: FastAPI, anonymous_client: AsyncClient
) -> None:
    @app.get("/things/{name}")
    async def get_thing(name: str) -> str:
        return name

    @app.get("/things/special")
    @public
    async def get_special() -> str:
        return "special"

    app.mount("/mount", Mounted())

    @app.get("/mount/special")
    @public
    async def get_mounted() -> str:
        return "special"

    assert (await anonymous_client.get("/things/special")).status_code == 401
    assert (await anonymous_client.get("/mount/special")).status_code == 401


@pytest.mark.parametrize("authorization", ["", "Bearer x", "Basic YTpi", "Bearer a, Bearer b"])
async def test_a_public_handler_does_not_mind_a_token_that_is_not_valid(
    client: AsyncClient, authorization: str
) -> None:
    for path in ("/health/live", "/health/ready", "/openapi.json", "/docs"):
        response = await client.get(path, headers={"Authorization": authorization})
        assert response.status_code == 200


async def test_a_public_handler_that_asks_for_the_caller_is_closed(
    app: FastAPI, anonymous_client: AsyncClient, client: AsyncClient
) -> None:
    @app.get("/me")
    @public
    async def get_me(caller: CallerDep) -> str:
        return caller.subject

    nobody = await anonymous_client.get("/me")

    assert (nobody.status_code, nobody.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (await client.get("/me")).json() == "tester"


async def test_a_caller_is_forgotten_with_the_request(
    app: FastAPI, client: AsyncClient, anonymous_client: AsyncClient
) -> None:
    subjects = []

    @app.get("/things")
    @public
    async def get_things() -> None:
        subjects.append(get_contextvars().get("subject"))

    for each in (client, anonymous_client, client):
        await each.get("/things")

    assert subjects == ["tester", None, "tester"]


async def open_websocket(app: FastAPI, authorization: str) -> str:
    """What it says first. Raises `WebSocketUpgradeError`, if it does not open."""
    headers = {"Authorization": authorization}
    refusal = None
    async with AsyncClient(transport=ASGIWebSocketTransport(app)) as client:
        try:
            async with client.websocket("ws://test/things", headers=headers) as websocket:
                return await websocket.receive_text()
        except WebSocketUpgradeError as error:
            refusal = error  # raised in here, it would be in a group of exceptions
    raise refusal


async def test_a_websocket_wants_a_token_before_its_handshake(issuer: Issuer, app: FastAPI) -> None:
    @app.websocket("/things")
    async def watch(websocket: WebSocket, caller: CallerDep) -> None:
        await websocket.accept()
        await websocket.send_text(caller.subject)
        await websocket.close()

    refused = []
    for authorization in ("", f"Bearer {Issuer().token()}"):
        with pytest.raises(WebSocketUpgradeError) as refusal:
            await open_websocket(app, authorization)
        refused.append(refusal.value.response)

    assert [response.status_code for response in refused] == [401, 401]
    assert refused[0].headers["WWW-Authenticate"] == "Bearer"
    assert await open_websocket(app, f"Bearer {issuer.token()}") == "tester"


async def test_a_websocket_is_public_when_it_is_marked(app: FastAPI) -> None:
    @app.websocket("/things")
    @public
    async def watch(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    assert await open_websocket(app, "") == "hello"


async def test_the_log_has_the_subject_and_never_the_token(
    issuer: Issuer, app: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    token = issuer.token(sub="ada")

    @app.get("/things")
    async def fail(request: Request) -> None:
        raise RuntimeError(f"{request.headers} {dict(request.headers)} {token}")

    async with connected(app, token) as client:
        await client.get("/things")
    async with connected(app, token[:-4]) as client:
        await client.get("/things")

    written = capsys.readouterr().out
    assert '"subject":"ada"' in written
    assert token[-40:-4] not in written
    assert token.split(".")[1] not in written
