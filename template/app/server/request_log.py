"""Gives each request an id and a log line, and answers unhandled exceptions. Plain ASGI."""

import re
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.core.errors import problem_response
from app.core.logger import logger
from app.core.statements import count_statements

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")


class RequestLog:
    """The outermost middleware: every answer has an id, every request one line."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        statements = count_statements()
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            if status is not None:  # too late for another answer: the server disconnects
                raise
            handler = getattr(scope.get("endpoint"), "__qualname__", None)
            logger.exception("Unhandled exception.", handler=handler, route=_route(scope))
            response = problem_response(
                500, "Internal error. Quote the request id when you report it."
            )
            await response(scope, receive, send_with_id)
        finally:
            route = _route(scope)
            log = logger.debug if route.startswith("/health/") else logger.info
            log(
                "request",
                method=scope["method"],
                route=route,
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
                sql_count=statements.count,
                sql_ms=round(statements.seconds * 1000, 1),
            )


def _request_id(scope: Scope) -> str:
    """The client's `X-Request-ID` if it is safe to log, otherwise a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid4().hex


def _route(scope: Scope) -> str:
    """The route's template, such as `/items/{item_id}`: there are too many paths to group by."""
    return getattr(scope.get("route"), "path", "unknown")
