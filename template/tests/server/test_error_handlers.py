"""What a client is told when something goes wrong, and nothing else."""

from http import HTTPStatus

import pytest
from fastapi import FastAPI, HTTPException
from httpx2 import AsyncClient
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from structlog.testing import capture_logs

ID = {"X-Request-ID": "test-request-1"}


async def test_an_http_exception_is_a_problem_and_keeps_its_headers(
    app: FastAPI, client: AsyncClient
) -> None:
    @app.get("/things")
    async def refuse() -> None:
        raise HTTPException(401, "Who are you?", headers={"WWW-Authenticate": "Basic"})

    response = await client.get("/things", headers=ID)

    assert response.headers["WWW-Authenticate"] == "Basic"
    assert response.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "Who are you?",
        "request_id": "test-request-1",
    }


async def test_a_redirect_is_no_problem(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/things")
    async def move() -> None:
        raise HTTPException(307, headers={"Location": "/others"})

    response = await client.get("/things")

    assert (response.status_code, response.content) == (307, b"")
    assert response.headers["Location"] == "/others"


async def test_an_unknown_url_is_a_problem(client: AsyncClient) -> None:
    response = await client.get("/nowhere", headers=ID)

    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at /nowhere.",
        "request_id": "test-request-1",
    }


async def test_a_wrong_method_is_a_problem(client: AsyncClient) -> None:
    response = await client.delete("/health/live", headers=ID)

    assert response.headers["Allow"] == "GET"
    assert response.json() == {
        "type": "about:blank",
        "title": "Method Not Allowed",
        "status": 405,
        "detail": "DELETE is not possible at /health/live.",
        "request_id": "test-request-1",
    }


async def test_a_wrong_method_is_told_every_right_one(app: FastAPI, client: AsyncClient) -> None:
    @app.patch("/things/{thing_id}")
    @app.delete("/things/{thing_id}")
    async def change(thing_id: int) -> None: ...

    response = await client.post("/things/7")

    assert response.headers["Allow"] == "PATCH, DELETE"


async def test_an_invalid_request_is_a_problem_that_names_each_value(
    app: FastAPI, client: AsyncClient
) -> None:
    @app.post("/things")
    async def create_thing(size: int, data: dict[str, int]) -> None: ...

    response = await client.post("/things?size=large", json={"a/b~c": "x"}, headers=ID)

    not_a_number = "Input should be a valid integer, unable to parse string as an integer"
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "detail": "The request is not valid: see `errors`.",
        "request_id": "test-request-1",
        "errors": [
            {"pointer": "/query/size", "detail": not_a_number},
            {"pointer": "/body/a~1b~0c", "detail": not_a_number},
        ],
    }


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(111, "the mail server is away"),
        TimeoutError("another service is slow"),
        FileNotFoundError(2, "No such file", "/does/not/exist"),
    ],
)
async def test_an_error_of_something_else_is_not_told_as_the_database_s(
    app: FastAPI, client: AsyncClient, error: OSError
) -> None:
    @app.get("/things")
    async def fail() -> None:
        raise error

    with capture_logs() as lines:
        response = await client.get("/things")

    assert response.status_code == 500
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "Unhandled exception."
    ]


async def test_a_service_that_is_not_available_logs_why(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/things")
    async def fail() -> None:
        raise PoolTimeoutError("all are taken")

    with capture_logs() as lines:
        await client.get("/things")

    [line] = [line for line in lines if line["log_level"] == "error"]
    assert line["event"] == "The database is not available. Try again."
    assert isinstance(line["exc_info"].__cause__, PoolTimeoutError)
