"""Gives each request an id and a log line, and answers unhandled exceptions. Plain ASGI."""

import re
import time
from uuid import uuid4

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.core.logger import logger
from app.core.postgres.statements import count_statements
from app.server.error_handlers import answer_uncaught, is_routed
from app.server.response_headers import ResponseHeaders

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")


class RequestLog:
    """The outermost middleware: every answer has an id, every request one line."""

    def __init__(self, app: ASGIApp, headers: ResponseHeaders) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method = scope["method"]
        if method == "HEAD" and not is_routed(scope, "HEAD"):
            scope = {**scope, "method": "GET"}
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
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                self.headers.add(headers, scope)
                await send(message)
                if method == "HEAD":
                    await send({"type": "http.response.body"})
            elif method != "HEAD":
                await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            if status is not None:  # too late for another answer: the server disconnects
                raise
            response = await answer_uncaught(Request(scope), error)
            await response(scope, receive, send_with_id)
        finally:
            route = _route(scope)
            log = logger.debug if route.startswith("/health/") else logger.info
            log(
                "request",
                method=method,
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
