from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from httpx2 import AsyncClient
from sqlalchemy import text
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, get_contextvars
from structlog.testing import capture_logs

from app.core.database import SessionDep
from app.core.errors import ConflictError

ID = {"X-Request-ID": "test-request-1"}


async def test_a_request_is_one_line_with_its_statements(
    committing_app: FastAPI, committing_client: AsyncClient
) -> None:
    @committing_app.get("/things/{thing_id}")
    async def get_thing(session: SessionDep, thing_id: int) -> None:
        await session.execute(text("SELECT 1"))
        await session.execute(text("SELECT 2"))

    with capture_logs() as lines:
        await committing_client.get("/things/7")

    [line] = lines
    assert line.pop("duration_ms") > 0
    assert line.pop("sql_ms") > 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "client": "127.0.0.1",
        "method": "GET",
        "route": "/things/{thing_id}",
        "status": 200,
        "sql_count": 2,
    }


@pytest.mark.parametrize(
    ("method", "url", "route", "status"),
    [
        ("GET", "/openapi.json", "/openapi.json", 200),
        ("GET", "/docs", "/docs", 200),
        ("GET", "/static-offline-docs/favicon.png", "/static-offline-docs", 200),
        ("GET", "/health/live/", "redirect", 307),
        ("PUT", "/health/live", "/health/live", 405),
        ("POST", "/things/7", "/things/{thing_id}", 413),
        ("GET", "/nowhere", "unknown", 404),
        ("GET", "/plain/7", "unknown", 200),
    ],
)
async def test_a_line_has_the_route_and_not_the_path(
    app: FastAPI, client: AsyncClient, method: str, url: str, route: str, status: int
) -> None:
    @app.post("/things/{thing_id}", max_body_size=10)
    async def change_thing(thing_id: int) -> None: ...

    async def plain(_: Request) -> Response:
        return Response()

    app.add_route("/plain/{name}", plain)

    body = b"x" * 11 if status == 413 else b""
    with capture_logs() as lines:
        await client.request(method, url, content=body)

    assert [(line["route"], line["status"]) for line in lines] == [(route, status)]


async def test_probes_are_logged_at_debug(client: AsyncClient) -> None:
    with capture_logs() as lines:
        await client.get("/health/live")

    assert [(line["log_level"], line["route"]) for line in lines] == [("debug", "/health/live")]


@pytest.mark.parametrize("given", ["7d444840-9dc0-11d1-b245-5ffdce74fad2", "job.42_a"])
async def test_a_harmless_request_id_is_kept(client: AsyncClient, given: str) -> None:
    response = await client.get("/health/live", headers={"X-Request-ID": given})

    assert response.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "short", 'a"b' * 8, "a" * 129, "with space"])
async def test_another_request_id_is_replaced(client: AsyncClient, given: str) -> None:
    response = await client.get("/health/live", headers={"X-Request-ID": given})

    assert response.headers["X-Request-ID"] != given
    assert len(response.headers["X-Request-ID"]) == 32


async def test_an_exception_is_logged_once_with_its_traceback(
    app: FastAPI, client: AsyncClient
) -> None:
    @app.get("/things")
    async def fail() -> None:
        raise RuntimeError("no")

    with capture_logs() as lines:
        await client.get("/things")

    errors = [line for line in lines if line["log_level"] == "error"]
    assert [line["event"] for line in errors] == ["Unhandled exception."]


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
        "detail": "Internal error. Quote the request id when you report it.",
        "request_id": "test-request-1",
    }


async def test_a_response_that_has_begun_is_cut_off(app: FastAPI, client: AsyncClient) -> None:
    async def parts() -> AsyncIterator[str]:
        yield "a part"
        raise RuntimeError("no")

    @app.get("/things")
    async def stream() -> StreamingResponse:
        return StreamingResponse(parts())

    with pytest.raises(RuntimeError, match="no"):
        await client.get("/things")


async def test_what_a_request_binds_to_the_log_ends_with_it(
    app: FastAPI, client: AsyncClient
) -> None:
    bound = []

    @app.get("/things")
    async def bind() -> None:
        bound.append(sorted(get_contextvars()))
        bind_contextvars(user="ada")

    await client.get("/things")
    await client.get("/things")

    assert "user" not in bound[1]
    assert bound[0] == bound[1]


async def test_head_is_answered_as_get_without_a_body(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/things/{thing_id}")
    async def get_thing(thing_id: int) -> str:
        return "lamp"

    with capture_logs() as lines:
        head = await client.head("/things/7")
        missing = await client.head("/nowhere")
        wrong = await client.head("/things/x")
    get = await client.get("/things/7")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"] == "6"
    assert [(r.status_code, r.content) for r in (missing, wrong)] == [(404, b""), (422, b"")]
    logged = [(line["method"], line["route"], line["status"]) for line in lines]
    assert logged[0] == ("HEAD", "/things/{thing_id}", 200)


async def test_a_route_may_answer_head_itself(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/things")
    async def read() -> None:
        raise AssertionError("must not run")

    @app.head("/things")
    async def look(response: Response) -> None:
        response.headers["X-Count"] = "3"

    assert (await client.head("/things")).headers["X-Count"] == "3"


async def test_head_is_not_allowed_where_get_is_not(app: FastAPI, client: AsyncClient) -> None:
    @app.post("/things")
    async def create() -> None: ...

    response = await client.head("/things")

    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


async def test_an_error_of_middleware_is_a_problem(app: FastAPI, client: AsyncClient) -> None:
    class Refuse:
        def __init__(self, app: ASGIApp) -> None: ...

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise ConflictError("Not now.")

    app.user_middleware.append(Middleware(Refuse))  # the innermost

    response = await client.get("/health/live")

    assert (response.status_code, response.json()["detail"]) == (409, "Not now.")
