"""What happens around every request: its id, its log line, its limits. Plain ASGI."""

import asyncio
import re
import time
from uuid import uuid4

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.core.config import Settings
from app.core.engine import count_statements
from app.core.errors import problem_response
from app.core.logger import logger

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")


class RequestLog:
    """Gives each request an id and one log line, and answers what nobody caught."""

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
            if status is not None:  # too late for another answer: the server cuts the connection
                raise
            handler = getattr(scope.get("endpoint"), "__qualname__", None)
            logger.exception("Unhandled exception.", handler=handler, route=_route(scope))
            response = problem_response(500, "The service has failed. Its log tells why.")
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
    """The client's `X-Request-ID` if it is harmless in a log, a new one otherwise."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid4().hex


def _route(scope: Scope) -> str:
    """The route's template, such as `/items/{item_id}`: paths are too many to count by."""
    return getattr(scope.get("route"), "path", "unknown")


class BodyLimits:
    """Refuses bodies that are too large (413) or that take too long to arrive (408)."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, timeout_seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.timeout_seconds = timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > self.max_bytes:
            response = problem_response(413, self.too_large)
            await response(scope, receive, send)
            return
        await self.app(scope, self._limited(receive), send)

    @property
    def too_large(self) -> str:
        return f"The body must not be larger than {self.max_bytes} bytes."

    def _limited(self, receive: Receive) -> Receive:
        deadline = time.monotonic() + self.timeout_seconds
        received = 0
        complete = False

        async def limited_receive() -> Message:
            nonlocal received, complete
            if complete:  # what follows is the wait for the client to hang up
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), deadline - time.monotonic())
            except TimeoutError:
                sentence = f"The body must arrive within {self.timeout_seconds:g} seconds."
                raise HTTPException(408, sentence) from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > self.max_bytes:
                raise HTTPException(413, self.too_large)
            return message

        return limited_receive


def add_middleware(app: FastAPI, settings: Settings) -> None:
    """The last one added sees the request first."""
    app.add_middleware(
        BodyLimits,
        max_bytes=settings.max_body_bytes,
        timeout_seconds=settings.body_timeout_seconds,
    )
    app.add_middleware(RequestLog)
