from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient


@pytest.fixture
async def document(client: AsyncClient) -> dict[str, Any]:
    document: dict[str, Any] = (await client.get("/openapi.json")).json()
    return document


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_every_error_is_described_as_a_problem(document: dict[str, Any]) -> None:
    described = {
        str(response.get("content"))
        for operation in operations(document)
        for status, response in operation["responses"].items()
        if status >= "400"
    }

    schema = {"$ref": "#/components/schemas/Problem"}
    assert described == {str({"application/problem+json": {"schema": schema}})}


def test_the_problem_is_described_once(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    assert schemas["Problem"]["required"] == ["title", "status", "detail"]
    assert "HTTPValidationError" not in schemas


def test_operations_are_named_as_their_handlers(app: FastAPI, document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(document)]

    assert {"live", "ready"} <= set(names)
    assert len(names) == len(set(names))


def test_operations_with_a_body_tell_how_a_body_is_refused(app: FastAPI) -> None:
    @app.post("/things")
    async def create_thing(data: dict[str, str]) -> None: ...

    responses = app.openapi()["paths"]["/things"]["post"]["responses"]

    of_callers = {"401", "403"}
    told = sorted(responses.keys() - of_callers)
    assert told == ["200", "400", "408", "413", "415", "422", "500", "503"]
