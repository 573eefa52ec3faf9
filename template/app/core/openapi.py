"""The API's own description: every error as it is really answered, and names for its operations."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.core.errors import Problem

Responses = dict[int | str, dict[str, Any]]

REFERENCE = "#/components/schemas/{model}"
PROBLEM = {
    "application/problem+json": {"schema": {"$ref": REFERENCE.format(model=Problem.__name__)}}
}
FROM_EVERY_OPERATION = (500, 503)
FROM_OPERATIONS_WITH_A_BODY = (400, 408, 413)


def problems(*statuses: int) -> Responses:
    """The errors of a route, for its `responses`. Those that every route can answer are implied."""
    return {status: {"description": HTTPStatus(status).phrase} for status in statuses}


def operation_id(route: APIRoute) -> str:
    """The handler's name: what generated clients call the operation. Must be unique."""
    return route.name


def describe_errors(app: FastAPI) -> None:
    """Have the OpenAPI document tell which problems each operation answers."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _describe_problems(generate())
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's manual has it


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
    responses = operation["responses"]
    with_body = FROM_OPERATIONS_WITH_A_BODY if "requestBody" in operation else ()
    for status, response in problems(*FROM_EVERY_OPERATION, *with_body).items():
        responses.setdefault(str(status), response)
    for status, response in responses.items():
        if status >= "400":
            response["content"] = PROBLEM
