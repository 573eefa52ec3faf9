"""Who calls: `CallerDep` in a route, `requires("items:write")` among its dependencies.

Every route wants a valid access token, mounts and websockets too, unless it is marked `@public`:
`app/server/capabilities/auth` sees to it before a handler is chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from app.core.errors import AppError

PUBLIC_MARK = "is_public"
Endpoint = TypeVar("Endpoint")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent the request, by its access token. `claims` has all that the token says, frozen."""

    subject: str
    client: str | None
    scopes: frozenset[str]
    claims: Mapping[str, Any]


class UnauthenticatedError(AppError):
    """There is no access token, or it is not valid. `reason` is a code of RFC 6750."""

    status_code = 401

    def __init__(self, detail: str, reason: str | None = "invalid_token") -> None:
        super().__init__(detail)
        challenge = f'Bearer error="{reason}", error_description="{detail}"' if reason else "Bearer"
        self.headers = {"WWW-Authenticate": challenge}  # type: ignore[misc]  # each has its own


class MissingScopeError(AppError):
    """The caller is known, and may not do this."""

    status_code = 403

    def __init__(self, missing: str) -> None:
        super().__init__(f"This needs the scope {missing}.")
        challenge = f'Bearer error="insufficient_scope", scope="{missing}"'
        self.headers = {"WWW-Authenticate": challenge}  # type: ignore[misc]  # each has its own


def public(endpoint: Endpoint) -> Endpoint:
    """Serve a handler to everybody: `@public` below `@router.get(...)`.

    So is a mounted app: `app.mount("/files", public(StaticFiles(...)))`.
    """
    setattr(endpoint, PUBLIC_MARK, True)
    return endpoint


class _AccessToken(SecurityBase):
    """The caller, of whom the OpenAPI document says that an access token makes them known."""

    def __init__(self) -> None:
        self.model = HTTPBearer(bearerFormat="JWT")
        self.scheme_name = "access_token"

    async def __call__(self, connection: HTTPConnection) -> Caller:
        caller: Caller | None = connection.scope.get("state", {}).get("caller")
        if caller is None:  # a public route
            raise UnauthenticatedError("Send an access token of yours.", reason=None)
        return caller


CallerDep = Annotated[Caller, Depends(_AccessToken())]


async def _check_scopes(wanted: SecurityScopes, caller: CallerDep) -> Caller:
    if missing := [scope for scope in wanted.scopes if scope not in caller.scopes]:
        raise MissingScopeError(" ".join(missing))
    return caller


def requires(*scopes: str) -> Any:
    """A dependency that answers 403 to a caller without one of these scopes.

    For a route or a router, `dependencies=[requires("items:write")]`; for a parameter,
    `caller: Annotated[Caller, requires("items:write")]`.
    """
    return Security(_check_scopes, scopes=scopes)
