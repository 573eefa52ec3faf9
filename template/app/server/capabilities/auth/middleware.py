"""Lets a request in whose token is valid, or whose handler is public. Plain ASGI."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from app.core.auth import PUBLIC_MARK
from app.core.errors import AppError
from app.server.capabilities.auth.verifier import Verifier


class RequireToken:
    """In front of the router: so mounts, websockets and routes that are added later are behind it.

    A token that is not valid does not close a public handler, which then has no caller.
    """

    def __init__(self, app: ASGIApp, *, service: FastAPI, verifier: Verifier) -> None:
        self.app = app
        self.service = service
        self.verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            state = scope.setdefault("state", {})
            state["caller"] = None
            try:
                caller = await self.verifier.caller(scope)
                state["caller"] = caller
                state["caller_id"] = f"{caller.client} {caller.subject}"  # whose idempotency keys
                bind_contextvars(subject=caller.subject)
            except AppError:
                if not is_public(self.service, scope):
                    raise
        await self.app(scope, receive, send)


def is_public(service: FastAPI, scope: Scope) -> bool:
    """Whether the handler that will be chosen is marked: the first one that matches wholly.

    Where the path has handlers for other methods alone, whether all of them are: a 405 then tells
    nobody what is closed.
    """
    of_other_methods = []
    for route in iter_route_contexts(service.routes):
        match, child_scope = route.matches(scope)
        is_open = is_marked(child_scope.get("endpoint"))
        if match is Match.FULL:
            return is_open
        if match is Match.PARTIAL:
            of_other_methods.append(is_open)
    return bool(of_other_methods) and all(of_other_methods)


def is_marked(endpoint: object) -> bool:
    return getattr(endpoint, PUBLIC_MARK, False) is True


def public_routes(service: FastAPI) -> Iterator[Any]:
    """The routes, as FastAPI lists them, that everybody may call."""
    for route in iter_route_contexts(service.routes):
        if is_marked(getattr(route, "endpoint", None) or getattr(route, "app", None)):
            yield route
