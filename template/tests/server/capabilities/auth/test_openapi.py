"""What everybody may call is a decision, and the OpenAPI document says who may call what."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx2 import AsyncClient

from app.core.auth import public, requires
from app.server.capabilities.auth.middleware import public_routes
from tests.capabilities.auth import AUDIENCE, URL

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
# A line here is a decision: these are served to everybody.
PUBLIC = {
    "/health/live",
    "/health/ready",
    "/openapi.json",
    "/docs",
    "/docs/oauth2-redirect",
    "/redoc",
    "/static-offline-docs",
}


def test_what_everybody_may_call_is_in_the_list(app: FastAPI) -> None:
    assert {route.path for route in public_routes(app)} == PUBLIC


async def test_everything_else_wants_a_token(app: FastAPI, anonymous_client: AsyncClient) -> None:
    closed = [route for route in iter_route_contexts(app.routes) if route.path not in PUBLIC]

    answers = {
        (method, route.path): (await anonymous_client.request(method, str(route.path))).status_code
        for route in closed
        for method in route.methods or ("GET",)
    }

    assert set(answers.values()) <= {401}


async def document_of(app: FastAPI, client: AsyncClient) -> dict[str, Any]:
    @app.get("/things")
    async def get_things() -> None: ...

    @app.post("/things", dependencies=[requires("things:read", "things:write")])
    async def create_thing() -> None: ...

    @app.put("/things")
    @public
    async def put_thing() -> None: ...

    document: dict[str, Any] = (await client.get("/openapi.json")).json()
    return document


async def test_the_document_says_what_each_operation_wants(
    app: FastAPI, anonymous_client: AsyncClient
) -> None:
    document = await document_of(app, anonymous_client)

    things = document["paths"]["/things"]
    assert document["components"]["securitySchemes"] == {
        "access_token": {
            "type": "http",
            "scheme": "bearer",
            "description": f"An access token of {URL} for {AUDIENCE}.",
        }
    }
    assert things["get"]["security"] == [{"access_token": []}]
    assert things["post"]["security"] == [{"access_token": ["things:read", "things:write"]}]
    assert things["put"]["security"] == []
    assert document["paths"]["/health/live"]["get"]["security"] == []


async def test_the_document_says_how_it_refuses(
    app: FastAPI, anonymous_client: AsyncClient
) -> None:
    things = (await document_of(app, anonymous_client))["paths"]["/things"]

    told = {
        method: {
            status: response["content"]
            for status, response in operation["responses"].items()
            if status in ("401", "403")
        }
        for method, operation in things.items()
    }
    assert told == {"get": {"401": PROBLEM}, "post": {"401": PROBLEM, "403": PROBLEM}, "put": {}}
