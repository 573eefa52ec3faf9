"""What a client is told when something goes wrong, and nothing else."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from httpx2 import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from structlog.testing import capture_logs

from app.core.config import Settings
from app.core.database import ReadSessionDep
from app.core.errors import UnavailableError
from app.core.logger import configure_logging

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

    assert response.headers["Allow"] == "GET, HEAD"
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


async def test_a_hundred_invalid_values_are_named_at_most(
    app: FastAPI, client: AsyncClient
) -> None:
    @app.post("/things")
    async def create_thing(data: list[int]) -> None: ...

    response = await client.post("/things", json=["x"] * 1000)

    pointers = [error["pointer"] for error in response.json()["errors"]]
    assert pointers == [f"/body/{number}" for number in range(100)]


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


@pytest.fixture
def lines(app: FastAPI, capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """What the service has logged since the last call."""

    @app.get("/things")
    async def wait() -> None:
        raise PoolTimeoutError("all are taken")

    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_an_outage_is_one_traceback_and_a_short_line_for_each_request(
    client: AsyncClient, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    for _ in range(3):
        await client.get("/things")

    errors = [line for line in lines() if line["level"] == "error"]
    assert [line.pop("exception", "").splitlines()[-1:] for line in errors] == [
        ["sqlalchemy.exc.TimeoutError: all are taken"],
        [],
        [],
    ]
    assert {name: errors[2][name] for name in ("event", "error", "sqlstate")} == {
        "event": "The database is not available. Try again.",
        "error": "sqlalchemy.exc.TimeoutError",
        "sqlstate": None,
    }


async def test_the_next_outage_has_a_traceback_of_its_own(
    app: FastAPI, client: AsyncClient, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    await client.get("/things")
    app.state.unavailable_at -= 61
    await client.get("/things")

    assert len([line for line in lines() if "exception" in line]) == 2


async def test_a_503_takes_600_bytes_of_log(
    committing_app: FastAPI, committing_client: AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    @committing_app.get("/things/{thing_id}")
    async def fail(session: ReadSessionDep, thing_id: int) -> None:
        await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    configure_logging(Settings(service_name="a-shop"))  # names have any length
    await committing_client.get("/things/7")
    capsys.readouterr()
    response = await committing_client.get("/things/7")

    lines = capsys.readouterr().out.splitlines(keepends=True)
    written = [line for line in lines if '"httpx2"' not in line]  # which the test itself uses
    assert response.status_code == 503
    assert [json.loads(line).get("sqlstate") for line in written] == ["57P01", None]
    alone = [line.replace('"subject":"tester",', "") for line in written]  # `auth` adds who calls
    assert len("".join(alone).encode()) <= 600


async def test_a_503_of_a_handler_has_its_traceback(app: FastAPI, client: AsyncClient) -> None:
    error = UnavailableError("The mail server is away.")

    @app.get("/things")
    async def fail() -> None:
        raise error

    with capture_logs() as lines:
        response = await client.get("/things")

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert [line.get("exc_info") for line in lines if line["log_level"] == "error"] == [error]
