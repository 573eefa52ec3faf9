"""What a client is told when something goes wrong: RFC 9457 problem details, and nothing else."""

from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from structlog.testing import capture_logs

from app.core.database import SessionDep
from app.core.errors import ConflictError
from tests.core.things import Thing

ID = {"X-Request-ID": "test-request-1"}


async def test_an_app_error_is_a_problem(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/things")
    async def refuse() -> None:
        raise ConflictError("The lamp is lit.")

    response = await client.get("/things", headers=ID)

    assert response.status_code == 409
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "The lamp is lit.",
        "request_id": "test-request-1",
    }


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


async def test_what_nobody_caught_is_a_problem_that_tells_nothing(
    app: FastAPI, client: AsyncClient
) -> None:
    @app.get("/things")
    async def fail() -> None:
        raise RuntimeError("the password is hunter2")

    response = await client.get("/things", headers=ID)

    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "The service has failed. Its log tells why.",
        "request_id": "test-request-1",
    }


@pytest.mark.parametrize(
    ("statement", "status", "errors"),
    [
        (
            "INSERT INTO thing (name) VALUES ('lamp'), ('lamp')",
            409,
            [{"pointer": "/body/name", "detail": "name is already taken"}],
        ),
        (
            "INSERT INTO thing (name) VALUES (NULL)",
            422,
            [{"pointer": "/body/name", "detail": "name is not acceptable"}],
        ),
        ("INSERT INTO thing (name, size) VALUES ('lamp', 0)", 422, None),
        ("INSERT INTO thing (name, size) VALUES ('lamp', 1 / 0)", 422, None),
        ("SELECT 'a'::int", 422, None),
        (
            "INSERT INTO thing (name, parent_id) VALUES ('lamp', 7)",
            422,
            [{"pointer": "/body/parent_id", "detail": "parent_id is not acceptable"}],
        ),
    ],
)
async def test_a_constraint_is_a_problem_that_names_the_field(
    app: FastAPI,
    client: AsyncClient,
    things: None,
    statement: str,
    status: int,
    errors: list[dict[str, str]] | None,
) -> None:
    @app.post("/things")
    async def write(session: SessionDep) -> None:
        await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        await session.execute(text(statement))

    response = await client.post("/things")

    assert response.status_code == status
    assert response.json().get("errors") == errors


async def test_what_is_still_referred_to_is_not_deleted(
    app: FastAPI, client: AsyncClient, things: None
) -> None:
    @app.delete("/things")
    async def delete(session: SessionDep) -> None:
        parent = Thing(name="lamp")
        session.add(parent)
        await session.flush()
        session.add(Thing(name="bulb", parent_id=parent.id))
        await session.flush()
        await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        await session.delete(parent)

    response = await client.delete("/things")

    assert response.status_code == 409
    assert response.json()["detail"] == "Other data still refers to this."


@pytest.mark.parametrize(
    "sqlstate",
    ["40001", "40P01", "55P03", "57014", "53300", "53100", "57P01", "57P03", "25P03", "08006"],
)
async def test_a_database_that_is_busy_or_away_is_a_503(
    app: FastAPI, client: AsyncClient, sqlstate: str
) -> None:
    @app.post("/things")
    async def fail(session: SessionDep) -> None:
        raise_error = f"DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '{sqlstate}'; END $$"
        await session.execute(text(raise_error))

    response = await client.post("/things")

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert "secret" not in response.text


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("secret"),
        TimeoutError("secret"),
        PoolTimeoutError("secret"),
        InterfaceError("SELECT", {}, Exception("secret")),
        DBAPIError("SELECT", {}, Exception("secret"), connection_invalidated=True),
    ],
)
async def test_a_connection_that_is_not_had_is_a_503(
    app: FastAPI, client: AsyncClient, error: Exception
) -> None:
    @app.post("/things")
    async def fail() -> None:
        raise error

    response = await client.post("/things")

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert "secret" not in response.text


async def test_a_missing_file_is_no_missing_database(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/things")
    async def fail() -> None:
        open("/does/not/exist")  # noqa: ASYNC230, PTH123, SIM115

    assert (await client.get("/things")).status_code == 500


async def test_a_statement_that_is_wrong_is_a_500_without_its_text(
    app: FastAPI, client: AsyncClient
) -> None:
    @app.get("/things")
    async def fail(session: SessionDep) -> None:
        await session.execute(text("SELECT secret FROM nothing"))

    response = await client.get("/things")

    assert response.status_code == 500
    assert "secret" not in response.text


async def test_a_response_that_has_begun_is_cut_off(app: FastAPI, client: AsyncClient) -> None:
    async def parts() -> AsyncIterator[str]:
        yield "a part"
        raise RuntimeError("no")

    @app.get("/things")
    async def stream() -> StreamingResponse:
        return StreamingResponse(parts())

    with pytest.raises(RuntimeError, match="no"):
        await client.get("/things")


async def test_a_service_that_is_not_available_logs_why(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/things")
    async def fail() -> None:
        raise PoolTimeoutError("all are taken")

    with capture_logs() as lines:
        await client.get("/things")

    [line] = [line for line in lines if line["log_level"] == "error"]
    assert line["event"] == "The database is not available. Try again."
    assert isinstance(line["exc_info"].__cause__, PoolTimeoutError)


async def test_an_exclusion_is_a_conflict(app: FastAPI, client: AsyncClient) -> None:
    @app.post("/things")
    async def write(session: SessionDep) -> None:
        await session.execute(
            text("DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '23P01'; END $$")
        )

    assert (await client.post("/things")).status_code == 409
