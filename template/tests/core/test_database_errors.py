"""Which answer an error of the database becomes."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import pytest
from fastapi import FastAPI, Header
from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import (
    text,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from structlog.testing import capture_logs

from app.core.config import Settings
from app.core.database import (
    Database,
    ReadSessionDep,
    SessionDep,
)
from app.core.engine import LostConnectionError
from app.main import create_app
from tests.things import Thing, names

REFUSED = [
    ("INSERT INTO thing (name) VALUES ('lamp'), ('lamp')", "name", 409, "name is already taken"),
    ("INSERT INTO thing (name) VALUES (NULL)", "name", 422, "name is not acceptable"),
    ("INSERT INTO thing (name, size) VALUES ('x', 0)", "size", 422, "size is not acceptable"),
    (
        "INSERT INTO thing (name, parent_id) VALUES ('lamp', 7)",
        "parent_id",
        422,
        "parent_id is not acceptable",
    ),
]


@pytest.fixture
def execute(app: FastAPI, client: AsyncClient, things: None) -> Callable[..., Awaitable[Response]]:
    """Answers a request that executes a statement."""

    @app.get("/things")
    async def read(session: SessionDep, statement: Annotated[str, Header()]) -> None:
        await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        await session.execute(text(statement))

    @app.post("/things/{thing_id}")
    async def write(
        session: SessionDep, statement: Annotated[str, Header()], data: dict[str, object]
    ) -> None:
        await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        await session.execute(text(statement))

    async def execute(statement: str, *, url: str = "/things/1", **body: object) -> Response:
        headers = {"statement": statement}
        if url == "/things":
            return await client.get(url, headers=headers)
        return await client.post(url, headers=headers, json=body)

    return execute


@pytest.mark.parametrize(("statement", "field", "status", "detail"), REFUSED)
async def test_a_constraint_is_a_problem_that_names_the_field_of_the_request(
    execute: Callable[..., Awaitable[Response]],
    statement: str,
    field: str,
    status: int,
    detail: str,
) -> None:
    response = await execute(statement, **{field: "anything"})

    assert response.status_code == status
    assert response.json()["errors"] == [{"pointer": f"/body/{field}", "detail": detail}]


async def test_a_field_is_found_in_the_url_too(
    execute: Callable[..., Awaitable[Response]],
) -> None:
    statement = "INSERT INTO thing (name, parent_id) VALUES ('lamp', 7)"

    response = await execute(statement, url="/things/1?parent_id=7")

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/query/parent_id"]


@pytest.mark.parametrize(
    "statement",
    [
        *(statement for statement, _, status, _ in REFUSED if status == 422),
        "SELECT 1 / 0",
        "SELECT 'a'::int",
    ],
)
async def test_a_value_that_the_client_did_not_give_is_a_logged_500(
    execute: Callable[..., Awaitable[Response]], statement: str
) -> None:
    with capture_logs() as lines:
        response = await execute(statement, url="/things")

    assert response.status_code == 500
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "Unhandled exception."
    ]


async def test_a_conflict_names_no_field_that_the_client_did_not_give(
    execute: Callable[..., Awaitable[Response]],
) -> None:
    statement = "INSERT INTO thing (name) VALUES ('lamp'), ('lamp')"

    response = await execute(statement, url="/things")

    assert response.status_code == 409
    assert "errors" not in response.json()


@pytest.mark.parametrize("statement", ["SELECT 'a'::int", "SELECT 99999999999::int"])
async def test_a_value_of_the_request_that_does_not_fit_its_type_is_refused(
    execute: Callable[..., Awaitable[Response]], statement: str
) -> None:
    assert (await execute(statement, size="a")).status_code == 422


async def test_a_refusal_is_logged_without_values(
    execute: Callable[..., Awaitable[Response]],
) -> None:
    with capture_logs() as lines:
        await execute("INSERT INTO thing (name) VALUES ('hunter2'), ('hunter2')", name="hunter2")

    [line] = [line for line in lines if line["event"] == "Postgres refused a value."]
    assert line == {
        "event": "Postgres refused a value.",
        "log_level": "info",
        "sqlstate": "23505",
        "table_name": "thing",
        "column_name": None,
        "constraint_name": "thing_name_key",
    }


@pytest.mark.parametrize("where", ["in a flush", "in a savepoint", "at the commit"])
async def test_a_row_that_another_request_changed_first_is_a_conflict(
    app: FastAPI, client: AsyncClient, things: None, where: str
) -> None:
    @app.post("/things")
    async def change(session: SessionDep) -> None:
        thing = Thing(name="lamp")
        session.add(thing)
        await session.flush()
        await session.execute(text("DELETE FROM thing"))
        thing.name = "rug"
        if where == "in a savepoint":
            async with session.begin_nested():
                await session.flush()
        if where == "in a flush":
            await session.flush()

    response = await client.post("/things")

    assert response.status_code == 409
    assert response.json()["detail"] == "Another request changed or deleted this."


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


async def test_an_exclusion_is_a_conflict(app: FastAPI, client: AsyncClient) -> None:
    @app.post("/things")
    async def write(session: SessionDep) -> None:
        await session.execute(
            text("DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '23P01'; END $$")
        )

    assert (await client.post("/things")).status_code == 409


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
        LostConnectionError("secret"),
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


async def test_a_statement_that_is_wrong_is_a_500_without_its_text(
    app: FastAPI, client: AsyncClient
) -> None:
    @app.get("/things")
    async def fail(session: SessionDep) -> None:
        await session.execute(text("SELECT secret FROM nothing"))

    response = await client.get("/things")

    assert response.status_code == 500
    assert "secret" not in response.text


async def test_json_that_cannot_be_written_is_an_error_before_anything_is_sent(
    database: Database, things: None
) -> None:
    async with database.session() as session:
        session.add(Thing(name="lamp", data={"what": object()}))
        with pytest.raises(StatementError, match="Unable to serialize unknown type"):
            await session.flush()
        await session.rollback()

    assert await names(database) == []


async def test_a_full_pool_is_a_503(settings: Settings) -> None:
    tight = settings.model_copy(
        update={
            "postgres_pool_size": 1,
            "postgres_pool_max_overflow": 0,
            "postgres_pool_timeout_seconds": 0.01,
        }
    )
    app = create_app(tight)

    @app.get("/things")
    async def list_things(session: ReadSessionDep) -> None:
        await session.execute(text("SELECT 1"))

    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://test") as client,
    ):
        async with app.state.database.read() as session, session.begin():
            await session.connection()
            full = await client.get("/things")
            ready = await client.get("/health/ready")
        free = await client.get("/things")

    assert (full.status_code, full.headers["Retry-After"]) == (503, "1")
    assert ready.status_code == 200
    assert free.status_code == 200
