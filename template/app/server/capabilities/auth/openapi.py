"""Makes the OpenAPI document say who may call what."""

from typing import Any

from fastapi import FastAPI

from app.core.errors import problems
from app.server.capabilities.auth.middleware import public_routes
from app.server.capabilities.auth.settings import Settings
from app.server.openapi import PROBLEM

SCHEME = "access_token"


def describe_security(app: FastAPI, settings: Settings) -> None:
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _describe_security(app, generate(), settings)
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's manual does it


def _describe_security(app: FastAPI, document: dict[str, Any], settings: Settings) -> None:
    document.setdefault("components", {}).setdefault("securitySchemes", {})[SCHEME] = {
        "type": "http",
        "scheme": "bearer",
        "description": f"An access token of {settings.oidc_issuer} for {settings.oidc_audience}.",
    }
    open_to_all = {
        (route.path_format, method.lower())
        for route in public_routes(app)
        for method in route.methods or ()
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if (path, method) in open_to_all:
                operation["security"] = []
            else:
                _want_token(operation)


def _want_token(operation: dict[str, Any]) -> None:
    wanted = operation.setdefault("security", [{SCHEME: []}])
    statuses = (401, 403) if any(each.get(SCHEME) for each in wanted) else (401,)
    for status, response in problems(*statuses).items():
        described = operation["responses"].setdefault(str(status), response)
        described["content"] = PROBLEM
