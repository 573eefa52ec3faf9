# mypy: ignore-errors
"""The service without one of its parts, named by WITHOUT."""

import os
from contextlib import nullcontext
from uuid import UUID

import fastapi.routing
from app.core.config import settings
from app.core.database import ReadSessionDep
from app.items import service
from app.items.schemas import ItemRead
from app.main import create_app
from app.server.request_limits import RequestLimits
from app.server.request_log import RequestLog
from fastapi import Response
from pydantic_core import to_json
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

app = create_app(settings)


def remove_middleware(*removed):
    app.user_middleware = [each for each in app.user_middleware if each.cls not in removed]


def remove_problem_details():
    for kind in [kind for kind in app.exception_handlers if kind not in (400, 500)]:
        del app.exception_handlers[kind]


def remove_validation():
    """Send the same bytes from the entity's columns, by a route that matches first."""

    async def get_item(session: ReadSessionDep, item_id: UUID):
        item = await service.get_item(session, item_id)
        content = {name: getattr(item, name) for name in ItemRead.model_fields}
        return Response(to_json(content), media_type="application/json")

    app.add_api_route("/items/{item_id}", get_item, operation_id="first")
    app.router.routes.insert(0, app.router.routes.pop())


def remove_telemetry():
    app._native_telemetry.enabled = lambda: False
    nothing = nullcontext()
    fastapi.routing._operation = lambda **_: nothing
    fastapi.routing.get_telemetry_data = lambda: None


WITHOUT = {
    "request_log": lambda: remove_middleware(RequestLog),
    "body_limits": lambda: remove_middleware(RequestLimits, RequestBodyLimitMiddleware),
    "problems": remove_problem_details,
    "validation": remove_validation,
    "telemetry": remove_telemetry,
}
WITHOUT[os.environ["WITHOUT"]]()
