from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from httpx2 import AsyncClient
from httpx2.websockets import ASGIWebSocketTransport, WebSocketUpgradeError

from app.core.auth import Caller, CallerDep, requires
from tests.capabilities.auth import In, Issuer

NewClient = Callable[..., Any]


@pytest.fixture
def callers(issuer: Issuer, app: FastAPI) -> list[Caller]:
    """Who has called /things."""
    callers: list[Caller] = []

    @app.get("/things")
    async def get_things(caller: CallerDep) -> None:
        callers.append(caller)

    return callers


async def test_a_handler_knows_its_caller(callers: list[Caller], client_with: NewClient) -> None:
    async with client_with("items:read items:write", sub="ada", client_id="web") as client:
        await client.get("/things")

    [caller] = callers
    assert (caller.subject, caller.client) == ("ada", "web")
    assert caller.scopes == {"items:read", "items:write"}
    assert caller.claims["scope"] == "items:read items:write"


@pytest.mark.parametrize(
    ("claims", "client_id"),
    [
        ({"client_id": "a", "azp": "b"}, "a"),
        ({"client_id": None, "azp": "b"}, "b"),
        ({"client_id": None, "cid": "c"}, "c"),
        ({"client_id": None, "appid": "d"}, "d"),
        ({"client_id": ["a"]}, None),
        ({"client_id": None}, None),
    ],
)
async def test_the_client_has_several_names(
    callers: list[Caller], client_with: NewClient, claims: dict[str, Any], client_id: str | None
) -> None:
    async with client_with(**claims) as client:
        await client.get("/things")

    assert callers[0].client == client_id


async def test_a_handler_cannot_change_the_caller_of_the_next_request(
    callers: list[Caller], client_with: NewClient
) -> None:
    async with client_with(groups=["staff"], address={"city": "Ulm"}) as client:
        await client.get("/things")

    [caller] = callers
    with pytest.raises(FrozenInstanceError):
        caller.subject = "eve"  # type: ignore[misc]  # as a handler might try
    groups, address = caller.claims["groups"], caller.claims["address"]
    with pytest.raises(TypeError):
        caller.claims["sub"] = "eve"  # type: ignore[index]  # as a handler might try
    with pytest.raises(TypeError):
        address["city"] = "Bonn"
    assert groups == ("staff",)


@pytest.fixture
def guarded(issuer: Issuer, app: FastAPI) -> FastAPI:
    router = APIRouter(prefix="/things", dependencies=[requires("things:read")])

    @router.get("")
    async def get_things() -> str:
        return "read"

    @router.post("", dependencies=[requires("things:write", "things:create")])
    async def create_thing() -> str:
        return "written"

    @router.put("")
    async def put_things(caller: Annotated[Caller, requires("things:write")]) -> str:
        return caller.subject

    app.include_router(router)
    return app


@pytest.mark.parametrize(
    ("method", "scope", "missing"),
    [
        ("GET", "", "things:read"),
        ("GET", "things", "things:read"),
        ("GET", "things:read:all things:reader THINGS:READ", "things:read"),
        ("GET", "things:write", "things:read"),
        ("PUT", "things:read", "things:write"),
        ("POST", "things:read things:write", "things:create"),
        ("POST", "things:read", "things:write things:create"),
    ],
)
async def test_a_caller_without_the_scope_is_told_which_one_is_missing(
    guarded: FastAPI, client_with: NewClient, method: str, scope: str, missing: str
) -> None:
    async with client_with(scope) as client:
        response = await client.request(method, "/things")

    problem = response.json()
    del problem["request_id"]
    assert problem == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": f"This needs the scope {missing}.",
    }
    challenge = f'Bearer error="insufficient_scope", scope="{missing}"'
    assert response.headers["WWW-Authenticate"] == challenge


@pytest.mark.parametrize(
    ("method", "answer"), [("GET", "read"), ("PUT", "tester"), ("POST", "written")]
)
async def test_a_caller_with_the_scopes_may(
    guarded: FastAPI, client_with: NewClient, method: str, answer: str
) -> None:
    async with client_with("things:create things:read  things:write other") as client:
        response = await client.request(method, "/things")

    assert response.json() == answer


async def test_a_token_that_is_not_valid_is_refused_before_its_scopes(
    guarded: FastAPI, client_with: NewClient
) -> None:
    async with client_with("things:read", exp=In(-60)) as client:
        response = await client.get("/things")

    assert response.status_code == 401


async def test_scopes_guard_a_websocket_as_well(app: FastAPI) -> None:
    @app.websocket("/things", dependencies=[requires("things:read")])
    async def watch(websocket: WebSocket) -> None: ...

    status = None
    async with AsyncClient(transport=ASGIWebSocketTransport(app)) as socket_client:
        try:
            async with socket_client.websocket("ws://test/things"):
                pass
        except WebSocketUpgradeError as error:
            status = error.response.status_code

    assert status == 403
