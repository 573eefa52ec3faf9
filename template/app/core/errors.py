"""The errors that clients get, as RFC 9457 problem details.

Services raise an `AppError`; routes don't catch it. For a new kind of error, add a subclass.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import Response
from pydantic import BaseModel, Field
from structlog.contextvars import get_contextvars


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


class PreconditionFailedError(AppError):
    """The client has not seen the present version."""

    status_code = 412


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


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for its `responses`. Those of every route need no declaration."""
    return {status: {"description": HTTPStatus(status).phrase} for status in statuses}
