"""Gives each request and websocket an id and a log line, and answers unhandled exceptions."""

import re
import time
from dataclasses import dataclass
from uuid import uuid4

from fastapi import WebSocketDisconnect
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.core.logger import logger
from app.core.postgres.statements import count_statements
from app.server.error_handlers import answer_uncaught, is_routed, method_of
from app.server.response_headers import ResponseHeaders

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
QUIET = ("/health/", "/static-offline-docs")
ACCEPTED = 101  # a websocket's handshake, in HTTP
INTERNAL_ERROR, POLICY_VIOLATION = 1011, 1008  # codes of RFC 6455


class RequestLog:
    """Outside of all middleware but CORS: every answer has an id, every request one line."""

    def __init__(self, app: ASGIApp, headers: ResponseHeaders) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        method = method_of(HTTPConnection(scope))
        if method == "HEAD" and not is_routed(scope, "HEAD"):
            scope = {**scope, "method": "GET"}
        request_id = _request_id(scope)
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        answer = _Answer(scope, send, method, request_id, self.headers)
        started, statements = time.perf_counter(), count_statements()
        try:
            await self.app(scope, receive, answer.send)
        except WebSocketDisconnect:
            pass  # the client has gone
        except Exception as error:
            if answer.status not in (None, ACCEPTED):  # too late: the server disconnects
                raise
            response = await answer_uncaught(HTTPConnection(scope), error)
            await response(scope, receive, answer.send)
        finally:
            route = _route(scope, answer.status)
            log = logger.debug if route.startswith(QUIET) else logger.info
            log(
                "request",
                client=(scope.get("client") or [None])[0],
                method=method,
                route=route,
                status=answer.status,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
                sql_count=statements.count,
                sql_ms=round(statements.seconds * 1000, 1),
            )


@dataclass
class _Answer:
    """Adds headers to a response or handshake, and remembers its status."""

    scope: Scope
    to_client: Send
    method: str
    request_id: str
    headers: ResponseHeaders
    status: int | None = None

    async def send(self, message: Message) -> None:
        kind = message["type"].removeprefix("websocket.")
        if self.status == ACCEPTED and kind.startswith("http."):
            await self._close(message)
        elif kind in ("accept", "http.response.start"):
            self.status = message.get("status", ACCEPTED)
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            headers["X-Request-ID"] = self.request_id
            self.headers.add(headers, self.scope)
            await self.to_client(message)
            if self.method == "HEAD":
                await self.to_client({"type": "http.response.body"})
        elif self.method != "HEAD":
            self.status = self.status or 403  # a websocket that is closed, not accepted
            await self.to_client(message)

    async def _close(self, problem: Message) -> None:
        """An open websocket takes no response any more: its code says whose fault it was."""
        if status := problem.get("status"):
            code = INTERNAL_ERROR if status >= 500 else POLICY_VIOLATION
            await self.to_client({"type": "websocket.close", "code": code, "reason": ""})


def _request_id(scope: Scope) -> str:
    """The client's `X-Request-ID` if it is safe to log, otherwise a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid4().hex


def _route(scope: Scope, status: int | None) -> str:
    """The route's template, such as `/items/{item_id}`: there are too many paths to group by."""
    if path := getattr(scope.get("route"), "path", None):
        return str(path)
    if status == 307:
        return "redirect"  # to the same path with a slash at its end, or without
    if "endpoint" in scope:  # a mount, or a document of FastAPI's
        mount = scope["root_path"].removeprefix(scope.get("app_root_path", ""))
        return str(mount or ("unknown" if scope["path_params"] else scope["path"]))
    return "unknown"
