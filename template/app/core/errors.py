"""The errors a client is told about, and how they look: RFC 9457 problem details.

Services raise an `AppError`; routes don't catch it. A new kind of error is a subclass of its own.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import ClassVar

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match
from structlog.contextvars import get_contextvars

from app.core.logger import logger

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class InvalidValue(BaseModel):
    """A value of the request that is not accepted, and why."""

    pointer: str = Field(description="Where in the request", examples=["/body/name"])
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details: the body of every error."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str | None = None
    errors: list[InvalidValue] | None = None


class AppError(Exception):
    """An error with a status code and a sentence for the client."""

    status_code: ClassVar[int] = 500
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, detail: str, *, errors: Sequence[InvalidValue] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)


class NotFoundError(AppError):
    """What the URL names does not exist."""

    status_code = 404


class ConflictError(AppError):
    """The request is sound, but not in the present state of the data."""

    status_code = 409


class InvalidError(AppError):
    """The request breaks a rule. `errors` names the values that do."""

    status_code = 422


class UnavailableError(AppError):
    """The service cannot answer now; the same request may succeed in a second."""

    status_code = 503
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "1"}


def problem_response(
    status: int,
    detail: str,
    *,
    errors: Sequence[InvalidValue] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error as RFC 9457 wants it, with the request's id inside."""
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=get_contextvars().get("request_id"),
        errors=list(errors) or None,
    )
    return Response(
        problem.model_dump_json(exclude_none=True),
        status_code=status,
        headers=headers,
        media_type="application/problem+json",
    )


async def answer_app_error(_: Request, error: AppError) -> Response:
    """Also logs what is the service's own fault, with its traceback."""
    if error.status_code >= 500:
        logger.error(error.detail, exc_info=error)
    return problem_response(
        error.status_code, error.detail, errors=error.errors, headers=error.headers
    )


async def answer_http_exception(request: Request, error: HTTPException) -> Response:
    """Errors of FastAPI itself, such as an unknown URL, and those of `raise HTTPException(...)`."""
    if error.status_code < 400:  # a redirect, or "not modified": nothing to explain
        return Response(status_code=error.status_code, headers=error.headers)
    sentences = {
        "Not Found": f"There is nothing at {request.url.path}.",
        "Method Not Allowed": f"{request.method} is not possible at {request.url.path}.",
    }
    detail = sentences.get(error.detail, str(error.detail))
    headers = dict(error.headers or {})
    if "Allow" in headers:  # Starlette's: the methods of the first route that has this path
        headers["Allow"] = ", ".join(filter(partial(_is_allowed, request), METHODS))
    if error.status_code >= 500:
        logger.error(detail, exc_info=error)
    return problem_response(error.status_code, detail, headers=headers)


def _is_allowed(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)


async def answer_invalid_request(_: Request, error: RequestValidationError) -> Response:
    """What pydantic refuses, value by value, without repeating the values."""
    errors = [
        InvalidValue(pointer=_pointer(problem["loc"]), detail=problem["msg"])
        for problem in error.errors()
    ]
    return problem_response(422, "The request is not valid: see `errors`.", errors=errors)


def _pointer(location: Sequence[int | str]) -> str:
    """RFC 6901: `~` and `/` inside a name are escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def add_error_handlers(app: FastAPI) -> None:
    app.exception_handler(AppError)(answer_app_error)
    app.exception_handler(HTTPException)(answer_http_exception)
    app.exception_handler(RequestValidationError)(answer_invalid_request)
