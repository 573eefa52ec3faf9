"""Turns every error into a problem: ours, FastAPI's, pydantic's and the database's."""

import time
from collections.abc import Mapping, Sequence
from functools import partial

from fastapi import FastAPI, Response
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY
from starlette.requests import HTTPConnection
from starlette.routing import Match
from starlette.types import Scope

from app.core.database_errors import explain
from app.core.errors import AppError, InvalidValue, UnavailableError, problem_response
from app.core.logger import logger
from app.server.state import ServiceState

MOST_ERRORS = 100
OUTAGE_ENDS_AFTER_SECONDS = 60
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


async def answer_app_error(_: HTTPConnection, error: AppError) -> Response:
    """Also logs a 5xx, with its traceback."""
    if error.status_code >= 500:
        logger.error(error.detail, exc_info=error)
    return _problem_of(error)


def _problem_of(error: AppError) -> Response:
    return problem_response(
        error.status_code, error.detail, errors=error.errors, headers=error.headers
    )


async def answer_http_exception(request: HTTPConnection, error: HTTPException) -> Response:
    """Errors of FastAPI itself, such as an unknown URL, and of `raise HTTPException(...)`."""
    if error.status_code < 400:  # a redirect, or "not modified"
        return Response(status_code=error.status_code, headers=error.headers)
    sentences = {
        "Not Found": f"There is nothing at {request.url.path}.",
        "Method Not Allowed": f"{method_of(request)} is not possible at {request.url.path}.",
        "Content Too Large": too_large(request.scope),
    }
    detail = sentences.get(error.detail, str(error.detail))
    headers = dict(error.headers or {})
    if "Allow" in headers:  # Starlette's: the methods of the first route that has this path
        allowed = filter(partial(is_routed, request.scope), METHODS)
        headers["Allow"] = ", ".join(allowed).replace("GET", "GET, HEAD")
    if error.status_code >= 500:
        logger.error(detail, exc_info=error)
    return problem_response(error.status_code, detail, headers=headers)


def too_large(scope: Scope) -> str:
    """The sentence of a 413, by the limit of the route or, without one, of the service."""
    return f"The body must not be larger than {scope.get(MAX_BODY_SIZE_SCOPE_KEY)} bytes."


def method_of(connection: HTTPConnection) -> str:
    return str(connection.scope.get("method", "WEBSOCKET"))


def is_routed(scope: Scope, method: str) -> bool:
    """Whether there is a route for this method at the path of the request."""
    routes = scope["app"].router.routes
    return any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)


async def answer_invalid_request(
    _: HTTPConnection, error: RequestValidationError | WebSocketRequestValidationError
) -> Response:
    """Name each value that pydantic refuses, without repeating the value."""
    errors = [
        InvalidValue(pointer=_pointer(problem["loc"]), detail=problem["msg"])
        for problem in error.errors()[:MOST_ERRORS]
    ]
    return problem_response(422, "The request is not valid: see `errors`.", errors=errors)


def _pointer(location: Sequence[int | str]) -> str:
    """RFC 6901: `~` and `/` inside a name are escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


async def answer_database_error(request: HTTPConnection, error: Exception) -> Response:
    """Answer errors that the client can act on; others are unhandled exceptions."""
    explained = explain(error, method_of(request), _given(request))
    if explained is None:
        raise error
    if isinstance(explained, UnavailableError):
        _log_unavailable(request.app.state, explained.detail, error)
    return _problem_of(explained)


def _log_unavailable(state: ServiceState, detail: str, error: BaseException) -> None:
    """One short line for each request, and a traceback for each outage."""
    began = time.monotonic() - state.unavailable_at > OUTAGE_ENDS_AFTER_SECONDS
    state.unavailable_at = time.monotonic()
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    name = f"{type(cause).__module__}.{type(cause).__qualname__}"
    code = getattr(cause, "sqlstate", None)
    logger.error(detail, error=name, sqlstate=code, exc_info=error if began else None)


def _given(request: HTTPConnection) -> dict[str, str]:
    """Where each value of the request is, by its name."""
    # Only a body that FastAPI has read: to read another one here could wait for ever.
    body = getattr(request, "_json", None)
    places: dict[str, Mapping[str, object]] = {
        "query": request.query_params,
        "path": request.path_params,
        "body": body if isinstance(body, dict) else {} if body is None else {"": body},
    }
    return {
        name: f"/{place}{_pointer([name])}" for place, values in places.items() for name in values
    }


async def answer_uncaught(request: HTTPConnection, error: Exception) -> Response:
    """Answer the errors of middleware, and those that nobody expected: these without a detail."""
    if isinstance(error, AppError):
        return await answer_app_error(request, error)
    if isinstance(error, HTTPException):
        return await answer_http_exception(request, error)
    handler = getattr(request.scope.get("endpoint"), "__qualname__", None)
    route = getattr(request.scope.get("route"), "path", "unknown")
    logger.error("Unhandled exception.", handler=handler, route=route, exc_info=error)
    return problem_response(500, "Internal error. Quote the request id when you report it.")


def add_error_handlers(app: FastAPI) -> None:
    app.exception_handler(AppError)(answer_app_error)
    app.exception_handler(HTTPException)(answer_http_exception)
    app.exception_handler(RequestValidationError)(answer_invalid_request)
    app.exception_handler(WebSocketRequestValidationError)(answer_invalid_request)
    app.exception_handler(SQLAlchemyError)(answer_database_error)
