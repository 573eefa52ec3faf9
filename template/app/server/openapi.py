"""Makes the OpenAPI document describe every error as it is really answered; names operations."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.core.errors import Problem, problems

REFERENCE = "#/components/schemas/{model}"
PROBLEM = {
    "application/problem+json": {"schema": {"$ref": REFERENCE.format(model=Problem.__name__)}}
}

BY_HEADER = {"Idempotency-Key": (400, 409, 422), "If-Match": (412,), "If-None-Match": (304,)}


def operation_id(route: APIRoute) -> str:
    """The handler's name, which generated clients give to the operation. Must be unique."""
    return route.name


def describe_problems(app: FastAPI) -> None:
    """Add to the OpenAPI document what `FastAPI(responses=...)` cannot express."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _describe_problems(generate())
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's manual does it


def _describe_problems(document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for replaced in ("HTTPValidationError", "ValidationError"):  # FastAPI's own 422
        schemas.pop(replaced, None)
    problem = Problem.model_json_schema(ref_template=REFERENCE)
    schemas |= problem.pop("$defs") | {Problem.__name__: problem}
    for path in document["paths"].values():
        for operation in path.values():
            _describe_operation(operation)


def _describe_operation(operation: dict[str, Any]) -> None:
    """Only an operation with a body refuses bodies, and so with headers. Errors are problems."""
    responses = operation["responses"]
    described = [400, 408, 413, 415] if "requestBody" in operation else []
    for parameter in operation.get("parameters", ()):
        described += BY_HEADER.get(parameter["name"], ())
        parameter["required"] |= parameter["name"] == "If-Match" and "428" in responses
    for status, response in problems(*described).items():
        responses.setdefault(str(status), response)
    for status, response in responses.items():
        if status >= "400":
            response["content"] = PROBLEM
